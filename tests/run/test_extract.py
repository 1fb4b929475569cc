"""The first half of a run: rows are read, mapped, staged, and nothing is sent."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import QueryError, SourceError, StageFull
from headrace.model import CallKind, Failure, RowLimits, RunState, SyncState
from headrace.ports import Reply
from headrace.run.intake import recut
from headrace.run.job import Job
from headrace.run.rows_query import changes
from headrace.testing.fakes import FakeDestination, World, numbered
from headrace.testing.simulation import BEGIN, simulate
from tests.run.worlds import opened, simulated


async def recut_all(batches: list[pa.RecordBatch], rows: int, size: int) -> list[pa.RecordBatch]:
    """A list of batches, re-cut into parts."""

    async def stream() -> AsyncIterator[pa.RecordBatch]:
        for batch in batches:
            yield batch

    return [part async for part in recut(stream(), rows, size)]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=12), st.integers(1, 10), st.integers(1, 200))
@settings(max_examples=150, deadline=None)
def test_recutting_keeps_rows_and_order(sizes: list[int], rows: int, size: int) -> None:
    """Whatever the source's batches, parts hold the same rows in order, none more than ``rows``, none empty."""
    numbers = iter(range(sum(sizes)))
    batches = [pa.record_batch({"n": pa.array([next(numbers) for _ in range(n)], pa.int64())}) for n in sizes]
    parts = simulate(recut_all(batches, rows, size))
    assert [n for part in parts for n in part.column("n").to_pylist()] == list(range(sum(sizes)))
    assert all(0 < part.num_rows <= rows for part in parts) or sum(sizes) == 0
    assert len(parts) >= 1
    assert parts[0].schema == batches[0].schema


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(8, 100))
@settings(max_examples=60, deadline=None)
def test_recutting_by_bytes(sizes: list[int], size: int) -> None:
    """A part ends with the batch in which it reaches ``size`` bytes: all but the last reach it, none by far."""
    batches = [pa.record_batch({"n": pa.array([0] * n, pa.int64())}) for n in sizes]
    parts = simulate(recut_all(batches, 1_000, size))
    assert all(part.nbytes >= size for part in parts[:-1])
    assert all(part.nbytes < size + 5 * 8 for part in parts)


@simulated
async def test_recutting_to_full_parts() -> None:
    """Many small batches become parts of exactly ``rows`` rows and one rest; a large one is cut."""
    one = pa.record_batch({"n": list(range(7))})
    many = await recut_all([one] * 10, 16, 1 << 30)
    assert [part.num_rows for part in many] == [16, 16, 16, 16, 6]
    large = await recut_all([pa.record_batch({"n": list(range(40))})], 16, 1 << 30)
    assert [part.num_rows for part in large] == [16, 16, 8]


@simulated
async def test_an_empty_result_succeeds() -> None:
    """No rows: the run succeeds, nothing is sent, the columns are remembered and the cursor moves."""
    crm = FakeDestination()
    async with opened({"crm": crm}, 0) as world:
        run = await world.run()
        state = await world.house.store.sync_state("people")
    assert (run.state, run.extracted, crm.requests) == (RunState.SUCCEEDED, 0, [])
    assert state.cursor == BEGIN.timestamp()
    assert [name for name, _ in state.columns] == ["userId", "messageId"]


@pytest.mark.parametrize(("rows", "state"), [(250, RunState.SUCCEEDED), (251, RunState.FAILED)])
@simulated
async def test_too_many_records(rows: int, state: RunState) -> None:
    """One row over the limit fails the run before anything is sent, and gives the stage's space back."""
    crm = FakeDestination()
    async with opened({"crm": crm}, rows) as world:
        world.sync = replace(world.sync, limits=RowLimits(records=250))
        run = await world.run()
        assert world.stage.parts == {}
    assert run.state is state
    assert bool(crm.requests) is (state is RunState.SUCCEEDED)
    if run.problem:
        assert run.problem.code == "too_many_records"
        assert "more than 250 rows; nothing was sent" in run.problem.message


