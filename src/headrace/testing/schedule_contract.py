"""What every store must do with schedules. The class that inherits it gives the fixtures ``store`` and ``rival``."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from headrace.due import Due, Firing
from headrace.errors import RunLive
from headrace.model import Counts, Run, RunState
from headrace.store_port import Staged, Store
from headrace.testing.store_samples import AS_OF, COLUMNS, LATER, NOON, WHY, delivering, ended, extracting, new_run

NEXT = NOON + timedelta(minutes=15)
AFTER_THAT = NEXT + timedelta(minutes=15)
NOTHING = Staged(AS_OF, COLUMNS, (), [])


async def due_of(store: Store, sync: str = "people") -> Due:
    """Where a sync stands."""
    return next(due for due in await store.dues() if due.sync == sync)


class ScheduleContract:
    """The verbs on due times. ``rival`` is another store on the same database, as another process has it."""

    async def test_a_sync_is_planned_once(self, store: Store) -> None:
        """Terms and due time are set where there are none yet, and where they still are what the caller saw."""
        assert await store.dues() == []
        assert await store.plan("people", "hourly", NOON, was=None)
        assert await store.dues() == [Due("people", "hourly", NOON)]
        assert not await store.plan("people", "daily", NEXT, was=None)
        assert not await store.plan("people", "daily", NEXT, was="weekly")
        assert not await store.plan("orders", "daily", NEXT, was="weekly")
        assert await store.dues() == [Due("people", "hourly", NOON)]
        assert await store.plan("people", "manual", None, was="hourly")
        assert await store.dues() == [Due("people", "manual", None)]

    async def test_planning_leaves_the_rest_of_a_sync(self, store: Store) -> None:
        """A sync that the store knows by its cursor and its switch is planned like a new one, and keeps both."""
        await store.set_cursor("people", 5)
        await store.set_enabled("people", False)
        assert await store.dues() == [Due("people", None, None, enabled=False)]
        assert await store.plan("people", "off", None, was=None)
        state = await store.sync_state("people")
        assert (state.cursor, state.enabled) == (5, False)

    async def test_a_due_time_is_moved_where_it_still_is(self, store: Store) -> None:
        """Without a run, and only from the due time that the caller saw."""
        await store.plan("people", "hourly", NEXT, was=None)
        assert not await store.replan("people", AFTER_THAT, NOON)
        assert await store.replan("people", NEXT, NOON)
        assert (await due_of(store)).next_due == NOON
        assert await store.runs() == []

    async def test_a_due_time_makes_a_run(self, store: Store) -> None:
        """The run is queued, knows its due time, and its query will see the sync's own cursor; the due time moved."""
        await store.plan("people", "hourly", NOON, was=None)
        await store.set_cursor("people", 99)
        run = await store.fire("people", NOON, NEXT, new_run())
        assert run is not None
        assert (run.state, run.due, run.cursor, run.trigger) == (RunState.QUEUED, NOON, 99, "manual")
        assert await store.live_run("people") == run
        assert (await due_of(store)).next_due == NEXT

    async def test_a_cursor_set_by_hand_outlives_a_fired_run(self, store: Store) -> None:
        """Set after the run was made, it stays when that run ends; set before, the run's end moves it on."""
        await store.plan("people", "hourly", NOON, was=None)
        await store.set_cursor("people", 1)
        first = await self._fired_and_ended(store, NOON, NEXT, "run-1")
        assert (first.cursor, (await store.sync_state("people")).cursor) == (1, first.as_of)
        run = await store.fire("people", NEXT, AFTER_THAT, new_run("run-2", at=LATER))
        assert run is not None
        await store.set_cursor("people", 7)
        await self._carry(store, run)
        assert (await store.sync_state("people")).cursor == 7

    @pytest.mark.parametrize("skipped", [False, True], ids=["made", "skipped"])
    async def test_a_run_by_hand_reads_from_where_the_sync_stands(self, store: Store, skipped: bool) -> None:
        """Its cursor is the sync's own when it is recorded, 0 for a sync that never ran; a given one goes first."""
        make = partial(store.record_skip, reason="as it was") if skipped else store.create_run
        await store.set_cursor("people", 5)
        assert (await make(replace(new_run("run-1"), cursor=None))).cursor == 5
        assert (await make(replace(new_run("run-2", "orders"), cursor=None))).cursor == 0
        assert (await make(replace(new_run("run-3", "carts"), cursor=9))).cursor == 9

    async def test_a_due_time_that_was_moved_makes_no_run(self, store: Store) -> None:
        """Whoever comes late changes nothing: the due time has moved, the sync is not planned, or was switched off."""
        await store.plan("people", "hourly", NEXT, was=None)
        await store.plan("orders", "off", None, was=None)
        for sync in ("people", "orders", "unknown"):
            assert await store.fire(sync, NOON, AFTER_THAT, new_run(sync=sync)) is None
        assert await store.runs() == []
        assert {due.sync: due.next_due for due in await store.dues()} == {"people": NEXT, "orders": None}

    async def test_a_due_time_makes_one_run_even_if_it_comes_again(self, store: Store) -> None:
        """Where the clock was put back a due time comes twice: the second time it only moves on."""
        await store.plan("people", "hourly", NOON, was=None)
        first = await self._fired_and_ended(store, NOON, NEXT, "run-1")
        assert await store.replan("people", NEXT, NOON)
        assert await store.fire("people", NOON, NEXT, new_run("run-2")) is None
        assert await store.runs() == [first]
        assert (await due_of(store)).next_due == NEXT

    async def test_a_run_that_still_lives_makes_a_skipped_one(self, store: Store) -> None:
        """It is recorded with its due time and the reason, sends nothing, and counts; the next real run counts anew."""
        await store.plan("people", "hourly", NOON, was=None)
        run_id, attempt = await extracting(store)
        for number, due in enumerate((NOON, NEXT), 1):
            run = await store.fire("people", due, due + timedelta(minutes=15), new_run(f"late-{number}", at=LATER))
            assert run is not None
            assert (run.state, run.due, run.ended_at) == (RunState.SKIPPED, due, LATER)
            assert run.counts == {"crm": Counts(), "mail": Counts()}
            assert run.problem is not None
            assert "goes with the next" in run.problem.message
            assert (await due_of(store)).overruns == number
        await store.finish(run_id, attempt, RunState.FAILED, LATER)
        assert await store.fire("people", AFTER_THAT, None, new_run("run-3", at=LATER)) is not None
        stands = await due_of(store)
        assert (stands.overruns, stands.next_due) == (0, None)

    async def test_an_id_that_is_taken_loses_no_due_time(self, store: Store) -> None:
        """A run whose id by chance is that of another is not made, and the due time stays for another id."""
        await store.plan("people", "hourly", NOON, was=None)
        await store.create_run(new_run("run-1", "orders"))
        assert await store.fire("people", NOON, NEXT, new_run("run-1")) is None
        assert (await due_of(store)).next_due == NOON
        assert await store.fire("people", NOON, NEXT, new_run("run-2")) is not None

    async def test_a_page_of_due_times(self, store: Store) -> None:
        """Several due times move in one transaction, and answer in their order; one that was late harms no other."""
        for sync in ("people", "orders", "bills"):
            await store.plan(sync, "hourly", NOON, was=None)
        assert await store.replan("orders", NOON, NEXT)  # another process was first
        syncs = ("people", "orders", "unknown", "bills")
        made = await store.fire_many([Firing(sync, NOON, NEXT, new_run(f"{sync}-1", sync)) for sync in syncs])
        assert [run.id if run else None for run in made] == ["people-1", None, None, "bills-1"]
        assert [run for run in made if run] == [await store.live_run("people"), await store.live_run("bills")]
        assert {(due.sync, due.next_due) for due in await store.dues()} == {
            (sync, NEXT) for sync in syncs[:2] + syncs[3:]
        }

    async def test_pages_of_two_processes(self, store: Store, rival: Store) -> None:
        """Two that move the same due times in pages of other orders never wait in a circle, and make one run each."""
        syncs = [f"sync-{number}" for number in range(20)]
        for sync in syncs:
            await store.plan(sync, "hourly", NOON, was=None)
        pages = [
            one.fire_many([Firing(sync, NOON, NEXT, new_run(f"{sync}-{name}", sync)) for sync in order])
            for name, one, order in (("a", store, syncs), ("b", rival, syncs[::-1]))
        ]
        made = [run.sync for page in await asyncio.gather(*pages) for run in page if run]
        assert sorted(made) == sorted(syncs)

    async def test_of_many_that_fire_one_wins(self, store: Store, rival: Store) -> None:
        """Two processes that fire each of several due times, many times over, make one run of each."""
        syncs = [f"sync-{number}" for number in range(8)]
        for sync in syncs:
            await store.plan(sync, "hourly", NOON, was=None)
        tries = [
            one.fire(sync, NOON, NEXT, new_run(f"{sync}-{number}-{name}", sync))
            for sync in syncs
            for number in range(4)
            for name, one in (("a", store), ("b", rival))
        ]
        made = [run for run in await asyncio.gather(*tries) if run is not None]
        assert Counter(run.sync for run in made) == dict.fromkeys(syncs, 1)
        assert {run.state for run in made} == {RunState.QUEUED}
        assert len(await store.runs()) == len(syncs)
        assert {(due.next_due, due.overruns) for due in await store.dues()} == {(NEXT, 0)}

    async def test_firing_and_ending_at_once(self, store: Store, rival: Store) -> None:
        """A run that ends while the next due time fires: neither waits for the other for ever; both are recorded."""
        await store.plan("people", "hourly", NOON, was=None)
        for number in range(15):
            due = NOON + number * timedelta(hours=1)
            run_id, attempt = await delivering(store, new_run(f"by-hand-{number}", at=due))
            fired, _ = await asyncio.gather(
                rival.fire("people", due, due + timedelta(hours=1), new_run(f"due-{number}", at=due)),
                store.finish(run_id, attempt, RunState.FAILED, due),
            )
            assert fired is not None
            if fired.state is RunState.QUEUED:
                await store.abandon(fired.id, due, WHY)
        assert len(await store.runs()) == 30

    async def test_firing_while_the_cursor_is_set(self, store: Store, rival: Store) -> None:
        """However they meet, a cursor set by hand is seen by the run, or is the sync's after the run ended."""
        for number in range(10):
            sync = f"sync-{number}"
            await store.plan(sync, "hourly", NOON, was=None)
            run, _ = await asyncio.gather(
                rival.fire(sync, NOON, NEXT, new_run(f"run-{number}", sync)), store.set_cursor(sync, 5)
            )
            if run is None:  # they met: the due time stays
                run = await rival.fire(sync, NOON, NEXT, new_run(f"again-{number}", sync))
            assert run is not None
            await self._carry(store, run)
            assert run.cursor == 5 or (await store.sync_state(sync)).cursor == 5

    # ------------------------------------------------------------------------------------------------- after another

    async def test_the_newest_good_run(self, store: Store) -> None:
        """Runs that ended well count, whether all was taken or not; failed ones, and others' runs, do not."""
        assert await store.newest_good_runs(["people", "orders"]) == {}
        good = await ended(store, RunState.PARTIAL, new_run("run-1"))
        await ended(store, RunState.FAILED, new_run("run-2", at=LATER))
        await ended(store, RunState.CANCELLED, new_run("run-3", "orders", at=LATER))
        assert await store.newest_good_runs(["people", "orders", "unknown"]) == {"people": good.id}
        newer = await ended(store, RunState.PARTIAL, new_run("run-0", at=LATER + timedelta(hours=1)))
        assert await store.newest_good_runs(["people"]) == {"people": newer.id}
        assert await store.newest_good_runs([]) == {}

    async def test_resent_rows_start_no_other_sync(self, store: Store) -> None:
        """Rows that are sent once more are no new result."""
        good = await ended(store, RunState.PARTIAL, new_run("run-1"))
        await ended(store, RunState.PARTIAL, replace(new_run("run-2", at=LATER), kind="resend"))
        assert await store.newest_good_runs(["people"]) == {"people": good.id}

    async def test_what_ran_before_counts_as_followed(self, store: Store) -> None:
        """When `after OTHER` is planned, the other's newest good run is noted; where it had none, nothing."""
        await store.plan("bills", "after people", None, was=None, after="people")
        assert (await due_of(store, "bills")).after_run is None
        good = await ended(store, RunState.PARTIAL)
        await store.plan("letters", "after people", None, was=None, after="people")
        assert (await due_of(store, "letters")).after_run == good.id
        await store.plan("bills", "off", None, was="after people")
        assert (await due_of(store, "bills")).after_run is None

    async def test_a_run_is_followed_once(self, store: Store, rival: Store) -> None:
        """Of many that follow a run of another sync one wins; its run has no due time."""
        good = await ended(store, RunState.PARTIAL)
        await store.plan("bills", "after people", None, was=None)
        tries = [
            one.follow("bills", None, good.id, new_run(f"bill-{number}-{name}", "bills"))
            for number in range(5)
            for name, one in (("a", store), ("b", rival))
        ]
        (run,) = [run for run in await asyncio.gather(*tries) if run is not None]
        assert (run.state, run.due) == (RunState.QUEUED, None)
        assert (await due_of(store, "bills")).after_run == good.id
        skipped = await store.follow("bills", good.id, "people-2", new_run("bill-2", "bills"))
        assert skipped is not None
        assert skipped.state is RunState.SKIPPED
        assert (await due_of(store, "bills")).overruns == 1

    # ------------------------------------------------------------------------------------------------- what waits

    @pytest.mark.parametrize("state", [RunState.PARTIAL, RunState.FAILED])
    async def test_live_runs_the_oldest_first(self, store: Store, state: RunState) -> None:
        """Queued and working ones, with what they did so far; none that has ended or was skipped."""
        await ended(store, state, new_run("run-0", "done"))
        await delivering(store, new_run("run-2", "later", at=LATER))
        await store.create_run(new_run("run-3", "latest", at=LATER))
        await store.create_run(new_run("run-9", "people", at=NOON))
        await store.record_skip(new_run("run-4", "people", at=LATER), "It ran.")
        live = await store.live_runs()
        assert [run.id for run in live] == await store.live_run_ids() == ["run-9", "run-2", "run-3"]
        assert live[1] == await store.run("run-2")
        with pytest.raises(RunLive):
            await store.create_run(new_run("run-5", "people"))

    async def _fired_and_ended(self, store: Store, due: datetime, following: datetime, run_id: str) -> Run:
        run = await store.fire("people", due, following, new_run(run_id))
        assert run is not None
        return await self._carry(store, run)

    async def _carry(self, store: Store, run: Run) -> Run:
        """Bring a fired run to a good end."""
        attempt = await store.take(run.id, LATER)
        await store.extract_anew(run.id, attempt)
        await store.staged(run.id, attempt, NOTHING)
        return await store.finish(run.id, attempt, RunState.SUCCEEDED, LATER)
