"""The scheduler in virtual time: what makes a run, when, and how often."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from headrace.definitions import Definition, Kind
from headrace.model import RunState
from headrace.project import Project
from tests.run.schedules import office, sync
from tests.run.worlds import simulated

# ------------------------------------------------------------------------------------------------------ first due times


@simulated
async def test_a_new_sync_with_an_interval_runs_at_once() -> None:
    """Due when it is first seen, then at the times of its grid, each once."""
    async with office(sync()) as it:
        assert await it.tick("10:07") == ["people 10:07"]
        assert await it.tick() == []
        await it.end()
        assert await it.tick("10:59:59") == []
        assert await it.tick("11:00") == ["people 11:00"]
        await it.end()
        assert await it.tick("12:00:01") == ["people 12:00"]
        runs = await it.store.runs()
        assert [(run.trigger, run.kind) for run in runs] == [("schedule", "query")] * 3
        assert [run.id for run in it.told] == [run.id for run in reversed(runs)]


@pytest.mark.parametrize(
    ("schedule", "start", "first"),
    [
        ("every hour", "2026-11-25T09:30:00+00:00", "25 09:30:00"),
        ("every hour", "2026-11-01T09:30:00+00:00", "23 10:30:00"),
        ("every day at 06:00", None, "24 06:00:00"),
        ("every day at 06:00 Europe/Warsaw", None, "24 05:00:00"),
        ("0 12 * * 1-5", None, "23 12:00:00"),
        ("0 12 * * 1-5", "2026-11-28T00:00:00+00:00", "30 12:00:00"),
        ("manual", None, None),
        ("after orders", None, None),
        ("nonsense", None, None),
    ],
)
def test_the_first_due_time(schedule: str, start: str | None, first: str | None) -> None:
    """With a start: then, or on the grid that begins there. A time of day waits for its time."""

    @simulated
    async def story() -> None:
        begin = datetime.fromisoformat(start) if start else None
        async with office(sync(schedule=schedule, start=begin)) as it:
            assert await it.tick("10:07") == []
            assert await it.next() == first

    story()


@simulated
async def test_seconds_only_where_the_service_allows_them() -> None:
    """Below a minute a schedule counts only with the service's setting; else the sync is never due."""
    async with office(sync(schedule="every 5 seconds")) as it:
        assert await it.tick("10:00:01") == ["people 10:00"]
        assert await it.next() == "23 10:00:05"
        it.project = Project({}, {}, it.project.syncs)
        assert await it.tick("10:00:06") == []
        assert await it.next() is None


# ------------------------------------------------------------------------------------------- missed, skipped, overrun


@simulated
async def test_missed_due_times_make_one_run() -> None:
    """After three days without a service: one run, then the grid again."""
    async with office(sync(schedule="every 15 minutes")) as it:
        await it.tick("10:00")
        await it.end()
        it.scheduler = it.another()
        assert await it.tick("2026-11-26T10:07") == ["people 10:15"]
        assert await it.next() == "26 10:15:00"
        await it.end()
        assert await it.tick() == []
        assert await it.tick("2026-11-26T10:15") == ["people 10:15"]


@simulated
async def test_a_run_that_still_lives_makes_skipped_ones() -> None:
    """Each due time meanwhile is recorded as skipped and counted; the first run after that sets the count to 0."""
    async with office(sync()) as it:
        await it.tick("10:00")
        assert await it.tick("11:00") == ["(people 11:00)"]
        assert await it.tick("12:00") == ["(people 12:00)"]
        assert (await it.due()).overruns == 2
        await it.end()
        assert await it.tick("12:30") == [], "what was skipped goes with the next"
        assert await it.tick("13:00") == ["people 13:00"]
        assert (await it.due()).overruns == 0


@simulated
async def test_a_run_by_hand_leaves_the_schedule_alone() -> None:
    """Running now neither takes the place of a due time nor moves it."""
    async with office(sync()) as it:
        await it.tick("10:00")
        await it.end()
        it.clock.show("10:59")
        await it.run_by_hand()
        assert await it.tick("11:00") == ["people 11:00"]


