"""OpenTelemetry traces: a span per run and per step of it, sent by OTLP over HTTP where ``service.trace_to`` says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from headrace import __version__
from headrace.errors import UsageError
from headrace.run.job import Spans, no_spans


@contextmanager
def tracing(endpoint: str) -> Iterator[Spans]:
    """What makes spans while it is open. Raises `UsageError` (``tracing_missing``) without the optional packages."""
    if not endpoint:
        yield no_spans
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise UsageError(
            'Traces need packages that are not installed. Install them: pip install "headrace[tracing]"',
            code="tracing_missing",
        ) from None
    provider = TracerProvider(resource=Resource({"service.name": "headrace", "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    tracer = provider.get_tracer("headrace")

    def span(step: str, sync: str, run: str) -> AbstractContextManager[object]:
        return tracer.start_as_current_span(step, attributes={"headrace.sync": sync, "headrace.run": run})

    try:
        yield span
    finally:
        provider.shutdown()
