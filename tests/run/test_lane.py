"""A lane keeps a destination's pace, whoever sends through it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.ports import Limits
from headrace.run.job import Job, Stopped
from headrace.run.lane import Lane
from headrace.testing.simulation import FakeClock, simulate
from tests.run.worlds import lone_job, simulated


async def pass_through(lane: Lane, job: Job, takes: float = 0.0) -> float:
    """One request through the lane; when it was let through."""
    async with lane.turn(job):
        at = asyncio.get_running_loop().time()
        await asyncio.sleep(takes)
        return at


@pytest.mark.parametrize(("limits", "most"), [(Limits(in_flight=3), 3), (Limits(in_flight=8, ordered=True), 1)])
@simulated
async def test_no_more_in_flight_than_the_limit(limits: Limits, most: int) -> None:
    """Requests under way never exceed ``in_flight``, and reach it when there is work; ordered means one."""
    lane, job, under_way, seen = Lane(limits, FakeClock(), 2), lone_job(), 0, []

    async def request() -> None:
        nonlocal under_way
        async with lane.turn(job):
            under_way += 1
            seen.append(under_way)
            await asyncio.sleep(1)
            under_way -= 1

    await asyncio.gather(*(request() for _ in range(10)))
    assert len(seen) == 10
    assert max(seen) == most


@given(
    rate=st.floats(0.1, 50),
    in_flight=st.integers(1, 10),
    begins=st.lists(st.floats(0, 30), min_size=1, max_size=40),
)
@settings(max_examples=60, deadline=None)
def test_never_more_than_the_rate(rate: float, in_flight: int, begins: list[float]) -> None:
    """In any window, at most rate × window requests and a burst of as many as may be in flight, and one."""

    async def story() -> list[float]:
        lane, job = Lane(Limits(in_flight=in_flight, rate=rate), FakeClock(), 2), lone_job()

        async def later(begin: float) -> float:
            await asyncio.sleep(begin)
            return await pass_through(lane, job)

        return sorted(await asyncio.gather(*map(later, begins)))

    times = simulate(story())
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= rate * (times[last] - begin) + in_flight + 1 + 1e-6


@simulated
async def test_the_rate_is_reached() -> None:
    """A busy lane is not slower than its rate: 100 requests at 10 a second take 10 seconds."""
    lane, job = Lane(Limits(in_flight=4, rate=10), FakeClock(), 2), lone_job()
    times = await asyncio.gather(*(pass_through(lane, job) for _ in range(100)))
    assert max(times) == pytest.approx(10, abs=0.2)


@simulated
async def test_a_hold_stops_everyone_for_its_time() -> None:
    """After ``hold`` nobody passes until it is over, and the longest of several holds counts."""
    lane, job = Lane(Limits(), FakeClock(), 2), lone_job()
    lane.hold(30)
    lane.hold(5)
    times = await asyncio.gather(*(pass_through(lane, job) for _ in range(3)))
    assert times == [30, 30, 30]


@simulated
async def test_a_hold_counts_for_who_is_already_waiting_for_his_place() -> None:
    """A pause asked for while others wait for their turn by rate holds them too."""
    lane, job = Lane(Limits(rate=1, in_flight=8), FakeClock(), 2), lone_job()
    waiting = [asyncio.create_task(pass_through(lane, job)) for _ in range(4)]
    await asyncio.sleep(1.5)  # one is through
    lane.hold(20)
    times = sorted(await asyncio.gather(*waiting))
    assert times[0] < 1.5
    assert all(at >= 21.5 for at in times[1:])


@pytest.mark.parametrize("limits", [Limits(rate=0.01), Limits()])
@simulated
async def test_a_stop_ends_the_waiting_at_once(limits: Limits) -> None:
    """Who waits in a lane when the run is to stop gets `Stopped` at that moment, and the place is free again."""
    lane, job = Lane(limits, FakeClock(), 2), lone_job()
    lane.hold(1000)
    waiting = [asyncio.create_task(pass_through(lane, job)) for _ in range(20)]
    await asyncio.sleep(3)
    job.stop.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, Stopped) for result in results)
    assert asyncio.get_running_loop().time() == 3
    assert await pass_through(lane, lone_job()) >= 1000


@simulated
async def test_runs_share_a_lane() -> None:
    """Two runs to the same account keep its rate together."""
    lane, one, other = Lane(Limits(rate=1), FakeClock(), 2), lone_job(), lone_job()
    times = await asyncio.gather(*(pass_through(lane, job) for job in [one, other] * 5))
    assert max(times) == pytest.approx(10, abs=1)