@simulated
async def test_a_cursor_set_by_hand_is_what_the_run_sees() -> None:
    """The cursor is read when the run is made."""
    async with office(sync()) as it:
        await it.tick("10:00")
        await it.end()
        await it.store.set_cursor("people", 77)
        await it.tick("11:00")
        assert [run.cursor for run in await it.store.runs()] == [77, 0]


# --------------------------------------------------------------------------------------------------------- the switch


@simulated
async def test_disabled_and_enabled_again() -> None:
    """Disabled it is not due, and keeps its cursor; enabled it waits for its next due time: one run for all missed."""
    async with office(sync()) as it:
        await it.tick("10:00")
        await it.end()
        await it.store.set_enabled("people", False)
        for shown in ("11:00", "12:00", "13:00"):
            assert await it.tick(shown) == []
        assert await it.next() is None
        await it.store.set_enabled("people", True)
        assert await it.tick("13:20") == []
        assert await it.next() == "23 14:00:00"
        assert await it.tick("14:00") == ["people 14:00"]
        assert (await it.store.sync_state("people")).cursor == 1


@simulated
async def test_the_switch_counts_over_the_file() -> None:
    """What somebody switched by hand overrides ``enabled:``, in both directions."""
    async with office(sync(enabled=False), sync("orders")) as it:
        await it.store.set_enabled("orders", False)
        assert await it.tick("10:00") == []
        await it.store.set_enabled("people", True)
        await it.store.set_enabled("orders", True)
        assert await it.tick("10:07") == ["orders 10:07", "people 10:07"], "to be enabled first is a beginning"


@simulated
async def test_disabled_in_the_file() -> None:
    """The same with ``enabled:`` in the file, edited there."""
    async with office(sync()) as it:
        await it.tick("10:00")
        await it.end()
        it.edit("people", enabled=False)
        assert await it.tick("11:00") == []
        it.edit("people", enabled=True)
        assert await it.tick("11:30") == []
        assert await it.tick("12:00") == ["people 12:00"]


@simulated
async def test_switched_off_and_on_between_two_looks() -> None:
    """A switch that nobody saw off loses nothing."""
    async with office(sync()) as it:
        await it.tick("10:00")
        await it.end()
        await it.store.set_enabled("people", False)
        await it.store.set_enabled("people", True)
        assert await it.tick("11:00") == ["people 11:00"]


# ------------------------------------------------------------------------------------------------ edits of the project


@simulated
async def test_an_edited_schedule_counts_from_now() -> None:
    """Another schedule or start: planned anew, due at its next time, not at once."""
    async with office(sync()) as it:
        await it.tick("10:05")
        await it.end()
        it.edit("people", schedule="every 10 minutes")
        assert await it.tick("10:07") == []
        assert await it.next() == "23 10:10:00"
        it.edit("people", start=datetime.fromisoformat("2026-11-23T10:08:30+00:00"))
        assert await it.tick() == []
        assert await it.next() == "23 10:08:30"
        it.edit("people", schedule="manual")
        assert await it.tick("10:10") == []
        assert await it.next() is None
        it.edit("people", schedule="every day at 06:00")
        await it.tick()
        assert await it.next() == "24 06:00:00"


@simulated
async def test_other_edits_leave_the_due_time() -> None:
    """A new query is run at the old time, and the run has the sync as it is then."""
    async with office(sync()) as it:
        await it.tick("10:05")
        await it.end()
        it.edit("people", query="select 2")
        assert await it.tick("10:07") == []
        assert await it.tick("11:00") == ["people 11:00"]
        assert (await it.store.runs())[0].spec["query"] == "select 2"


