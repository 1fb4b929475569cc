"""The dispatcher: which runs it carries, how many side by side, and what it leaves for later."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from headrace.aio import first
from headrace.config import sync_to_json
from headrace.engines.embedded import EmbeddedEngine
from headrace.errors import Fenced, HeadraceError, RunLive, StageFull
from headrace.model import CallKind, NewRun, Problem, Run, RunState, Sync
from headrace.ports import Limits, Reply
from headrace.run.dispatcher import Dispatcher
from headrace.run.job import Job
from headrace.store import SqlStore
from headrace.testing.fakes import FakeDestination, Sent
from headrace.testing.simulation import BEGIN, FakeClock
from tests.run import worlds
from tests.run.worlds import simulated


class FakeEngine:
    """Ends runs after some seconds; ``trouble`` says for a run what goes wrong instead."""

    def __init__(self, store: SqlStore, clock: FakeClock, seconds: float = 10) -> None:
        self.store, self.clock, self.seconds = store, clock, seconds
        self.trouble: Callable[[str], Exception | None] = lambda _: None
        self.begun: list[tuple[float, str]] = []
        self.at_once: Counter[str] = Counter()
        self.most = 0

    async def take_up(self, run_id: str, watch: Callable[[Job], None]) -> Run | None:
        self.begun.append((self.clock.monotonic(), run_id))
        self.at_once[run_id] += 1
        self.most = max(self.most, self.at_once.total())
        try:
            error = self.trouble(run_id)
            if isinstance(error, RunLive):
                return None
            if error is not None:
                raise error
            run = await self.store.run(run_id)
            assert run is not None
            job = Job(run, Sync(run.sync, "shop", CallKind.IDENTIFY, "select 1", ("crm",)), 1)
            watch(job)
            await first(asyncio.sleep(self.seconds), job.stop.wait())
            if job.stop.is_set():
                return run
            return await self.store.abandon(run.id, self.clock.now(), Problem("ended", "It ended."))
        finally:
            self.at_once[run_id] -= 1

    def tries(self, run_id: str) -> list[float]:
        return [at for at, one in self.begun if one == run_id]


class Yard:
    """A dispatcher that goes on by itself over a fake engine."""

    def __init__(self, store: SqlStore) -> None:
        self.store, self.clock, self.stop = store, FakeClock(), asyncio.Event()
        self.engine = FakeEngine(store, self.clock)
        self.room = 3
        self.started: list[str] = []
        self.ended: list[str] = []
        self.dispatcher = Dispatcher(
            self.engine, store, self.clock, lambda: self.room,
            lambda job: self.started.append(job.id), lambda run: self.ended.append(run.id),
        )  # fmt: skip

    async def queue(self, *numbers: int) -> None:
        for number in numbers:
            sync = Sync(f"sync-{number}", "shop", CallKind.IDENTIFY, "select 1", ("crm",))
            at = BEGIN + timedelta(seconds=number)
            await self.store.create_run(
                NewRun(f"r{number}", sync.name, "manual", 0, sync_to_json(sync), sync.destinations, at)
            )


@asynccontextmanager
async def yard() -> AsyncIterator[Yard]:
    store = SqlStore("sqlite:///:memory:")
    await store.open()
    it = Yard(store)
    carrying = asyncio.create_task(it.dispatcher.keep_carrying(it.stop))
    try:
        yield it
    finally:
        it.stop.set()
        await carrying
        await store.close()


@simulated
async def test_the_oldest_first_a_few_side_by_side() -> None:
    """Runs begin by age, never more at once than there is room for, and the next as soon as there is room."""
    async with yard() as it:
        it.room = 0
        await it.queue(5, 1, 4, 2, 3, 6, 7)
        it.room = 3
        it.dispatcher.wake()
        await asyncio.sleep(15)
        assert sorted(it.dispatcher.jobs) == ["r4", "r5", "r6"]
        await asyncio.sleep(20)
        assert it.engine.begun == [(0, "r1"), (0, "r2"), (0, "r3"), (10, "r4"), (10, "r5"), (10, "r6"), (20, "r7")]
        assert it.engine.most == 3
        assert it.started == sorted(it.ended) == ["r1", "r2", "r3", "r4", "r5", "r6", "r7"]
        assert it.dispatcher.jobs == {}
        assert await it.store.live_run_ids() == []


@simulated
async def test_runs_of_others_are_found_within_a_second() -> None:
    """A run that the command line or another process queued is taken up without being told of it."""
    async with yard() as it:
        await asyncio.sleep(10.5)
        await it.queue(1)
        await asyncio.sleep(1)
        assert it.started == ["r1"]


@simulated
async def test_more_room_counts_at_once() -> None:
    """How many run side by side is asked each time: a setting that was edited needs no restart."""
    async with yard() as it:
        it.room = 0
        await it.queue(1, 2, 3)
        await asyncio.sleep(5)
        assert it.started == []
        it.room = 2
        await asyncio.sleep(1)
        assert it.started == ["r1", "r2"]


@pytest.mark.parametrize("error", [RunLive("It runs elsewhere.", run_id="r1"), Fenced("It was taken up by another.")])
def test_a_run_in_other_hands_is_left_there(error: HeadraceError, caplog: pytest.LogCaptureFixture) -> None:
    """What another process holds is none of our business: nothing is said, others go on, and when that process is dead
    the run is taken up within seconds."""

    @simulated
    async def story() -> None:
        async with yard() as it:
            it.room = 1
            it.engine.trouble = lambda run_id: error if run_id == "r1" else None
            await it.queue(1, 2)
            await asyncio.sleep(60)
            assert it.ended == ["r2"]
            assert 5 < len(it.engine.tries("r1")) <= 31
            it.engine.trouble = lambda _: None
            await asyncio.sleep(13.1)
            assert it.ended == ["r2", "r1"]

    story()
    assert caplog.text == ""


@pytest.mark.parametrize("error", [StageFull("The disk is full."), KeyError("a defect")])
def test_trouble_that_is_not_the_runs_own(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """The run stays as it is, is tried more and more seldom, and does not keep others from running; it goes on when
    the trouble is over."""

    @simulated
    async def story() -> None:
        async with yard() as it:
            it.room = 1
            it.engine.trouble = lambda run_id: error if run_id == "r1" else None
            await it.queue(1, 2)
            with caplog.at_level(logging.WARNING):
                await asyncio.sleep(600)
            assert it.ended == ["r2"]
            assert 8 <= len(it.engine.tries("r1")) <= 20
            it.engine.trouble = lambda _: None
            await asyncio.sleep(75)
            assert it.ended == ["r2", "r1"]

    story()
    assert ("The disk is full." if isinstance(error, StageFull) else "a defect") in caplog.text
    assert {record.__dict__["run"] for record in caplog.records} == {"r1"}


@simulated
async def test_a_run_that_ended_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    """A run that another process ended between our look and our hold is no trouble, and not our end to tell."""
    async with yard() as it:
        it.engine.trouble = lambda _: HeadraceError("The run has ended already.", code="run_ended")
        await it.queue(1)
        await asyncio.sleep(1.5)
        await it.store.abandon("r1", BEGIN, Problem("ended", "It ended."))
        await asyncio.sleep(10)
        assert it.ended == []
        assert len(it.engine.begun) <= 3
    assert caplog.text == ""


@simulated
async def test_the_store_is_away_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    """It is told, asked again within a second, and then all goes on."""
    async with yard() as it:
        ids = it.store.live_run_ids

        async def away() -> list[str]:
            raise HeadraceError("The store is away.", code="store_unavailable")

        it.store.live_run_ids = away  # type: ignore[method-assign]  # away
        await it.queue(1)
        with caplog.at_level(logging.WARNING):
            await asyncio.sleep(20)
        assert it.started == []
        it.store.live_run_ids = ids  # type: ignore[method-assign]  # back
        await asyncio.sleep(1.1)
        assert it.started == ["r1"]
    assert "The store is away." in caplog.text


@simulated
async def test_stopping_tells_every_job() -> None:
    """Jobs in work are told to stop and are waited for, one that is just about to begin among them; nothing begins."""
    async with yard() as it:
        it.room = 10
        await it.queue(1, 2, 3)
        await asyncio.sleep(2)
        find = it.store.run

        async def slow(run_id: str) -> Run | None:
            await asyncio.sleep(1)
            return await find(run_id)

        it.store.run = slow  # type: ignore[method-assign]  # so that r4 is between our look and its job
        await it.queue(4)
        it.dispatcher.wake()
        await asyncio.sleep(0.5)
        it.stop.set()
        began = it.clock.monotonic()
    assert it.started == ["r1", "r2", "r3", "r4"]
    assert it.ended == []
    assert it.clock.monotonic() - began < 1


@simulated
async def test_a_stopped_run_goes_on_with_the_next_process() -> None:
    """On the real engine: what is in flight settles, the run stays live, and the next dispatcher ends it; each call
    arrived once."""

    async def script(_: Sent) -> Reply:
        await asyncio.sleep(1)
        return Reply()

    crm = FakeDestination(script, Limits(calls=1, in_flight=2))
    async with worlds.opened({"crm": crm}, 20) as world:
        run = await world.begin()
        states = []
        for seconds in (5, 60):
            ended: list[Run] = []
            engine, store = EmbeddedEngine(world.worker), world.house.store
            dispatcher = Dispatcher(engine, store, world.clock, lambda: 8, on_end=ended.append)
            stop = asyncio.Event()
            carrying = asyncio.create_task(dispatcher.keep_carrying(stop))
            await asyncio.sleep(seconds)
            stop.set()
            await carrying
            now = await world.house.store.run(run.id)
            assert now is not None
            states.append((now.state, now.attempt, len(ended)))
    assert states == [(RunState.DELIVERING, 1, 0), (RunState.SUCCEEDED, 2, 1)]
    assert set(crm.arrivals.values()) == {1}
    assert len(crm.arrivals) == 20


@simulated
async def test_cancelled_by_way_of_its_job() -> None:
    """A run whose cancel was requested ends at once when its job is told to stop."""
    crm = FakeDestination(lambda _: Reply(), Limits(calls=1, in_flight=1, rate=1.0))
    async with worlds.opened({"crm": crm}, 50) as world:
        run = await world.begin()
        ended: list[Run] = []
        dispatcher = Dispatcher(
            EmbeddedEngine(world.worker), world.house.store, world.clock, lambda: 8, on_end=ended.append
        )
        stop = asyncio.Event()
        carrying = asyncio.create_task(dispatcher.keep_carrying(stop))
        await asyncio.sleep(5)
        await world.house.store.request_cancel(run.id)
        dispatcher.jobs[run.id].stop.set()
        await asyncio.sleep(0.5)
        assert [one.state for one in ended] == [RunState.CANCELLED]
        stop.set()
        await carrying


@simulated
async def test_a_destination_that_does_not_answer_holds_up_no_stop() -> None:
    """What is not answered half a minute after the word to stop is given up, as a crash would: the run stays live, and
    the next process sends those calls again, with the messageIds they had."""
    silent = True

    async def script(_: Sent) -> Reply:
        if silent and len(crm.requests) > 10:
            await asyncio.sleep(10_000)
        return Reply()

    crm = FakeDestination(script, Limits(calls=1, in_flight=1))
    async with worlds.opened({"crm": crm}, 20) as world:
        run, stop = await world.begin(), asyncio.Event()
        dispatcher = Dispatcher(EmbeddedEngine(world.worker), world.house.store, world.clock, lambda: 8)
        carrying = asyncio.create_task(dispatcher.keep_carrying(stop))
        await asyncio.sleep(60)
        stop.set()
        told = world.clock.monotonic()
        await carrying
        assert 29 < world.clock.monotonic() - told < 40
        left = await world.house.store.run(run.id)
        assert left is not None
        assert (left.state, left.counts["crm"].delivered) == (RunState.DELIVERING, 10)
        silent = False
        ended = await EmbeddedEngine(world.worker).carry(left)
        assert ended.state is RunState.SUCCEEDED
    assert Counter(crm.arrivals.values()) == {1: 19, 2: 1}
