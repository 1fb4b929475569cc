"""A world per test: the engine in virtual time over fakes, with a ledger in memory."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ParamSpec

import pyarrow as pa

from headrace.model import CallKind, Run, RunState, Sync
from headrace.run.job import Job
from headrace.store import SqlStore
from headrace.testing.fakes import FakeDestination, World, numbered
from headrace.testing.simulation import simulate

P = ParamSpec("P")


def simulated(story: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Let an ``async def`` test happen in virtual time."""

    @functools.wraps(story)
    def test(*args: P.args, **kwargs: P.kwargs) -> None:
        simulate(story(*args, **kwargs))

    return test


@asynccontextmanager
async def opened(
    destinations: Mapping[str, FakeDestination], table: pa.Table | int = 100, **house: Any
) -> AsyncIterator[World]:
    """A world with an empty ledger; ``table`` is the query's result, or how many numbered rows it has."""
    store = SqlStore("sqlite:///:memory:")
    await store.open()
    try:
        yield World(store, numbered(table) if isinstance(table, int) else table, destinations, **house)
    finally:
        await store.close()


def lone_job() -> Job:
    """A job in work for what stands below the ledger: it delivers to ``crm``."""
    created = datetime(2026, 11, 23, 19, tzinfo=UTC)
    run = Run("r1", "people", RunState.DELIVERING, 1, "manual", CallKind.IDENTIFY, 0, 0, {}, ("crm",), created)
    return Job(run, Sync("people", "shop", CallKind.IDENTIFY, "select 1", ("crm",)), 1)
