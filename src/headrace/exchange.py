"""What went over HTTP, for whoever wants to know.

    with noted() as exchanges:
        await destination.send(batch)
    exchanges[-1].status

Outside such a block nothing is noted and nothing is spent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from headrace.ports import HttpReply

TEXT = 500  # characters of an answer that are shown
_DOTS = "•••"
# What a path is built of: words and versions. Anything else may be a token, as in the addresses of web hooks.
_PLAIN = re.compile(r"(?:v?\d{1,2}|(?:[a-z]{1,15}|[A-Z][a-z]{0,14}|[A-Z]{1,4})(?:[-_.](?:[a-z]{1,15}|\d{1,2}))*)")


@dataclass(slots=True)
class Exchange:
    """One request and what came of it. ``reply`` is None where no answer came; then ``problem`` says why."""

    method: str
    url: str  # as `shown` shows it
    at: datetime
    reply: HttpReply | None = None
    problem: str = ""
    _came: HttpReply | None = field(init=False, repr=False)  # the answer before anything was struck out of it

    def __post_init__(self) -> None:
        self._came = self.reply

    @property
    def request(self) -> str:
        """Method and address, without secrets."""
        return f"{self.method} {self.url}"

    def strike(self, reply: HttpReply, struck: Callable[[HttpReply], HttpReply]) -> None:
        """Strike secrets out, if this is the answer they are in."""
        if self.reply is not None and self._came is reply:
            self.reply = struck(self.reply)

    @property
    def status(self) -> int | None:
        return self.reply.status if self.reply is not None else None

    @property
    def text(self) -> str:
        """The start of the answer, printable, on one line; or why none came."""
        return self.reply.text(TEXT) if self.reply is not None else self.problem


_notes: ContextVar[list[Exchange] | None] = ContextVar("exchanges", default=None)


@contextmanager
def noted() -> Iterator[list[Exchange]]:
    """Collect the exchanges that happen inside the block, in the order of their ends; also in tasks it starts."""
    exchanges: list[Exchange] = []
    token = _notes.set(exchanges)
    try:
        yield exchanges
    finally:
        _notes.reset(token)


def noting() -> bool:
    """Whether anybody wants to know."""
    return _notes.get() is not None


def note(exchange: Exchange) -> None:
    """Tell of an exchange, where somebody wants to know."""
    notes = _notes.get()
    if notes is not None:
        notes.append(exchange)


def strike(reply: HttpReply, struck: Callable[[HttpReply], HttpReply]) -> None:
    """Strike secrets out of what was noted of an answer: whoever sent the request knows them best."""
    for exchange in _notes.get() or ():
        exchange.strike(reply, struck)


def shown(url: str) -> str:
    """An address without what may be secret: its user, the values of its query, path segments that are no words."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return _DOTS
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    path = "/".join(part if not part or _PLAIN.fullmatch(part) else _DOTS for part in parts.path.split("/"))
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    query = "&".join(f"{name if _PLAIN.fullmatch(name) else _DOTS}={_DOTS}" for name in names)
    return f"{parts.scheme}://{host}{port}{path}" + (f"?{query}" if query else "")


def hidden(url: str) -> list[str]:
    """What `shown` leaves out of an address, for an answer may repeat it."""
    try:
        parts = urlsplit(url)
        values = [value for _, value in parse_qsl(parts.query, keep_blank_values=True)]
    except ValueError:
        return []
    segments = [part for part in parts.path.split("/") if part and not _PLAIN.fullmatch(part)]
    return [text for text in (parts.username, parts.password, *values, *segments) if text]
