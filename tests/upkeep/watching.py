"""A store whose runs end as a test says, a clock that a test sets, and channels to be told."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from headrace.alerting import Channel, Notice, Trouble
from headrace.model import CallKind, Delivery, NewRun, Part, Problem, Run, RunState, Settled, Sync
from headrace.project import Project
from headrace.service import Service
from headrace.store import SqlStore
from headrace.store_port import Staged

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WHY = Problem("destination_down", "The destination 'crm' did not answer.")


class HandClock:
    """A clock that is set by hand; nobody sleeps by it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def random(self) -> float:
        return 0.5


def sync(name: str = "people", schedule: str = "every hour", **more: Any) -> Sync:
    return Sync(name, "shop", CallKind.IDENTIFY, "select 1", ("crm",), schedule=schedule, **more)


def channel(name: str = "mail", **more: Any) -> Channel:
    return Channel(name, "webhook", {"url": "https://x.example"}, **{"troubles": frozenset(Trouble), **more})


def project(channels: Iterable[Channel] = (channel(),), syncs: Iterable[Sync] = (sync(),), **service: Any) -> Project:
    named = {one.name: one for one in syncs}
    return Project({}, {}, named, {one.name: one for one in channels}, Service(**service))


class World:
    """A store, its clock, the configuration as it is now, and runs that end as they are told."""

    def __init__(self, store: SqlStore, clock: HandClock) -> None:
        self.store, self.clock, self.project = store, clock, project()
        self._numbers = itertools.count(1)

    async def run(
        self, state: RunState = RunState.SUCCEEDED, rows: int = 10, lost: int = 0, sync: str = "people",
        trigger: str = "schedule", takes: timedelta = MINUTE,
    ) -> Run:  # fmt: skip
        """A run that begins now, ends as told after a while, and lost some of its rows."""
        run, attempt = await self.begin(sync, trigger)
        if state is not RunState.FAILED:
            await self.store.add_parts(run.id, attempt, [Part(0, 1, rows, rows, 1)] if rows else [])
            outcomes = bytes([Settled.REJECTED] * lost + [Settled.DELIVERED] * (rows - lost))
            planned = [Delivery(0, "crm", rows)] if rows else []
            await self.store.staged(run.id, attempt, Staged(1, (), (), planned))
            await self.store.settle(run.id, attempt, [replace(one, outcomes=outcomes, settled_at=1) for one in planned])
        self.clock.time += takes
        return await self.store.finish(
            run.id, attempt, state, self.clock.now(), WHY if state is RunState.FAILED else None
        )

    async def begin(self, sync: str = "people", trigger: str = "schedule") -> tuple[Run, int]:
        """A run under way."""
        run = await self.store.create_run(self._new(sync, trigger))
        attempt = await self.store.take(run.id, self.clock.now())
        await self.store.extract_anew(run.id, attempt)
        return run, attempt

    async def skip(self, sync: str = "people") -> Run:
        """A run that came up while the one before still ran."""
        return await self.store.record_skip(self._new(sync, "schedule"), "It still ran.")

    async def told(self) -> list[str]:
        """What was owed so far, in order: ``mail people failed``, ``mail people failed over``."""
        return [said(notice) for notice in reversed(await self.store.notices())]

    def _new(self, sync: str, trigger: str) -> NewRun:
        name = f"run-{next(self._numbers):04d}"
        return NewRun(name, sync, trigger, 0, {"call": "identify"}, ("crm",), self.clock.now())


def said(notice: Notice) -> str:
    return f"{notice.channel} {notice.sync} {notice.trouble}{' over' if notice.recovered else ''}"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[World]:
    store = SqlStore(f"sqlite:///{folder / 'store.sqlite'}")
    await store.open()
    try:
        yield World(store, HandClock())
    finally:
        await store.close()
