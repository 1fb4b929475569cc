"""A scheduler in virtual time: its clock can be moved, its project edited, its runs ended at will."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from headrace.config import sync_to_json
from headrace.due import Due
from headrace.ids import run_id
from headrace.model import CallKind, NewRun, Run, RunState, Sync
from headrace.project import Project
from headrace.run.scheduler import Scheduler
from headrace.service import Service
from headrace.store import SqlStore
from headrace.store_port import Staged
from headrace.testing.simulation import FakeClock


class MovableClock(FakeClock):
    """Shows the loop's time, shifted."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = timedelta()

    def now(self) -> datetime:
        return super().now() + self.shift

    def show(self, text: str) -> None:
        """Put the clock to a time of day, or to a moment; UTC."""
        moment = datetime.fromisoformat(f"2026-11-23T{text}" if len(text) < 10 else text).replace(tzinfo=UTC)
        self.shift += moment - self.now()


def sync(name: str = "people", schedule: str = "every hour", **more: Any) -> Sync:
    return Sync(name, "shop", CallKind.IDENTIFY, "select 1", ("crm",), schedule=schedule, **more)


class Office:
    """A scheduler, what it stands on, and the worker's part in a line."""

    def __init__(self, store: SqlStore, clock: MovableClock, *syncs: Sync) -> None:
        self.store, self.clock = store, clock
        self.project = Project({}, {}, {})
        self.define(*syncs)
        self.told: list[Run] = []
        self.unread: Project | None = None  # what is read as soon as the scheduler asks for the project as it is now
        self.scheduler = self.another()

    def another(self) -> Scheduler:
        """A scheduler as another process has it, or this one after a restart."""
        return Scheduler(self.store, self.clock, lambda: self.project, self.new_run, self.told.append, self.reload)

    async def reload(self) -> None:
        self.project, self.unread = self.unread or self.project, None

    def define(self, *syncs: Sync) -> None:
        """Replace the project."""
        self.project = Project({}, {}, {one.name: one for one in syncs}, service=Service(seconds=True))

    def edit(self, name: str, **changes: Any) -> None:
        self.define(*(replace(one, **changes) if one.name == name else one for one in self.project.syncs.values()))

    def new_run(self, sync: Sync, trigger: str) -> NewRun:
        now = self.clock.now()
        spec = sync_to_json(sync)
        return NewRun(run_id(now, self.clock.random()), sync.name, trigger, 0, spec, sync.destinations, now)

    async def tick(self, shown: str | None = None) -> list[str]:
        """Look at a time of day; the runs this made, as ``sync 10:00`` by due time, skipped ones in parentheses."""
        if shown is not None:
            self.clock.show(shown)
        return sorted(told(run) for run in await self.scheduler.tick())

    async def due(self, name: str = "people") -> Due:
        return next(due for due in await self.store.dues() if due.sync == name)

    async def next(self, name: str = "people") -> str | None:
        """The next due time in words."""
        moment = (await self.due(name)).next_due
        return f"{moment:%d %H:%M:%S}" if moment else None

    async def end(self, name: str = "people", state: RunState = RunState.SUCCEEDED) -> Run:
        """Let the live run of a sync end."""
        run = await self.store.live_run(name)
        assert run is not None
        attempt = await self.store.take(run.id, self.clock.now())
        if state is not RunState.FAILED:
            await self.store.extract_anew(run.id, attempt)
            await self.store.staged(run.id, attempt, Staged(1, (), (), []))
        return await self.store.finish(run.id, attempt, state, self.clock.now())

    async def run_by_hand(self, name: str = "people", state: RunState = RunState.SUCCEEDED) -> Run:
        """Run a sync now, whatever its schedule."""
        await self.store.create_run(self.new_run(self.project.syncs[name], "manual"))
        return await self.end(name, state)


def told(run: Run) -> str:
    words = f"{run.sync} {run.due:%H:%M}" if run.due else run.sync
    return f"({words})" if run.state is RunState.SKIPPED else words


@asynccontextmanager
async def office(*syncs: Sync) -> AsyncIterator[Office]:
    """A scheduler over an empty ledger, at 09:00 on 23 November 2026."""
    store = SqlStore("sqlite:///:memory:")
    await store.open()
    try:
        clock = MovableClock()
        clock.show("09:00")
        yield Office(store, clock, *syncs)
    finally:
        await store.close()
