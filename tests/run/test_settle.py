"""Outcomes become durable together, or the run stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from headrace.errors import StageFull
from headrace.model import CallKind, Delivery, Failure, Settled
from headrace.run.settle import Progress, Settler
from headrace.testing.fakes import FakeDestination, World
from headrace.testing.samples import calls_batch
from tests.run.worlds import opened, simulated

CALLS = calls_batch(CallKind.IDENTIFY, {"user_id": [f"u{n}" for n in range(10)]})
BAD = Failure("bad_email", "No such address.")


class Ledger:
    """Stands in for the store's and the error files' writing, and keeps the order of both."""

    def __init__(self, world: World) -> None:
        self.log: list[tuple[str, Any]] = []
        self.error: Exception | None = None
        self.busy = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        write = world.house.errors.write

        async def settle(run_id: str, attempt: int, deliveries: Sequence[Delivery]) -> None:
            self.busy.set()
            await self.go_on.wait()
            if self.error is not None:
                raise self.error
            self.log.append(("ledger", list(deliveries)))

        async def write_failures(run_id: str, name: str, failures: Any) -> None:
            self.log.append(("errors", (name, failures.to_pylist())))
            await write(run_id, name, failures)

        world.house.store.settle = settle  # type: ignore[method-assign]  # a spy
        world.house.errors.write = write_failures  # type: ignore[method-assign]  # a spy


@asynccontextmanager
async def settling() -> AsyncIterator[tuple[Settler, Progress, Ledger, World]]:
    """A settler of a run that delivers one part of ten calls to ``crm``."""
    async with opened({"crm": FakeDestination()}) as world:
        job = await world.worker.take(await world.begin())
        settler = Settler(world.house, job)
        world.jobs.append(job)
        yield settler, settler.begin(Delivery(0, "crm", 10)), Ledger(world), world


def at(*positions: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(positions, np.int64)


@simulated
async def test_error_files_come_before_the_ledger() -> None:
    """The ledger names an error file only when the file is there; outcomes and failures tell the same calls."""
    async with settling() as (settler, progress, ledger, world):
        settler.delivered(progress, at(0, 2))
        settler.failed(progress, CALLS, {1: BAD}, Settled.REJECTED)
        await settler.flush()
    (kind, (name, rows)), (then, [delivery]) = ledger.log
    assert (kind, then) == ("errors", "ledger")
    assert delivery.errors == (name,)
    assert delivery.outcomes == bytes([1, 4, 1, 0, 0, 0, 0, 0, 0, 0])
    assert [(row["row"], row["code"], row["destination"]) for row in rows] == [(2, "bad_email", "crm")]
    assert world.jobs[0].tally.settled["crm"] == {"delivered": 2, "rejected": 1}


@simulated
async def test_what_comes_during_a_flush_waits_for_the_next() -> None:
    """A failure noted while another flush writes is told with its outcome, in the next; none is told twice."""
    async with settling() as (settler, progress, ledger, _):
        settler.failed(progress, CALLS, {1: BAD}, Settled.REJECTED)
        ledger.go_on.clear()
        flushing = asyncio.create_task(settler.flush())
        await ledger.busy.wait()
        settler.failed(progress, CALLS, {5: BAD}, Settled.REJECTED)
        ledger.go_on.set()
        await flushing
        await settler.flush()
    told = [deliveries[0] for kind, deliveries in ledger.log if kind == "ledger"]
    assert [delivery.outcomes.count(4) for delivery in told] == [1, 2]
    assert [len(delivery.errors) for delivery in told] == [1, 2]
    files = [rows for kind, (_, rows) in (entry for entry in ledger.log if entry[0] == "errors")]
    assert [[row["row"] for row in rows] for rows in files] == [[2], [6]]


@simulated
async def test_nothing_new_is_not_written() -> None:
    """A flush without news writes nothing."""
    async with settling() as (settler, progress, ledger, _):
        settler.delivered(progress, at(0))
        await settler.flush()
        await settler.flush()
    assert len(ledger.log) == 1


@simulated
async def test_waiting_batches_go_on_once_durable() -> None:
    """`then` calls back after the flush that holds what was known, not before."""
    async with settling() as (settler, progress, ledger, _):
        freed: list[str] = []
        ledger.go_on.clear()
        settler.delivered(progress, at(0))
        settler.then(lambda: freed.append("first"), urgent_at=100)
        flushing = asyncio.create_task(settler.flush())
        await ledger.busy.wait()
        settler.then(lambda: freed.append("second"), urgent_at=100)
        assert freed == []
        ledger.go_on.set()
        await flushing
        assert freed == ["first"]
        await settler.flush()
        assert freed == ["first", "second"]


@pytest.mark.parametrize(("waiting", "after"), [(1, 0.25), (3, 0.0)])
@simulated
async def test_flushing_goes_in_groups(waiting: int, after: float) -> None:
    """Outcomes are written four times a second, and at once when as many wait as are urgent."""
    async with settling() as (settler, progress, ledger, world):
        flushing = asyncio.create_task(settler.keep_flushing())
        await asyncio.sleep(0)
        began, done = world.clock.monotonic(), asyncio.Event()
        settler.delivered(progress, at(0))
        for _ in range(waiting):
            settler.then(done.set, urgent_at=3)
        await done.wait()
        assert world.clock.monotonic() - began == after
        assert [kind for kind, _ in ledger.log] == ["ledger"]
        flushing.cancel()


@simulated
async def test_a_failing_flush_stops_the_run() -> None:
    """When outcomes cannot become durable, the run stops, who waits is freed, and no later flush succeeds."""
    async with settling() as (settler, progress, ledger, world):
        ledger.error = StageFull("The disk is full.")
        freed: list[str] = []
        settler.delivered(progress, at(0))
        settler.then(lambda: freed.append("before"), urgent_at=100)
        with pytest.raises(StageFull):
            await settler.flush()
        assert world.jobs[0].stop.is_set()
        settler.then(lambda: freed.append("after"), urgent_at=100)
        assert freed == ["before", "after"]
        ledger.error = None
        with pytest.raises(StageFull):
            await settler.end(progress)
        assert ledger.log == []


@simulated
async def test_the_flusher_ends_quietly_when_a_flush_fails() -> None:
    """The background flusher leaves a failure to the parts in work, which raise it."""
    async with settling() as (settler, progress, ledger, world):
        ledger.error = StageFull("The disk is full.")
        settler.delivered(progress, at(0))
        await settler.keep_flushing()
        assert await asyncio.wait_for(world.jobs[0].stop.wait(), 1)


@simulated
async def test_a_delivery_is_taken_up_where_it_stood() -> None:
    """Outcomes and error files of an earlier attempt stay; a part is done when nothing is pending."""
    async with settling() as (settler, _, ledger, _):
        progress = settler.begin(Delivery(3, "crm", 3, bytes([1, 0, 4]), 5, ("calls-0001-000001",)))
        done = [progress.done]
        settler.failed(progress, CALLS, {1: BAD}, Settled.INVALID)
        assert [*done, progress.done] == [False, True]
        await settler.end(progress)
    [(_, (name, _)), (_, [delivery])] = ledger.log
    assert delivery.outcomes == bytes([1, 3, 4])
    assert delivery.errors == ("calls-0001-000001", name)
