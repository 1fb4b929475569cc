"""One part to one destination, by way of whole runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from headrace.model import Delivery, Failure, RunState
from headrace.ports import Limits, Reply, Verdict
from headrace.run.job import Job
from headrace.testing.fakes import FakeDestination, Sent
from tests.run.worlds import opened, simulated


@simulated
async def test_every_call_is_sent_once() -> None:
    """A run without trouble sends each call once, within the limits, and ends succeeded."""
    crm = FakeDestination(limits=Limits(calls=7))
    async with opened({"crm": crm}, 250) as world:
        run = await world.run()
    assert run.state is RunState.SUCCEEDED
    assert run.counts["crm"].delivered == run.extracted == 250
    assert crm.arrivals == Counter(f"m{n}" for n in range(1, 251))
    assert max(len(sent.ids) for sent in crm.requests) == 7
    assert crm.closed == 1
    assert world.stage.parts == {}


@simulated
async def test_ordered_means_in_row_order() -> None:
    """An ordered destination gets one batch at a time, in row order, also when one has to be tried again."""
    tried: Counter[tuple[str, ...]] = Counter()

    async def script(sent: Sent) -> Reply:
        await asyncio.sleep(1)
        tried[sent.ids] += 1
        return Reply(Verdict.RETRY) if tried[sent.ids] < 3 else Reply()

    crm = FakeDestination(script, Limits(calls=10, ordered=True))
    async with opened({"crm": crm}, 230) as world:
        await world.run()
    assert crm.most_at_once == 1
    arrived = list(dict.fromkeys(one for sent in crm.requests for one in sent.ids))
    assert arrived == [f"m{n}" for n in range(1, 231)]
    accepted = crm.requests[2::3]
    assert [one for sent in accepted for one in sent.ids] == arrived


@simulated
async def test_only_pending_calls_are_sent_after_an_interruption() -> None:
    """A stopped run goes on with what is pending: nothing that is settled is sent again."""
    job: list[Job] = []

    def script(sent: Sent) -> Reply:
        if len(crm.requests) == 9:
            job[0].stop.set()
        return Reply(failed={0: Failure("odd", "It is odd.")})

    crm = FakeDestination(script, Limits(calls=10, in_flight=2))
    async with opened({"crm": crm}, 300) as world:
        stopped = await world.run(job.append)
        assert stopped.state is RunState.DELIVERING
        assert 0 < stopped.counts["crm"].pending < 300
        job.clear()
        run = await world.run(job.append)
        rows = [row["row"] for row in await world.failures(run)]
    assert run.state is RunState.PARTIAL
    assert run.id == stopped.id
    assert set(crm.arrivals.values()) == {1}
    assert (run.counts["crm"].delivered, run.counts["crm"].rejected) == (270, 30)
    assert len(rows) == len(set(rows)) == 30


@simulated
async def test_too_large_calls_are_invalid() -> None:
    """A call over the destination's limit per call is not sent: invalid, with the reason and its row's values."""
    sizes = ["x", "y" * 3000, "z"]
    table = pa.table({"userId": ["a", "b", "c"], "messageId": ["m1", "m2", "m3"], "note": sizes})
    crm = FakeDestination(limits=Limits(call_bytes=1000))
    async with opened({"crm": crm}, table) as world:
        run = await world.run()
        [failure] = await world.failures(run)
    assert run.state is RunState.PARTIAL
    assert crm.arrivals == Counter(["m1", "m3"])
    assert (run.counts["crm"].delivered, run.counts["crm"].invalid) == (2, 1)
    assert (failure["row"], failure["code"], failure["user_id"]) == (2, "call_too_large", "b")
    assert "takes at most 1,000 per call" in failure["message"]
    assert sizes[1] in failure["values"]


@simulated
async def test_what_a_destination_can_never_take_is_invalid_there_alone() -> None:
    """A call that one destination's encoder rejects is invalid there, and delivered to the others."""
    crm, mail = FakeDestination(), FakeDestination()
    crm.invalid = {"m3": Failure("no_email", "There is no email.")}
    async with opened({"crm": crm, "mail": mail}, 5) as world:
        run = await world.run()
        failures = await world.failures(run)
    assert (run.counts["crm"].delivered, run.counts["crm"].invalid) == (4, 1)
    assert run.counts["mail"].delivered == 5
    assert [(row["row"], row["destination"], row["code"]) for row in failures] == [(3, "crm", "no_email")]


@pytest.mark.parametrize("in_flight", [1, 3])
@simulated
async def test_unsettled_batches_are_bounded(in_flight: int) -> None:
    """However slow settling is, at most 2 × in_flight batches are sent and not settled: a crash resends no more."""
    crm, settled, most = FakeDestination(limits=Limits(calls=1, in_flight=in_flight)), 0, 0
    async with opened({"crm": crm}, 150) as world:
        settle = world.house.store.settle

        async def slow(run_id: str, attempt: int, deliveries: Sequence[Delivery]) -> None:
            nonlocal settled, most
            await asyncio.sleep(3)
            most = max(most, len(crm.requests) - settled)
            await settle(run_id, attempt, deliveries)
            known = await world.house.store.deliveries(run_id)
            settled = sum(len(d.outcomes) - d.outcomes.count(0) for d in known if d.outcomes)

        world.house.store.settle = slow  # type: ignore[method-assign]  # a slow disk
        run = await world.run()
    assert run.state is RunState.SUCCEEDED
    assert in_flight < most <= 2 * in_flight


@simulated
async def test_a_failing_settlement_ends_the_work_and_keeps_the_run() -> None:
    """When the ledger fails while delivering, the cause is raised, nothing hangs, and the run goes on later."""
    crm = FakeDestination(limits=Limits(calls=1, in_flight=2))
    async with opened({"crm": crm}, 100) as world:
        settle, calls = world.house.store.settle, 0

        async def failing(*args: Any) -> None:
            nonlocal calls
            calls += 1
            if calls > 2:
                raise OSError("the ledger is gone")
            await settle(*args)

        world.house.store.settle = failing  # type: ignore[method-assign,assignment]  # a broken disk
        with pytest.raises(OSError, match="the ledger is gone"):
            await world.run()
        sent = len(crm.requests)
        assert sent < 100
        world.house.store.settle = settle  # type: ignore[method-assign]  # mended
        run = await world.run()
    assert run.state is RunState.SUCCEEDED
    assert run.counts["crm"].delivered == 100
    assert sum(crm.arrivals.values()) <= 100 + 4  # what was in flight