@simulated
async def test_a_sync_that_is_gone() -> None:
    """What is not in the project is not run; when it comes back, what it missed makes one run."""
    async with office(sync()) as it:
        await it.tick("10:00")
        await it.end()
        it.define()
        assert await it.tick("13:00") == []
        it.define(sync())
        assert await it.tick("13:10") == ["people 11:00"]
        assert await it.next() == "23 14:00:00"


@simulated
async def test_received_calls_are_not_due() -> None:
    """Syncs of sources that receive calls are nobody's due time."""
    async with office(replace(sync(), call=None)) as it:
        assert await it.tick("10:00") == []
        assert await it.store.dues() == []


# ---------------------------------------------------------------------------------------------------------- after OTHER


@simulated
async def test_after_another() -> None:
    """Each good run of the other makes one run, whether all its rows were taken or not; those of the past make none."""
    async with office(sync("bills", "after people"), sync(schedule="manual")) as it:
        await it.run_by_hand()
        assert await it.tick("10:00") == []
        assert await it.tick() == []
        await it.run_by_hand(state=RunState.FAILED)
        assert await it.tick("10:01") == []
        for shown, state in (("10:02", RunState.SUCCEEDED), ("10:04", RunState.PARTIAL)):
            it.clock.show(shown)
            await it.run_by_hand(state=state)
            assert await it.tick() == ["bills"]
            assert await it.tick() == []
            await it.end("bills")
        assert [run.trigger for run in await it.store.runs("bills")] == ["after", "after"]


@simulated
async def test_after_another_outlives_the_service() -> None:
    """A good run that ended while no service ran is followed when it is back, once."""
    async with office(sync("bills", "after people"), sync(schedule="manual")) as it:
        await it.tick("10:00")
        for shown in ("10:01", "10:02"):
            it.clock.show(shown)
            await it.run_by_hand()
        it.scheduler = it.another()
        assert await it.tick("10:10") == ["bills"]
        it.scheduler = it.another()
        assert await it.tick("10:11") == []


@simulated
async def test_after_another_that_ends_again_too_early() -> None:
    """While the sync still runs, it is recorded as skipped; the other's next good run is followed for both."""
    async with office(sync("bills", "after people"), sync(schedule="manual")) as it:
        await it.tick("10:00")
        for shown, made in (("10:01", ["bills"]), ("10:02", ["(bills)"])):
            it.clock.show(shown)
            await it.run_by_hand()
            assert await it.tick() == made
        assert (await it.due("bills")).overruns == 1
        await it.end("bills")
        assert await it.tick("10:03") == []
        await it.run_by_hand()
        assert await it.tick("10:04") == ["bills"]
        assert (await it.due("bills")).overruns == 0


@simulated
async def test_after_another_disabled_or_not_yet_begun() -> None:
    """Runs of the other while the sync is disabled are not followed later; those before its start are, at its start."""
    begin = datetime.fromisoformat("2026-11-23T12:00:00+00:00")
    late = sync("letters", "after people", start=begin)
    async with office(sync("bills", "after people"), late, sync(schedule="manual")) as it:
        await it.tick("10:00")
        await it.store.set_enabled("bills", False)
        await it.tick("10:01")
        await it.run_by_hand()
        assert await it.tick("10:02") == []
        await it.store.set_enabled("bills", True)
        assert await it.tick("10:03") == []
        assert await it.tick("10:04") == []
        assert await it.tick("12:00") == ["letters"]


@simulated
async def test_a_sync_that_another_process_deletes() -> None:
    """A sync that was deleted elsewhere has no run any more, though this process has not heard of it yet: it would
    begin anew, and send everything."""
    async with office(sync()) as it:
        made = Definition(Kind.SYNC, "people", 1, {}, it.clock.now(), "")
        await it.store.create_definition(made)
        assert await it.tick("10:07") == ["people 10:07"]
        await it.end()
        await it.store.delete_definition(Kind.SYNC, "people", 1)
        it.unread = replace(it.project, syncs={})
        assert await it.tick("10:08") == []
        assert (await it.due()).next_due is None