@pytest.mark.parametrize(
    ("error", "code"), [(SourceError("The connection broke."), "source"), (QueryError("No such column."), "query")]
)
@simulated
async def test_a_failing_source_sends_nothing(error: SourceError, code: str) -> None:
    """A source that fails halfway fails the run: nothing sent or kept, the source closed, the cursor as it was."""
    crm = FakeDestination()
    async with opened({"crm": crm}, 500) as world:
        world.source.error = error
        run = await world.run()
        assert (await world.house.store.sync_state("people")).cursor == 0
        assert world.stage.parts == {}
        assert world.source.closed == 1
    assert run.state is RunState.FAILED
    assert run.problem is not None
    assert run.problem.code == code
    assert crm.requests == []


@simulated
async def test_a_full_stage_fails_the_run_with_its_cause() -> None:
    """When parts do not fit, the run fails as ``stage_full``, nothing was sent, and the space is free again."""
    crm = FakeDestination()
    async with opened({"crm": crm}, 500) as world:
        world.stage.room = 2
        run = await world.run()
        assert world.stage.parts == {}
        assert world.source.closed == 1
    assert run.problem is not None
    assert (run.state, run.problem.code, crm.requests) == (RunState.FAILED, StageFull.code, [])


@simulated
async def test_a_stop_while_the_database_is_silent() -> None:
    """A run that is to stop while its query says nothing stops at once, and begins anew when taken up again."""
    crm = FakeDestination()
    async with opened({"crm": crm}, 150) as world:
        world.source.silent = True
        running = asyncio.create_task(world.run())
        await asyncio.sleep(60)
        world.jobs[0].stop.set()
        stopped = await running
        assert world.clock.monotonic() == 60
        assert (stopped.state, world.source.closed) == (RunState.EXTRACTING, 1)
        world.source.silent = False
        run = await world.run()
    assert (run.id, run.state, run.extracted) == (stopped.id, RunState.SUCCEEDED, 150)
    assert set(crm.arrivals.values()) == {1}


@simulated
async def test_changed_columns_are_told() -> None:
    """The second run says which columns are new, gone, or of another type."""
    async with opened({"crm": FakeDestination()}, pa.table({"userId": ["a"], "plan": ["x"], "age": [1]})) as world:
        first = await world.run()
        world.source.table = pa.table({"userId": ["a"], "email": ["x"], "age": ["1"]})
        second = await world.run()
        third = await world.run()
    assert first.warnings == third.warnings == ()
    assert second.warnings == (
        "The column 'email' is new since the last run.",
        "The column 'plan' is gone since the last run.",
        "The column 'age' was int64 in the last run and is string now.",
    )


def test_no_changes_before_the_first_run() -> None:
    """Without a settled run there is nothing to compare with."""
    assert changes(SyncState(), (("userId", "string"),)) == []


@simulated
async def test_notes_of_the_source_become_warnings() -> None:
    """What the source had to change is told with its number."""
    async with opened({"crm": FakeDestination()}, 3) as world:
        world.source.notes = {"Infinite dates became null.": 1200}
        run = await world.run()
    assert run.warnings == ("Infinite dates became null. (1,200 values)",)


def repeating(world: World, ids: list[str]) -> None:
    world.source.table = pa.table({"userId": [f"u{n}" for n in range(len(ids))], "messageId": ids})


@simulated
async def test_duplicates_within_a_run() -> None:
    """Of rows with the same messageId the first is delivered, the others are duplicates, also across parts."""
    crm = FakeDestination()
    async with opened({"crm": crm}, part_rows=3) as world:
        repeating(world, ["a", "b", "a", "c", "a", "b", "d"])
        run = await world.run()
    assert crm.arrivals == Counter("abcd")
    assert (run.counts["crm"].delivered, run.counts["crm"].duplicate) == (4, 3)
    assert run.state is RunState.SUCCEEDED


