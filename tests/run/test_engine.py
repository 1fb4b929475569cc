"""Whole runs on the embedded engine: how they end, stop and go on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from headrace.engines.embedded import EmbeddedEngine
from headrace.errors import DestinationDenied, HeadraceError, RunLive, SourceError, StageFull, Unreachable
from headrace.model import Check, Delivery, Failure, RunState
from headrace.ports import Limits, Reply, Verdict
from headrace.retry import RetryPolicy
from headrace.run.coroutine import run_sync
from headrace.run.job import Job
from headrace.testing.fakes import FakeDestination, Sent, numbered
from tests.run.worlds import opened, simulated

DENIES = Reply(Verdict.DENIED, code="http_401", reason="HTTP 401: bad key")


@simulated
async def test_one_destination_fails_the_others_finish() -> None:
    """A destination that denies fails the run with its cause; the others still get everything."""
    crm, mail = FakeDestination(lambda _: DENIES), FakeDestination()
    async with opened({"crm": crm, "mail": mail}, 350) as world:
        run = await world.run()
        assert (await world.house.store.sync_state("people")).cursor == 0
        assert world.stage.parts == {}
    assert run.state is RunState.FAILED
    assert run.problem is not None
    assert run.problem.code == "http_401"
    assert "'crm' refuses us" in run.problem.message
    assert run.counts["mail"].delivered == 350
    assert (run.counts["crm"].pending, run.counts["crm"].total) == (350, 350)
    assert len(crm.requests) <= 2 * 2 * crm.limits.in_flight  # no part is begun once it is known
    assert (crm.closed, mail.closed) == (1, 1)


@simulated
async def test_a_destination_that_is_down_fails_the_run() -> None:
    """Nobody answers for as long as we try: failed as ``destination_down``, with what came over the network."""

    def script(_: Sent) -> Reply:
        raise Unreachable("crm.example:443 did not answer.")

    async with opened({"crm": FakeDestination(script)}, 50, retry=RetryPolicy(give_up_after=300)) as world:
        run = await world.run()
        assert world.clock.monotonic() <= 301
    assert run.problem is not None
    assert run.problem.code == "destination_down"
    assert "crm.example:443 did not answer." in run.problem.message


@simulated
async def test_a_slow_destination_holds_nobody_back() -> None:
    """Each destination goes at its own pace."""

    async def slow(_: Sent) -> Reply:
        await asyncio.sleep(20)
        return Reply()

    crm, mail = FakeDestination(slow, Limits(calls=10, in_flight=1)), FakeDestination()
    async with opened({"crm": crm, "mail": mail}, 300) as world:
        run = await world.run()
    assert run.state is RunState.SUCCEEDED
    assert max(sent.at for sent in mail.requests) < 5
    assert max(sent.at for sent in crm.requests) == pytest.approx(580, abs=10)


@simulated
async def test_a_destination_that_is_not_ready_stops_the_run_before_the_query() -> None:
    """A failed check fails the run with the check's words; the source is not asked."""
    crm = FakeDestination()
    crm.ready = Check(problems=("The key is unknown. Make a new one.",))
    async with opened({"crm": crm}) as world:
        run = await world.run()
        assert world.source.queries == []
    assert run.problem is not None
    assert run.problem.code == "destination_check"
    assert run.problem.message == "The destination 'crm' is not ready: The key is unknown. Make a new one."
    assert crm.closed == 1


@simulated
async def test_a_cancelled_run_stops_and_settles() -> None:
    """A request to cancel ends the run as cancelled; what was in flight is settled, the cursor does not move."""

    async def script(_: Sent) -> Reply:
        await asyncio.sleep(1)
        return Reply()

    crm = FakeDestination(script, Limits(calls=1, in_flight=2))
    async with opened({"crm": crm}, 100) as world:
        running = asyncio.create_task(world.run())
        await asyncio.sleep(10)
        run_id = world.jobs[0].id
        assert await world.house.store.request_cancel(run_id)
        run = await running
        assert world.clock.monotonic() <= 13
        assert (await world.house.store.sync_state("people")).cursor == 0
        assert await world.house.store.live_run("people") is None
        assert world.stage.parts == {}
        again = await world.run()
    assert run.state is RunState.CANCELLED
    assert run.counts["crm"].delivered == sum(crm.arrivals.values()) - again.counts["crm"].delivered
    assert again.counts["crm"].duplicate == run.counts["crm"].delivered
    assert set(crm.arrivals.values()) == {1}


