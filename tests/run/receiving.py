"""A world that receives calls: journals in memory, and syncs that read them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import msgspec

from headrace.calls.received import Received, to_lines
from headrace.config import sync_to_json
from headrace.engines.embedded import EmbeddedEngine
from headrace.errors import StageFull
from headrace.ids import run_id
from headrace.journal import Journal, JournalStore
from headrace.model import Connection, NewRun, Run, RunKind, Sync
from headrace.project import Project
from headrace.run.receiver import Receiver
from headrace.testing.fakes import World
from headrace.testing.simulation import BEGIN

AT = int(BEGIN.timestamp() * 1000)


@dataclass(slots=True)
class MemoryJournalFiles:
    """Journals in a dict, numbered by the store."""

    store: JournalStore
    lines: dict[str, bytes] = field(default_factory=dict)
    forgotten: list[tuple[str, int]] = field(default_factory=list)

    async def add(self, calls: Iterable[Received], source: str = "web", *, later: float = 0) -> Journal:
        """A closed journal."""
        calls, name = list(calls), f"journal-{len(self.lines)}"
        self.lines[name] = to_lines(calls)
        at = BEGIN + timedelta(seconds=later)
        return await self.store.add_journal(source, name, len(calls), len(self.lines[name]), at, at)

    async def read(self, journal: Journal) -> bytes:
        if journal.name not in self.lines:
            raise StageFull("It is gone.", code="stage_failed")
        return self.lines[journal.name]

    async def adopt(self) -> None:
        """Nothing dies here."""

    async def forget(self, source: str, until: int) -> None:
        await self.store.forget_journals(source, until)
        self.forgotten.append((source, until))


def call(message_id: str, kind: str = "track", **more: Any) -> Received:
    return Received(AT, kind, message_id, **{"user_id": "u1", "name": "Step", "timestamp": AT, **more})


def bad(message_id: str = "bad") -> Received:
    return Received(AT, "track", message_id, timestamp=AT, code="missing_event", message="The call has no 'event'.",
                    column="event", given=raw({"userId": "u1"}))  # fmt: skip


def raw(value: object) -> msgspec.Raw:
    """JSON, as it came."""
    return msgspec.Raw(json.dumps(value).encode())


@dataclass(slots=True)
class Receiving:
    """A world whose source receives, with a receiver that makes its runs."""

    world: World
    files: MemoryJournalFiles
    project: Project

    @classmethod
    def of(cls, world: World, **sync: Any) -> Receiving:
        files = MemoryJournalFiles(world.house.store)
        world.house = replace(world.house, journals=files)
        world.worker.house = world.house
        one = Sync("calls", "web", None, "", tuple(world.destinations), **sync)
        sources = {"web": Connection("web", "http", {}), "shop": Connection("shop", "postgresql", {})}
        return cls(world, files, Project(sources, {}, {"calls": one}))

    def with_syncs(self, *syncs: Sync) -> None:
        self.project = replace(self.project, syncs={sync.name: sync for sync in syncs})

    @property
    def sync(self) -> Sync:
        return self.project.syncs["calls"]

    @property
    def receiver(self) -> Receiver:
        return Receiver(self.world.house.store, self.files, self.world.clock, lambda: self.project, self.new_run)

    def new_run(self, sync: Sync, trigger: str, *, cursor: int | None = None, kind: RunKind = "query") -> NewRun:
        now = self.world.clock.now()
        name = run_id(now, self.world.clock.random())
        return NewRun(name, sync.name, trigger, cursor, sync_to_json(sync), sync.destinations, now, kind)

    async def run(self) -> list[Run]:
        """Make the runs that are due, and carry each to its end."""
        return [await self.carry(run) for run in await self.receiver.tick()]

    async def carry(self, run: Run) -> Run:
        return await EmbeddedEngine(self.world.worker).carry(run)

    async def cursor(self, sync: str = "calls") -> int:
        return (await self.world.house.store.sync_state(sync)).cursor
