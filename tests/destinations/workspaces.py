"""A workspace to test with: calls in, people and events out, time under control."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from headrace.calls.batch import CallsBatch
from headrace.destinations.workspace import WorkspaceDestination, WorkspaceReader
from headrace.destinations.workspace.reader import PersonView, WorkspaceCounts
from headrace.model import CallKind
from headrace.ports import Reply, Verdict
from headrace.testing.destination_contract import NOW, StillClock, batch_of
from headrace.testing.samples import calls_batch

Row = Mapping[str, Any]
"""One call: columns of a calls batch by name; ``body``, ``context`` may be given as dicts."""


def at(days: float) -> datetime:
    """A moment so many days after `NOW`."""
    return NOW + timedelta(days=days)


def calls_of(kind: CallKind, *rows: Row) -> CallsBatch:
    """A calls batch from rows; a column that no row gives is absent."""
    texts = [
        {name: orjson.dumps(value).decode() if isinstance(value, dict) else value for name, value in row.items()}
        for row in rows
    ]
    names = {name: None for row in texts for name in row}
    columns = {name: [row.get(name) for row in texts] for name in names}
    if "body" in columns:
        columns["body"] = [text or "{}" for text in columns["body"]]
    return calls_batch(kind, columns)


class MovableClock(StillClock):
    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment


class Desk:
    """A workspace destination and a look into its file. Each call gets a ``message_id`` of its own if it has none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = MovableClock()
        self.destination = WorkspaceDestination(path, self.clock)
        self._numbers = count(1)

    async def reply(self, kind: CallKind, *rows: Row) -> Reply:
        """Send one batch."""
        numbered = [{"message_id": f"m-{next(self._numbers)}", **row} for row in rows]
        return await self.destination.send(batch_of(self.destination, calls_of(kind, *numbered)))

    async def _sent(self, kind: CallKind, rows: tuple[Row, ...]) -> None:
        assert await self.reply(kind, *rows) == Reply(Verdict.ACCEPTED)

    async def identify(self, *rows: Row) -> None:
        await self._sent(CallKind.IDENTIFY, rows)

    async def track(self, *rows: Row) -> None:
        await self._sent(CallKind.TRACK, rows)

    async def group(self, *rows: Row) -> None:
        await self._sent(CallKind.GROUP, rows)

    async def alias(self, *rows: Row) -> None:
        await self._sent(CallKind.ALIAS, rows)

    def look(self) -> WorkspaceReader:
        return WorkspaceReader(self.path)

    def person(self, key: str) -> PersonView:
        with self.look() as reader:
            found = reader.person(key)
        assert found is not None, f"nobody is {key!r}"
        return found

    def attributes(self, key: str) -> dict[str, Any]:
        return self.person(key).person.attributes

    def knows(self, key: str) -> bool:
        with self.look() as reader:
            return reader.person(key) is not None

    def people(self) -> int:
        """How many there are, anonymous ones included."""
        counts = self.counts()
        return counts.people + counts.anonymous

    def activities(self) -> list[tuple[str, str | None]]:
        """Kind and subject of what was taken without effect, the oldest first."""
        with self.look() as reader:
            return [(activity.kind, activity.subject) for activity in reversed(reader.activities())]

    def counts(self) -> WorkspaceCounts:
        with self.look() as reader:
            return reader.counts()

    def event_names(self, key: str) -> list[str | None]:
        """What a person did, in the order received."""
        return [event.name for event in reversed(self.person(key).events)]
