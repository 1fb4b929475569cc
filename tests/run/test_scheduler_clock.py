"""The scheduler in virtual time: clocks that jump, several processes, and the loop that ticks by itself."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import HeadraceError
from headrace.schedule import next_due, parse
from tests.run.schedules import office, sync
from tests.run.worlds import simulated

# ------------------------------------------------------------------------------------------------------------ the clock


@simulated
async def test_the_clock_is_put_forward() -> None:
    """The due times jumped over make one run."""
    async with office(sync()) as it:
        await it.tick("10:00")
        await it.end()
        assert await it.tick("2027-03-01T10:07") == ["people 11:00"]
        await it.end()
        assert await it.tick() == []
        assert await it.next() == "01 11:00:00"


@simulated
async def test_the_clock_is_put_back() -> None:
    """A due time that had its run has no second one; those that come after it come as always."""
    async with office(sync()) as it:
        for shown in ("10:00", "11:00", "12:00"):
            assert await it.tick(shown) == [f"people {shown}"]
            await it.end()
        assert await it.tick("10:30") == []
        for shown in ("11:00", "11:30", "12:00"):
            assert await it.tick(shown) == []
        assert await it.next() == "23 13:00:00"
        assert await it.tick("13:00") == ["people 13:00"]


@pytest.mark.parametrize("restarted", [True, False])
def test_a_clock_that_was_far_ahead(restarted: bool) -> None:
    """Put right again, the sync runs at its next due time rather than years later; also where that was done while
    the service was down."""

    @simulated
    async def story() -> None:
        async with office(sync(), sync("orders", "every day at 06:00")) as it:
            await it.tick("2035-01-01T10:07")
            await it.end()
            if restarted:
                it.scheduler = it.another()
            assert await it.tick("2026-11-23T10:07") == []
            assert (await it.next(), await it.next("orders")) == ("23 11:00:00", "24 06:00:00")
            assert await it.tick("11:00") == ["people 11:00"]

    story()


@simulated
async def test_clocks_that_differ_a_little() -> None:
    """Of two services whose clocks differ by less than a minute, neither undoes what the other planned."""
    async with office(sync()) as it:
        await it.tick("09:00")
        await it.end()
        slow, fast = it.another(), it.scheduler
        assert await it.tick("10:00:20") == ["people 10:00"]
        await it.end()
        for shown in ("09:59:50", "10:00:21", "09:59:59", "10:00:00"):
            it.scheduler = fast if shown == "10:00:21" else slow
            assert await it.tick(shown) == []
            assert await it.next() == "23 11:00:00"


@simulated
async def test_a_frozen_clock() -> None:
    """While the clock stands still, nothing is due twice, and the scheduler does not spin."""
    async with office(sync(schedule="every minute")) as it:
        frozen = it.clock.now()
        it.clock.now = lambda: frozen  # type: ignore[method-assign]  # time stands still, the loop does not
        ticks = Counter[str]()
        tick = it.scheduler.tick

        async def counted() -> object:
            ticks["ticks"] += 1
            return await tick()

        it.scheduler.tick = counted  # type: ignore[method-assign,assignment]  # to see how often it looks
        stop = asyncio.Event()
        ticking = asyncio.create_task(it.scheduler.keep_ticking(stop))
        await asyncio.sleep(100)
        stop.set()
        await ticking
        assert len(await it.store.runs()) == 1
        assert ticks["ticks"] <= 101


# --------------------------------------------------------------------------------------------------- several processes


@pytest.mark.slow
@simulated
async def test_several_schedulers_make_one_run_of_each_due_time() -> None:
    """Three schedulers over one ledger, ticking at once through twelve minutes: each due time of each sync, once."""
    syncs = [sync(f"sync-{number}", f"every {number} minutes") for number in range(1, 6)]
    async with office(*syncs) as it:
        those = [it.another() for _ in range(3)]
        stop = asyncio.Event()
        for one in those:
            one._on_run = lambda run: made.append((run.sync, run.due))  # what each made
        made: list[tuple[str, datetime | None]] = []
        began = it.clock.now()
        ticking = [asyncio.create_task(one.keep_ticking(stop)) for one in those]
        await asyncio.sleep(12 * 60 - 1)
        stop.set()
        await asyncio.gather(*ticking)
    expected = [(f"sync-{n}", began + minute * timedelta(minutes=1)) for n in range(1, 6) for minute in range(0, 12, n)]
    assert sorted(made) == sorted(expected)


# ------------------------------------------------------------------------------------------------------------ the loop


@simulated
async def test_due_on_the_second() -> None:
    """Ticking by itself, a run is made at its due time, not up to a second later."""
    async with office(sync(schedule="every minute")) as it:
        stop = asyncio.Event()
        ticking = asyncio.create_task(it.scheduler.keep_ticking(stop))
        await asyncio.sleep(600)
        stop.set()
        await ticking
        assert all(run.due and run.created_at - run.due < timedelta(seconds=0.1) for run in it.told)
        assert len(it.told) == 10


@simulated
async def test_changes_are_seen_within_a_second() -> None:
    """What another process switches counts a second later; ``wake`` makes it at once."""
    async with office(sync(enabled=False), sync("orders", enabled=False)) as it:
        stop = asyncio.Event()
        ticking = asyncio.create_task(it.scheduler.keep_ticking(stop))
        await asyncio.sleep(10.5)
        await it.store.set_enabled("people", True)
        await asyncio.sleep(1)
        assert [run.sync for run in it.told] == ["people"]
        await it.store.set_enabled("orders", True)
        it.scheduler.wake()
        await asyncio.sleep(0.01)
        assert [run.sync for run in it.told] == ["people", "orders"]
        stop.set()
        await ticking


@simulated
async def test_an_idle_look_reads_one_number() -> None:
    """While nothing is due and nothing has changed, a look asks for the generation and for nothing else."""
    async with office(sync(), sync("orders", "every day at 06:00")) as it:
        await it.tick("10:00")
        await it.tick()
        asked: list[str] = []

        class Listening:
            def __getattr__(self, name: str) -> object:
                asked.append(name)
                return getattr(it.store, name)

        it.scheduler._store = Listening()  # type: ignore[assignment]  # the same store, listened to
        assert await it.tick("10:30") == []
        assert asked == ["generation"]


@simulated
async def test_trouble_passes(caplog: pytest.LogCaptureFixture) -> None:
    """A store that is away is told of, and asked again more and more seldom; then all goes on, with what was missed."""
    async with office(sync(schedule="every minute")) as it:
        began = it.clock.now()
        away: list[Exception] = [HeadraceError("The store is away.", code="store_unavailable"), ValueError("odd")] * 4
        generation = it.store.generation

        async def asked() -> int:
            if away:
                raise away.pop()
            return await generation()

        it.store.generation = asked  # type: ignore[method-assign]  # away at first
        stop = asyncio.Event()
        with caplog.at_level(logging.WARNING):
            ticking = asyncio.create_task(it.scheduler.keep_ticking(stop))
            await asyncio.sleep(60)
            assert len(away) == 2
            await asyncio.sleep(100)
        assert [run.due for run in it.told] == [began + timedelta(seconds=121)]
        assert "The store is away." in caplog.text
        assert "odd" in caplog.text
        stop.set()
        await ticking


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("pass"), st.integers(1, 7200)),
            st.tuples(st.just("shift"), st.integers(-86_400, 86_400)),
            st.tuples(st.just("end"), st.just(0)),
            st.tuples(st.just("restart"), st.just(0)),
            st.tuples(st.just("switch"), st.integers(0, 1)),
        ),
        max_size=25,
    ),
    st.sampled_from(["every 15 minutes", "every 7 minutes", "0 * * * *", "*/20 * * * *"]),
)
def test_whatever_happens_to_the_clock(story: list[tuple[str, int]], schedule: str) -> None:
    """Through any sequence of waits, jumps of the clock, ends of runs, restarts and switches: no due time has two runs,
    no two runs live, every due time lies on the grid, and an enabled sync is always due within two intervals."""

    @simulated
    async def happens() -> None:
        start = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
        async with office(sync(schedule=schedule, start=start)) as it:
            enabled = True
            for what, number in story:
                if what == "pass":
                    await asyncio.sleep(number)
                elif what == "shift":
                    it.clock.shift += timedelta(seconds=number)
                elif what == "restart":
                    it.scheduler = it.another()
                elif what == "switch":
                    enabled = bool(number)
                    await it.store.set_enabled("people", enabled)
                elif await it.store.live_run("people"):
                    await it.end()
                await it.tick()
                due = await it.due()
                if not enabled:
                    assert due.next_due is None
                    continue
                assert due.next_due is not None
                assert timedelta() < due.next_due - it.clock.now() <= timedelta(hours=2)
            times = [run.due for run in await it.store.runs(limit=1000)]
            assert len(times) == len(set(times))
            meaning = parse(schedule)
            assert all(at and next_due(meaning, at - timedelta(microseconds=1), start) == at for at in times)

    happens()