@simulated
async def test_duplicates_across_runs() -> None:
    """What a destination received within the window is not sent again there; what it refused is; others get it."""
    crm, mail = FakeDestination(), FakeDestination()
    crm.script = lambda sent: Reply(failed={0: Failure("odd", "It is odd.")} if len(crm.requests) == 1 else {})
    async with opened({"crm": crm}, 3) as world:
        first = await world.run()
        world.destinations = world.house.open_destination.__self__  # type: ignore[attr-defined]  # the same mapping
        world.destinations["mail"] = mail  # type: ignore[index]  # a dict, as given above
        world.sync = replace(world.sync, destinations=("crm", "mail"))
        second = await world.run()
        await asyncio.sleep(world.sync.deduplicate_for + 1)
        third = await world.run()
    assert (first.counts["crm"].delivered, first.counts["crm"].rejected) == (2, 1)
    assert (second.counts["crm"].delivered, second.counts["crm"].duplicate) == (1, 2)
    assert second.counts["mail"].delivered == 3
    assert third.counts["crm"].delivered == 3
    assert mail.arrivals == Counter({"m1": 2, "m2": 2, "m3": 2})


@pytest.mark.parametrize("window", [0, 3600])
@simulated
async def test_no_look_up_where_none_can_help(window: int) -> None:
    """Ids that we derive, and a window of 0, need no look for duplicates: every run delivers every row."""
    table = pa.table({"userId": ["a", "b"]}) if window else numbered(2)
    crm = FakeDestination()
    async with opened({"crm": crm}, table) as world:
        world.sync = replace(world.sync, deduplicate_for=window)

        async def claim(*_: object) -> None:
            raise AssertionError("nobody needs to look")

        world.seen.claim = claim  # type: ignore[method-assign,assignment]  # a spy
        runs = [await world.run() for _ in range(2)]
    assert [run.counts["crm"].delivered for run in runs] == [2, 2]
    assert len(crm.arrivals) == (4 if window else 2)


@simulated
async def test_derived_ids_stay_the_same_over_attempts() -> None:
    """A run that was stopped while delivering and taken up again sends each row under the id it had."""
    job: list[Job] = []

    def script(_: object) -> Reply:
        job[0].stop.set()
        return Reply()

    crm = FakeDestination(script)
    async with opened({"crm": crm}, pa.table({"userId": [f"u{n}" for n in range(95)]})) as world:
        while (await world.run(lambda taken: job.insert(0, taken))).state.live:
            assert len(job) < 50
    assert len(job) > 1
    assert len(crm.arrivals) == 95
    assert set(crm.arrivals.values()) == {1}


@simulated
async def test_invalid_rows_are_listed_with_their_values() -> None:
    """Rows that become no call count as invalid everywhere and stand in the error files with number and values."""
    table = pa.table({"userId": ["a", None, "c", ""], "plan": ["w", "x", "y", "z"]})
    crm, mail = FakeDestination(), FakeDestination()
    async with opened({"crm": crm, "mail": mail}, table, part_rows=2) as world:
        run = await world.run()
        failures = await world.failures(run)
    assert run.state is RunState.PARTIAL
    assert (run.extracted, run.unmapped) == (4, 2)
    assert [(c.delivered, c.invalid) for c in run.counts.values()] == [(2, 2), (2, 2)]
    assert [(row["row"], row["destination"]) for row in failures] == [(2, None), (4, None)]
    assert json.loads(failures[0]["values"]) == {"userId": None, "plan": "x"}


@simulated
async def test_a_run_of_invalid_rows_alone() -> None:
    """Where no row becomes a call there is nothing to deliver; the run ends partial."""
    crm = FakeDestination()
    async with opened({"crm": crm}, pa.table({"userId": pa.array([None] * 5, pa.string())})) as world:
        run = await world.run()
    assert (run.state, run.counts["crm"].invalid, run.counts["crm"].total, crm.requests) == (
        RunState.PARTIAL, 5, 5, [],
    )  # fmt: skip


@simulated
async def test_the_cursor_is_put_into_the_query_less_the_lookback() -> None:
    """``last_sync_time`` is 0 at first, then the source's clock just before the last settled query, less lookback."""
    async with opened({"crm": FakeDestination()}, 1) as world:
        world.sync = replace(world.sync, query="select {{last_sync_time}}", lookback=100, call=CallKind.IDENTIFY)
        await world.run()
        await asyncio.sleep(1000)
        await world.run()
    assert world.source.queries == ["select 0", f"select {int(BEGIN.timestamp()) - 100}"]
