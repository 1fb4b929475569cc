"""Runs for tests of stores, brought to where a test begins: created, extracting, delivering, ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

from headrace.model import Delivery, NewRun, Part, Problem, Run, RunState, Settled
from headrace.store_port import Staged, Store

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, UTC)
LATER = NOON + timedelta(minutes=5)
AS_OF = 1_767_355_200
COLUMNS = (("id", "int64"), ("email", "text"))
DESTINATIONS = ("crm", "mail")
PARTS = (Part(0, 1, 10, 8, 100, "part-0.arrow"), Part(1, 11, 5, 5, 50))  # 15 rows, 2 of them became no call
WHY = Problem("down", "It is down. Start it.")


def new_run(run_id: str = "run-1", sync: str = "people", at: datetime = NOON) -> NewRun:
    """A run to be created, of a sync with two destinations."""
    return NewRun(run_id, sync, "manual", 7, {"call": "identify", "query": "select 'ü'"}, DESTINATIONS, at)


def deliveries(outcome: int | None = None, parts: Iterable[Part] = PARTS) -> list[Delivery]:
    """One delivery of each part to each destination; with an ``outcome``, all calls have it."""
    return [
        Delivery(part.seq, name, part.calls)
        if outcome is None
        else Delivery(part.seq, name, part.calls, bytes([outcome]) * part.calls, AS_OF)
        for part in parts
        for name in DESTINATIONS
    ]


def plan(planned: list[Delivery] | None = None) -> Staged:
    """What is known once all is staged."""
    return Staged(AS_OF, COLUMNS, ("a warning",), deliveries() if planned is None else planned)


async def extracting(store: Store, new: NewRun | None = None) -> tuple[str, int]:
    """Bring a run to where all its parts are known; its id and attempt."""
    run = await store.create_run(new or new_run())
    attempt = await store.take(run.id, NOON)
    await store.extract_anew(run.id, attempt)
    await store.add_parts(run.id, attempt, PARTS)
    return run.id, attempt


async def delivering(store: Store, new: NewRun | None = None) -> tuple[str, int]:
    """Bring a run to where its deliveries wait; its id and attempt."""
    run_id, attempt = await extracting(store, new)
    await store.staged(run_id, attempt, plan())
    return run_id, attempt


async def ended(store: Store, state: RunState, new: NewRun | None = None) -> Run:
    """Bring a run to an end, with all its calls delivered; never succeeded, since two rows became no call."""
    run_id, attempt = await delivering(store, new)
    await store.settle(run_id, attempt, deliveries(Settled.DELIVERED))
    return await store.finish(run_id, attempt, state, LATER)


async def read(store: Store, run_id: str) -> Run:
    """A run that is there."""
    run = await store.run(run_id)
    assert run is not None
    return run


# What only the worker with the newest attempt may do, in order.
WORKERS_VERBS: dict[str, Callable[[Store, str, int], Awaitable[object]]] = {
    "extract_anew": lambda store, run, attempt: store.extract_anew(run, attempt),
    "add_parts": lambda store, run, attempt: store.add_parts(run, attempt, PARTS),
    "staged": lambda store, run, attempt: store.staged(run, attempt, plan()),
    "settle": lambda store, run, attempt: store.settle(run, attempt, deliveries(Settled.REJECTED)),
    "finish": lambda store, run, attempt: store.finish(run, attempt, RunState.FAILED, LATER, WHY),
}
