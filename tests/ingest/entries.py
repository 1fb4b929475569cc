"""The entry in this process: requests go in as ASGI, and what was accepted is looked up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.types import Message

from headrace.calls.received import Received, from_lines
from headrace.clock import SystemClock
from headrace.errors import HeadraceError
from headrace.ingest.app import Entry, routes
from headrace.ingest.keys import Keys
from headrace.model import Connection, Secret
from headrace.people import WriteKey
from headrace.project import Project
from headrace.service import Service

SOURCES = {
    "web": Connection("web", "http", {"write_key": Secret("k-web"), "strict": False}),
    "exact": Connection("exact", "http", {"write_key": Secret("k-exact"), "strict": True}),
    "open": Connection("open", "http", {"write_key": None, "strict": False}),
    "shop": Connection("shop", "postgresql", {"write_key": Secret("k-shop")}),
}
PROJECT = Project(SOURCES, {}, {})


@dataclass(slots=True)
class MemoryJournals:
    """Lines by source. ``trouble`` is raised instead."""

    calls: dict[str, list[Received]] = field(default_factory=dict)
    trouble: HeadraceError | None = None

    async def append(self, source: str, lines: bytes, calls: int, at: datetime) -> None:
        if self.trouble is not None:
            raise self.trouble
        found = from_lines(lines)
        assert len(found) == calls
        self.calls.setdefault(source, []).extend(found)


@dataclass(slots=True)
class MemoryKeys:
    """What the store keeps of keys. ``trouble`` is raised instead; ``asked`` counts the questions."""

    keys: list[WriteKey] = field(default_factory=list)
    number: int = 0
    asked: int = 0
    trouble: HeadraceError | None = None

    async def write_keys(self, source: str | None = None) -> list[WriteKey]:
        return [key for key in self.keys if source in (None, key.source)]

    async def generation(self) -> int:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return self.number


@dataclass(frozen=True, slots=True)
class Told:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


class Asked:
    """An entry, its journals, and a way to ask it."""

    def __init__(self, **service: Any) -> None:
        self.journals, self.store = MemoryJournals(), MemoryKeys()
        self.project = replace(PROJECT, service=Service(**service))
        self.followed: list[tuple[str, Sequence[Received]]] = []
        clock = SystemClock()
        keys = Keys(lambda: self.project, self.store, clock)
        entry = Entry(
            lambda: self.project,
            keys,
            self.journals,
            clock,
            lambda source, calls: self.followed.append((source, calls)),
        )
        self.app = Starlette(routes=routes(entry))

    def received(self, source: str = "web") -> list[Received]:
        return self.journals.calls.get(source, [])

    async def post(
        self, path: str, body: Any = b"", key: str | None = "k-web", *, method: str = "POST", pieces: int = 1,
        headers: Mapping[str, str] | None = None,
    ) -> Told:  # fmt: skip
        """A request. ``body`` is sent as JSON unless it is bytes, in so many ``pieces``."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"authorization": f"Bearer {key}"} if key is not None else {}
        given |= headers or {}
        scope = {
            "type": "http", "method": method, "path": path, "root_path": "", "query_string": b"", "http_version": "1.1",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }  # fmt: skip
        step = max(1, -(-len(text) // pieces))
        cuts = [text[at : at + step] for at in range(0, len(text), step)] or [b""]
        messages = iter([{"type": "http.request", "body": cut, "more_body": cut is not cuts[-1]} for cut in cuts])
        sent: list[Message] = []

        async def receive() -> Message:
            return next(messages, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start, end = sent
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        assert int(told["content-length"]) == len(end["body"])
        return Told(start["status"], told, json.loads(end["body"]))