@simulated
async def test_cancelled_while_the_store_stumbles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that once cannot say whether to cancel is asked again: the wish is heeded seconds later."""
    async with opened({"crm": FakeDestination(lambda _: Reply(Verdict.RETRY, after=250))}, 10) as world:
        store, answers = world.house.store, iter([False, True])
        ask = store.cancel_requested

        async def stumbles(run_id: str) -> bool:
            if next(answers, False):
                raise HeadraceError("The store does not answer.", code="store_down")
            return await ask(run_id)

        monkeypatch.setattr(store, "cancel_requested", stumbles)
        running = asyncio.create_task(world.run())
        await asyncio.sleep(2.5)
        assert next(answers, None) is None, "it has stumbled"
        await store.request_cancel(world.jobs[0].id)
        assert (await running).state is RunState.CANCELLED
        assert world.clock.monotonic() <= 5


@simulated
async def test_a_destination_that_was_edited_goes_at_its_new_pace() -> None:
    """The lane is shared by all runs to a destination for as long as its limits are the same."""
    crm = FakeDestination(limits=Limits(calls=1, in_flight=1, rate=1))
    async with opened({"crm": crm}, 20) as world:
        await world.run()
        slow = world.clock.monotonic()
        crm.limits = Limits(calls=1, in_flight=10)
        world.source.table = numbered(20, first=21)
        assert (await world.run()).counts["crm"].delivered == 20
        assert world.clock.monotonic() - slow < slow / 2


@simulated
async def test_cancelled_while_waiting_for_a_retry() -> None:
    """A cancel does not wait for a destination that asked for minutes."""
    crm = FakeDestination(lambda _: Reply(Verdict.RETRY, after=250))
    async with opened({"crm": crm}, 10) as world:
        running = asyncio.create_task(world.run())
        await asyncio.sleep(5)
        await world.house.store.request_cancel(world.jobs[0].id)
        run = await running
        assert world.clock.monotonic() <= 7
    assert (run.state, run.counts["crm"].pending) == (RunState.CANCELLED, 10)


@simulated
async def test_one_worker_at_a_time() -> None:
    """A run in hand is not taken by another; who tries is told which run and how to cancel it."""
    crm = FakeDestination(lambda _: Reply(Verdict.RETRY, after=20) if len(crm.requests) == 1 else Reply())
    async with opened({"crm": crm}, 10) as world:
        running = asyncio.create_task(world.run())
        await asyncio.sleep(1)
        with pytest.raises(RunLive, match="headrace cancel"):
            await world.run()
        run = await running
        assert run.state is RunState.SUCCEEDED
        assert len(world.jobs) == 1


@simulated
async def test_a_run_that_has_ended_is_not_carried() -> None:
    """Carrying an ended run is refused and changes nothing."""
    async with opened({"crm": FakeDestination()}, 10) as world:
        run = await world.run()
        with pytest.raises(HeadraceError, match="has ended already"):
            await EmbeddedEngine(world.worker).carry(run)
        assert await world.house.store.run(run.id) == run


@simulated
async def test_a_full_disk_while_delivering_keeps_the_run() -> None:
    """Our own trouble is raised and ends nothing: the run goes on when the disk works again."""
    crm = FakeDestination(lambda sent: Reply(failed={0: Failure("odd", "It is odd.")}))
    async with opened({"crm": crm}, 50) as world:
        write = world.errors.write

        async def full(*_: object) -> None:
            raise StageFull("The disk is full.")

        world.errors.write = full  # type: ignore[method-assign,assignment]  # a full disk
        with pytest.raises(StageFull):
            await world.run()
        live = await world.house.store.live_run("people")
        assert live is not None
        assert live.state is RunState.DELIVERING
        world.errors.write = write  # type: ignore[method-assign]  # mended
        run = await world.run()
        rows = [row["row"] for row in await world.failures(run)]
    assert run.state is RunState.PARTIAL
    assert sorted(rows) == [1, 11, 21, 31, 41]


@simulated
async def test_refused_when_opened_again() -> None:
    """A destination that cannot be opened any more fails the run that was to go on."""
    jobs: list[Job] = []

    def script(_: Sent) -> Reply:
        jobs[-1].stop.set()
        return Reply()

    crm = FakeDestination(script, Limits(calls=1, in_flight=1))
    async with opened({"crm": crm}, 50) as world:
        assert (await world.run(jobs.append)).state.live

        def gone(_: str) -> FakeDestination:
            raise DestinationDenied("The destination 'crm' is gone.")

        object.__setattr__(world.house, "open_destination", gone)
        run = await world.run(jobs.append)
    assert run.state is RunState.FAILED
    assert run.problem is not None
    assert run.problem.code == "destination_denied"
    assert crm.arrivals == Counter(["m1"])


@simulated
async def test_a_killed_task_leaves_no_query_behind() -> None:
    """Cancelling the task that carries a run ends its query before the lock is free: the source is closed by then."""
    async with opened({"crm": FakeDestination()}, 50) as world:
        world.source.silent = True
        running = asyncio.create_task(world.run())
        await asyncio.sleep(5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert world.source.closed == 1


@simulated
async def test_a_killed_task_gives_its_places_back() -> None:
    """Cancelling the task that carries a run while a destination is silent leaves no place of its lane taken: the
    next run of the same worker sends as many batches at once."""
    silent = asyncio.Event()

    async def answer(sent: Sent) -> Reply:
        await silent.wait()
        return Reply()

    crm = FakeDestination(answer, Limits(calls=1, in_flight=3))
    async with opened({"crm": crm}, 50) as world:
        for _ in range(4):
            running = asyncio.create_task(world.run())
            await asyncio.sleep(5)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        silent.set()
        run = await world.run()
    assert (run.state, run.attempt, run.counts["crm"].delivered) == (RunState.SUCCEEDED, 5, 50)
    assert crm.most_at_once == 3


@simulated
async def test_the_stage_is_free_before_more_is_written() -> None:
    """At the end of a run its parts go first: remembering ids takes space that an almost full disk may not have."""
    async with opened({"crm": FakeDestination()}, 150) as world:
        held: list[list[str]] = []
        remember = world.seen.remember

        async def look(run_id: str, deliveries: Sequence[Delivery]) -> None:
            held.append(world.stage.runs())
            await remember(run_id, deliveries)

        world.seen.remember = look  # type: ignore[method-assign]  # to see what is there then
        await world.run()
        world.source.error = SourceError("The database went away.")
        await world.run()
    assert held == [[], []]


class Script:
    """A context that answers steps from a table, to see what the coroutine asks for."""

    def __init__(self, **answers: object) -> None:
        self.answers, self.log = answers, list[tuple[object, ...]]()

    async def do(self, step: str, *args: object) -> object:
        self.log.append((step, *args))
        answer = self.answers.get(step)
        return answer(*args) if callable(answer) else answer

    async def gather(self, work):  # type: ignore[no-untyped-def]  # as `headrace.run.coroutine.Ctx`
        return [await one for one in work]


BAD = {"code": "bad", "message": "It is bad."}


@pytest.mark.parametrize(
    ("plan", "steps", "problem"),
    [
        ({"state": "new", "problem": None}, ["plan", "extract", "outstanding", "deliver", "finish"], None),
        ({"state": "staged", "problem": None}, ["plan", "outstanding", "deliver", "finish"], None),
        ({"state": "new", "problem": BAD}, ["plan", "finish"], BAD),
    ],
)
@simulated
async def test_the_way_of_a_run(plan: object, steps: list[str], problem: object) -> None:
    """New runs extract, staged ones do not again, and a problem leads straight to the end."""
    ctx = Script(plan=plan, outstanding=[("crm", [4])])
    await run_sync(ctx, "r1")
    assert [entry[0] for entry in ctx.log] == steps
    assert ctx.log[-1] == ("finish", "r1", problem)


@simulated
async def test_a_problem_of_one_part_is_the_runs_problem() -> None:
    """Every part of every destination is delivered; the first problem found ends the run."""
    ctx = Script(
        plan={"state": "staged"},
        outstanding=[("crm", [0, 1]), ("mail", [0])],
        deliver=lambda run, name, seq: BAD if (name, seq) == ("crm", 1) else None,
    )
    await run_sync(ctx, "r1")
    assert ctx.log[2:] == [
        ("deliver", "r1", "crm", 0), ("deliver", "r1", "crm", 1), ("deliver", "r1", "mail", 0), ("finish", "r1", BAD),
    ]  # fmt: skip
