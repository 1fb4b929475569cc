"""Structured logs on standard error: a line each, JSON or text; known secrets never pass.

Modules log with the standard library, `logging.getLogger(__name__)`, and give facts as ``extra={…}``.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import structlog
from structlog.types import EventDict, Processor

from headrace.model import Secret
from headrace.project import Project

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROLS_IN_LINES = re.compile("[\x00-\t\x0b-\x1f\x7f-\x9f]")  # a traceback has lines
_SHORTEST_SECRET = 4  # characters; shorter ones would black out half of every line
_QUIET = ("asyncssh", "uvicorn.error", "snowflake", "google", "urllib3")


def set_up(form: str, secrets: Callable[[], Collection[str]]) -> None:
    """Send all logs to standard error as ``json`` or ``text``. ``secrets`` gives what must never be written."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _extras,
        structlog.processors.format_exc_info,
        _Redact(secrets),
    ]
    last: list[Processor] = (
        [structlog.processors.JSONRenderer(ensure_ascii=False)]
        if form == "json"
        else [_harmless, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _extras(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """What was given as ``extra`` becomes keys of the line."""
    record = event.get("_record")
    if record is not None:
        event.update({key: value for key, value in vars(record).items() if key not in _STANDARD and key[0] != "_"})
    return event


def _harmless(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Text from outside forges no lines and moves no cursor: control characters are written as their numbers."""
    for key, controls in (("event", _CONTROLS), ("exception", _CONTROLS_IN_LINES)):
        if isinstance(event.get(key), str):
            event[key] = controls.sub(lambda found: ascii(found[0])[1:-1], event[key].rstrip())
    return event


class _Redact:
    """Puts dots where a known secret stands, whatever key or sentence it came in."""

    def __init__(self, secrets: Callable[[], Collection[str]]) -> None:
        self._secrets = secrets

    def __call__(self, _logger: Any, _name: str, event: EventDict) -> EventDict:
        known = sorted((text for text in self._secrets() if len(text) >= _SHORTEST_SECRET), key=len, reverse=True)
        return {key: self._clean(value, known) if key[0] != "_" else value for key, value in event.items()}

    def _clean(self, value: Any, known: Collection[str]) -> Any:
        if isinstance(value, str):
            for secret in known:
                value = value.replace(secret, "•••")
            return value
        if isinstance(value, dict):
            return {self._clean(key, known): self._clean(item, known) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(item, known) for item in value]
        return value if isinstance(value, int | float | bool | None) else self._clean(str(value), known)


def secrets_of(project: Project) -> set[str]:
    """Every secret that the configuration holds, as text."""
    held = [project.sources, project.destinations, project.alerts, project.service]
    return {secret.reveal() for secret in _secrets(held)}


def _secrets(held: Any) -> Iterator[Secret]:
    if isinstance(held, Secret):
        yield held
    elif isinstance(held, Mapping):
        yield from (secret for item in held.values() for secret in _secrets(item))
    elif isinstance(held, list | tuple):
        yield from (secret for item in held for secret in _secrets(item))
    elif is_dataclass(held):
        yield from (secret for field in fields(held) for secret in _secrets(getattr(held, field.name)))
