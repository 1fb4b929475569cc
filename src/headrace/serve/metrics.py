"""Prometheus metrics: what runs, calls and requests did, and how things stand now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector

from headrace import __version__
from headrace.model import Run
from headrace.run.job import Job

_RUN_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_REQUEST_SECONDS = (0.005, 0.025, 0.1, 0.25, 1, 5, 15)


class Metrics:
    """The metrics of one process. ``jobs`` gives the runs in hand."""

    def __init__(self, jobs: Callable[[], Mapping[str, Job]]) -> None:
        self._jobs = jobs
        here = self.registry = CollectorRegistry()
        by_outcome = ("sync", "destination", "outcome")
        self._runs = Counter("headrace_runs", "Runs that ended.", ("sync", "state"), registry=here)
        self._calls = Counter("headrace_calls", "Calls by what became of them.", by_outcome, registry=here)
        self._rows = Counter("headrace_rows_extracted", "Rows read by runs that ended.", ("sync",), registry=here)
        self._seconds = Histogram(
            "headrace_run_seconds", "How long runs took.", ("sync",), buckets=_RUN_SECONDS, registry=here
        )
        by_answer = ("part", "method", "status")
        self._requests = Histogram(
            "headrace_request_seconds", "How long requests took.", by_answer, buckets=_REQUEST_SECONDS, registry=here
        )
        self._received = Counter(
            "headrace_calls_received", "Calls that came over HTTP and are durable.", ("source",), registry=here
        )
        ProcessCollector(registry=here)
        here.register(self)

    def ended(self, run: Run) -> None:
        """Count a run that ended."""
        self._runs.labels(run.sync, run.state).inc()
        self._rows.labels(run.sync).inc(run.extracted)
        for destination, counts in run.counts.items():
            for outcome, number in asdict(counts).items():
                if number and outcome != "pending":
                    self._calls.labels(run.sync, destination, outcome).inc(number)
        if run.started_at and run.ended_at:
            self._seconds.labels(run.sync).observe((run.ended_at - run.started_at).total_seconds())

    def answered(self, part: str, method: str, status: int, seconds: float) -> None:
        """Count a request. ``part``: api, ingest, events, other."""
        self._requests.labels(part, method if method in _METHODS else "other", f"{status // 100}xx").observe(seconds)

    def received(self, source: str, calls: int) -> None:
        self._received.labels(source).inc(calls)

    def collect(self) -> Iterable[Metric]:
        """How things stand now."""
        live = GaugeMetricFamily("headrace_live_runs", "Runs in the hands of this process.", labels=["sync", "phase"])
        for job in self._jobs().values():
            live.add_metric([job.run.sync, job.tally.phase], 1)
        yield live
        info = GaugeMetricFamily("headrace_info", "The version that runs.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info

    def text(self) -> bytes:
        """The exposition that Prometheus scrapes."""
        return generate_latest(self.registry)
