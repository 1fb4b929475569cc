"""What every store must do. Subclass `StoreContract`, give it a ``new_store`` fixture, and all of it is tested.

    class TestMyStore(StoreContract):
        @pytest.fixture
        def new_store(self, tmp_path):
            return lambda: MyStore(tmp_path)

Stores that outlive their process subclass `headrace.testing.store_durability.DurableStoreContract` instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta, timezone

import pytest

from headrace.errors import Fenced, HeadraceError, RunLive
from headrace.model import Counts, Delivery, Part, Problem, Run, RunState, Settled, SyncState
from headrace.store_port import Store
from headrace.testing.sealed_contract import SealedContract
from headrace.testing.short_way_contract import ShortWayContract
from headrace.testing.store_model import counts_always_add_up
from headrace.testing.store_samples import (
    AS_OF,
    COLUMNS,
    DESTINATIONS,
    LATER,
    NOON,
    PARTS,
    WHY,
    WORKERS_VERBS,
    deliveries,
    delivering,
    ended,
    extracting,
    new_run,
    plan,
    read,
)

ENDS = (RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED)


class StoreContract(SealedContract, ShortWayContract):
    """Every verb of `store_port.Store` and every promise about it that holds within one process."""

    @pytest.fixture
    def new_store(self) -> Callable[[], Store]:
        """A function that gives a store on the test's own, empty place; not yet open."""
        raise NotImplementedError("give a `new_store` fixture")

    @pytest.fixture
    async def store(self, new_store: Callable[[], Store]) -> AsyncIterator[Store]:
        store = new_store()
        await store.open()
        yield store
        await store.close()

    # ----------------------------------------------------------------------------------------------------------- syncs

    async def test_nothing_is_remembered_of_a_new_sync(self, store: Store) -> None:
        """A sync that never ran has cursor 0, no columns, and is enabled as its configuration says."""
        assert await store.sync_state("people") == SyncState(0, (), None)

    async def test_cursor_and_switch_are_remembered_apart(self, store: Store) -> None:
        """Setting one thing of a sync leaves its others, and other syncs, as they are."""
        await store.set_cursor("people", 5)
        await store.set_enabled("people", False)
        await store.set_enabled("orders", True)
        await store.set_cursor("orders", 6)
        assert await store.sync_state("people") == SyncState(5, (), False)
        assert await store.sync_state("orders") == SyncState(6, (), True)

    # ----------------------------------------------------------------------------------------------- a run comes to be

    async def test_a_created_run_is_queued_and_reads_back(self, store: Store) -> None:
        """What was given at creation is there, to the microsecond; nothing has happened yet."""
        run = await store.create_run(new_run(at=NOON.astimezone(timezone(timedelta(hours=9)))))
        assert (run.state, run.attempt, run.cursor, run.as_of) == (RunState.QUEUED, 0, 7, None)
        assert (run.created_at, run.created_at.utcoffset()) == (NOON, timedelta(0))
        assert (run.started_at, run.ended_at, run.problem, run.cancel_requested) == (None, None, None, False)
        assert run.spec == {"call": "identify", "query": "select 'ü'"}
        assert run.counts == {"crm": Counts(), "mail": Counts()}
        assert await store.run("run-1") == await store.live_run("people") == run

    async def test_an_unknown_run_is_none(self, store: Store) -> None:
        """Reading what is not there is not an error; working on it is."""
        assert await store.run("run-1") is None
        assert await store.live_run("people") is None
        assert not await store.request_cancel("run-1")
        with pytest.raises(HeadraceError, match="run-1"):
            await store.take("run-1", NOON)

    async def test_a_sync_has_one_live_run(self, store: Store) -> None:
        """A second run is refused with the id of the first, and leaves no trace; other syncs may run."""
        await store.create_run(new_run("run-1"))
        with pytest.raises(RunLive, match="run-1") as refused:
            await store.create_run(new_run("run-2"))
        assert refused.value.run_id == "run-1"
        assert await store.run("run-2") is None
        assert (await store.create_run(new_run("run-3", "orders"))).state is RunState.QUEUED

    async def test_of_many_at_once_one_is_created(self, store: Store) -> None:
        """Concurrent creations of one sync's run: one wins, and all others learn its id."""
        tries = [store.create_run(new_run(f"run-{number}")) for number in range(12)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        (winner,) = [result.id for result in results if isinstance(result, Run)]
        assert [result.run_id for result in results if isinstance(result, RunLive)] == [winner] * 11

    async def test_an_id_is_used_once(self, store: Store) -> None:
        """A run is never created over another."""
        first = await ended(store, RunState.FAILED)
        for again in (store.create_run(new_run()), store.record_skip(new_run(), "busy")):
            with pytest.raises(HeadraceError, match="run-1"):
                await again
        assert await store.run("run-1") == first

    @pytest.mark.parametrize("state", ENDS)
    async def test_an_ended_run_makes_room(self, store: Store, state: RunState) -> None:
        """After each kind of end the sync may run again."""
        await ended(store, state)
        assert await store.live_run("people") is None
        assert (await store.create_run(new_run("run-2"))).state is RunState.QUEUED

    async def test_a_skip_is_recorded_beside_the_live_run(self, store: Store) -> None:
        """A skipped run has ended when it is recorded, says why, and disturbs neither the live run nor the cursor."""
        live = await store.create_run(new_run("run-1"))
        skipped = await store.record_skip(new_run("run-2", at=LATER), "run-1 still ran")
        assert (skipped.state, skipped.ended_at, skipped.started_at) == (RunState.SKIPPED, LATER, None)
        assert skipped.problem is not None
        assert skipped.problem.message == "run-1 still ran"
        assert await store.live_run("people") == live
        assert await store.sync_state("people") == SyncState()
        with pytest.raises(Fenced):
            await store.take("run-2", NOON)

    async def test_the_newest_runs_come_first(self, store: Store) -> None:
        """The history is in order of creation, of one sync or of all, and no longer than asked for."""
        for number in range(4):
            sync = "people" if number % 2 else "orders"
            await store.record_skip(new_run(f"run-{number}", sync, NOON + timedelta(minutes=number)), "busy")
        assert [run.id for run in await store.runs()] == ["run-3", "run-2", "run-1", "run-0"]
        assert [run.id for run in await store.runs("people")] == ["run-3", "run-1"]
        assert [run.id for run in await store.runs(limit=1)] == ["run-3"]

    async def test_the_history_tells_what_the_run_tells(self, store: Store) -> None:
        """A listed run is the same as one read by itself, live or ended."""
        await ended(store, RunState.PARTIAL)
        await delivering(store, new_run("run-2", at=LATER))
        assert await store.runs() == [await store.run("run-2"), await store.run("run-1")]

    # ------------------------------------------------------------------------------------------------------- the fence

    async def test_taking_up_counts_attempts(self, store: Store) -> None:
        """Each worker that takes a run up gets the next attempt; when it started is said once."""
        await store.create_run(new_run())
        assert [await store.take("run-1", NOON), await store.take("run-1", LATER)] == [1, 2]
        run = await read(store, "run-1")
        assert (run.attempt, run.started_at) == (2, NOON)

    @pytest.mark.parametrize("verb", WORKERS_VERBS)
    async def test_a_zombie_changes_nothing(self, store: Store, verb: str) -> None:
        """A worker whose run was taken up by another is fenced, where it would have been allowed before."""
        begin = extracting if verb in ("extract_anew", "add_parts", "staged") else delivering
        run_id, attempt = await begin(store)
        await store.take(run_id, LATER)
        before = await read(store, run_id), await store.parts(run_id), await store.deliveries(run_id)
        with pytest.raises(Fenced, match=run_id):
            await WORKERS_VERBS[verb](store, run_id, attempt)
        assert (await read(store, run_id), await store.parts(run_id), await store.deliveries(run_id)) == before
        await WORKERS_VERBS[verb](store, run_id, attempt + 1)

    @pytest.mark.parametrize("verb", [*WORKERS_VERBS, "take", "abandon"])
    async def test_an_ended_run_stays_as_it_is(self, store: Store, verb: str) -> None:
        """After its end a run is changed by nobody, not even by its last worker."""
        run = await ended(store, RunState.PARTIAL)
        outside: dict[str, Callable[[], Awaitable[object]]] = {
            "take": lambda: store.take(run.id, LATER),
            "abandon": lambda: store.abandon(run.id, LATER, WHY),
        }
        with pytest.raises(Fenced, match=f"{run.id} has ended as partial"):
            await (outside[verb]() if verb in outside else WORKERS_VERBS[verb](store, run.id, run.attempt))
        assert await store.run(run.id) == run

    async def test_steps_come_in_order(self, store: Store) -> None:
        """A verb that is not due in the run's state is refused and changes nothing."""
        await store.create_run(new_run())
        attempt = await store.take("run-1", NOON)
        due = {RunState.EXTRACTING: ("extract_anew", "add_parts", "staged"), RunState.DELIVERING: ("settle",)}
        steps: list[Callable[[], Awaitable[object]]] = [
            lambda: store.extract_anew("run-1", attempt),
            lambda: store.add_parts("run-1", attempt, PARTS),
            lambda: store.staged("run-1", attempt, plan()),
        ]
        for step in [None, *steps]:
            if step is not None:
                await step()
            run = await read(store, "run-1")
            for verb in set(WORKERS_VERBS) - set(due.get(run.state, ("extract_anew",))) - {"finish"}:
                with pytest.raises(HeadraceError) as refused:
                    await WORKERS_VERBS[verb](store, "run-1", attempt)
                assert refused.value.code == "illegal_transition"
                assert await store.run("run-1") == run

    # -------------------------------------------------------------------------------------------- parts and deliveries

    async def test_parts_are_known_when_added(self, store: Store) -> None:
        """Parts read back as given, in their order; rows that became no call are invalid at every destination."""
        run_id, attempt = await extracting(store)
        await store.add_parts(run_id, attempt, [])
        assert await store.parts(run_id) == list(PARTS)
        run = await read(store, run_id)
        assert (run.state, run.extracted, run.unmapped) == (RunState.EXTRACTING, 15, 2)
        assert run.counts == {name: Counts(invalid=2, pending=13) for name in DESTINATIONS}

    async def test_a_part_added_again_is_replaced(self, store: Store) -> None:
        """Adding a part twice does not count its rows twice."""
        run_id, attempt = await extracting(store)
        await store.add_parts(run_id, attempt, [PARTS[1], Part(2, 16, 1, 1, 10)])
        assert [part.seq for part in await store.parts(run_id)] == [0, 1, 2]
        assert (await read(store, run_id)).extracted == 16

    async def test_extracting_anew_forgets_the_parts(self, store: Store) -> None:
        """An extraction that begins again begins with nothing, and with no error files."""
        run_id, _ = await extracting(store)
        attempt = await store.take(run_id, LATER)
        await store.extract_anew(run_id, attempt)
        assert (await store.parts(run_id), await store.error_files(run_id)) == ([], [])
        assert (await read(store, run_id)).extracted == 0

    async def test_staged_begins_delivering(self, store: Store) -> None:
        """With the last part staged, the run knows its moment, its warnings, its deliveries; duplicates count."""
        run_id, attempt = await extracting(store)
        planned = deliveries()
        planned[0] = Delivery(0, "crm", 8, bytes([Settled.DUPLICATE] * 3 + [Settled.PENDING] * 5))
        await store.staged(run_id, attempt, plan(planned))
        run = await read(store, run_id)
        assert (run.state, run.as_of, run.warnings) == (RunState.DELIVERING, AS_OF, ("a warning",))
        assert run.counts["crm"] == Counts(duplicate=3, invalid=2, pending=10)
        assert await store.deliveries(run_id) == planned
        assert await store.deliveries(run_id, "mail") == [planned[1], planned[3]]

    async def test_every_call_must_be_planned(self, store: Store) -> None:
        """Staging a plan that leaves a part out at a destination is refused: its counts could never add up."""
        run_id, attempt = await extracting(store)
        with pytest.raises(HeadraceError, match=run_id):
            await store.staged(run_id, attempt, plan(deliveries()[1:]))
        assert (await read(store, run_id)).state is RunState.EXTRACTING

    async def test_settling_replaces(self, store: Store) -> None:
        """A delivery that is settled again holds its last outcomes; doing it twice changes nothing more."""
        run_id, attempt = await delivering(store)
        await store.settle(run_id, attempt, deliveries(Settled.REJECTED))
        mixed = Delivery(0, "crm", 8, bytes([1, 1, 1, 2, 3, 3, 4, 0]), AS_OF + 1, ("refused.arrow",))
        for _ in range(2):
            await store.settle(run_id, attempt, [mixed])
            run = await read(store, run_id)
            assert run.counts["crm"] == Counts(delivered=3, duplicate=1, invalid=4, rejected=6, pending=1)
            assert run.counts["mail"] == Counts(invalid=2, rejected=13)
            assert await store.deliveries(run_id, "crm") == [mixed, deliveries(Settled.REJECTED)[2]]

    @pytest.mark.parametrize(
        "wrong",
        [
            Delivery(1, "nowhere", 5, b"\1" * 5),
            Delivery(9, "crm", 5, b"\1" * 5),
            Delivery(1, "crm", 6, b"\1" * 6),
            Delivery(1, "crm", 5, b"\1" * 4),
            Delivery(1, "crm", 5, b"\1\1\1\1\5"),
        ],
        ids=["destination", "part", "calls", "length", "value"],
    )
    async def test_settling_is_all_or_nothing(self, store: Store, wrong: Delivery) -> None:
        """One delivery that cannot be right, and none of them is recorded."""
        run_id, attempt = await delivering(store)
        with pytest.raises(HeadraceError):
            await store.settle(run_id, attempt, [*deliveries(Settled.DELIVERED)[:2], wrong])
        assert await store.deliveries(run_id) == deliveries()

    async def test_error_files_are_listed_once_in_order(self, store: Store) -> None:
        """By part: the file of its own invalid rows, then those of its destinations."""
        run_id, attempt = await delivering(store)
        second = Delivery(1, "crm", 5, b"\4" * 5, AS_OF, ("b.arrow", "a.arrow"))
        first = [Delivery(0, name, 8, b"\4" * 8, AS_OF, (f"{name}.arrow", "both.arrow")) for name in DESTINATIONS]
        for _ in range(2):
            await store.settle(run_id, attempt, [second, *reversed(first)])
        expected = ["part-0.arrow", "crm.arrow", "both.arrow", "mail.arrow", "b.arrow", "a.arrow"]
        assert await store.error_files(run_id) == expected

    def test_counts_always_add_up(self, new_store: Callable[[], Store]) -> None:
        """Whatever workers, zombies and users do in whatever order, the ledger agrees with a model of plain dicts."""
        counts_always_add_up(new_store)

    # --------------------------------------------------------------------------------------------------------- the end

    async def test_the_end_is_told(self, store: Store) -> None:
        """An ended run keeps its counts, when it ended, and why."""
        run_id, attempt = await delivering(store)
        await store.settle(run_id, attempt, deliveries(Settled.DELIVERED)[:2])
        run = await store.finish(run_id, attempt, RunState.FAILED, LATER, WHY)
        assert (run.state, run.ended_at, run.problem) == (RunState.FAILED, LATER, WHY)
        assert run.counts == {name: Counts(delivered=8, invalid=2, pending=5) for name in DESTINATIONS}
        assert await store.run(run_id) == run

    async def test_any_words_can_be_told(self, store: Store) -> None:
        """A problem whose text no database can hold still ends the run."""
        run_id, attempt = await extracting(store)
        odd = Problem("query", "NUL \0, half a pair \ud800, ü, 🙂")
        run = await store.finish(run_id, attempt, RunState.FAILED, LATER, odd)
        assert run.problem is not None
        assert run.problem.message.endswith(", ü, 🙂")

    @pytest.mark.parametrize(
        ("outcome", "state"),
        [
            (None, RunState.SUCCEEDED),
            (None, RunState.PARTIAL),
            (Settled.DELIVERED, RunState.SUCCEEDED),  # two rows became no call
            (Settled.DELIVERED, RunState.SKIPPED),
            (Settled.DELIVERED, RunState.DELIVERING),
        ],
    )
    async def test_an_end_claims_only_what_is_so(self, store: Store, outcome: int | None, state: RunState) -> None:
        """No run succeeds with rows undelivered, or ends well with rows pending; and an end is an end."""
        run_id, attempt = await delivering(store)
        await store.settle(run_id, attempt, deliveries(outcome))
        with pytest.raises(HeadraceError):
            await store.finish(run_id, attempt, state, LATER)
        assert (await read(store, run_id)).state is RunState.DELIVERING
        assert await store.sync_state("people") == SyncState()

    async def test_success_moves_the_cursor(self, store: Store) -> None:
        """Every row delivered or known as a duplicate: the run succeeds, cursor and columns follow."""
        await store.set_enabled("people", False)
        await store.create_run(new_run())
        attempt = await store.take("run-1", NOON)
        await store.extract_anew("run-1", attempt)
        await store.add_parts("run-1", attempt, PARTS[1:])
        await store.staged("run-1", attempt, plan(deliveries(parts=PARTS[1:])))
        await store.settle("run-1", attempt, [Delivery(1, name, 5, b"\1\2\1\2\1") for name in DESTINATIONS])
        run = await store.finish("run-1", attempt, RunState.SUCCEEDED, LATER)
        assert run.counts == {name: Counts(delivered=3, duplicate=2) for name in DESTINATIONS}
        assert await store.sync_state("people") == SyncState(AS_OF, COLUMNS, False)

    async def test_an_empty_result_succeeds(self, store: Store) -> None:
        """A run without rows is a success, and moves the cursor."""
        await store.create_run(new_run())
        attempt = await store.take("run-1", NOON)
        await store.extract_anew("run-1", attempt)
        await store.staged("run-1", attempt, plan([]))
        await store.finish("run-1", attempt, RunState.SUCCEEDED, LATER)
        assert (await store.sync_state("people")).cursor == AS_OF

    @pytest.mark.parametrize("state", ENDS)
    async def test_only_a_settled_run_moves_the_cursor(self, store: Store, state: RunState) -> None:
        """Partial moves cursor and columns; failed and cancelled leave both."""
        await ended(store, state)
        moved = SyncState(AS_OF, COLUMNS) if state is RunState.PARTIAL else SyncState()
        assert await store.sync_state("people") == moved

    async def test_the_cursor_follows_a_clock_that_was_put_back(self, store: Store) -> None:
        """The cursor is the moment the last run saw, even before an earlier one: reading again loses nothing."""
        await store.set_cursor("people", AS_OF + 1000)
        await ended(store, RunState.PARTIAL)
        assert (await store.sync_state("people")).cursor == AS_OF

    async def test_a_cursor_set_by_hand_is_not_undone(self, store: Store) -> None:
        """A run that began before the cursor was set leaves it; the next run moves it again."""
        run_id, attempt = await delivering(store)
        await store.set_cursor("people", 0)
        await store.settle(run_id, attempt, deliveries(Settled.DELIVERED))
        await store.finish(run_id, attempt, RunState.PARTIAL, LATER)
        assert await store.sync_state("people") == SyncState(0, COLUMNS)
        await ended(store, RunState.PARTIAL, new_run("run-2"))
        assert await store.sync_state("people") == SyncState(AS_OF, COLUMNS)

    async def test_an_abandoned_run_is_cancelled(self, store: Store) -> None:
        """A live run that nobody works on can be ended from outside; its worker, should it wake, is fenced."""
        run_id, attempt = await delivering(store)
        run = await store.abandon(run_id, LATER, WHY)
        assert (run.state, run.ended_at, run.problem) == (RunState.CANCELLED, LATER, WHY)
        assert run.counts == {name: Counts(invalid=2, pending=13) for name in DESTINATIONS}
        assert await store.sync_state("people") == SyncState()
        with pytest.raises(Fenced):
            await store.settle(run_id, attempt, deliveries(Settled.DELIVERED))

    async def test_a_live_run_can_be_asked_to_stop(self, store: Store) -> None:
        """The wish is seen by any worker and in the run; after the end it comes too late."""
        run_id, _ = await delivering(store)
        assert not await store.cancel_requested(run_id)
        assert await store.request_cancel(run_id)
        attempt = await store.take(run_id, LATER)
        assert await store.cancel_requested(run_id)
        assert (await read(store, run_id)).cancel_requested
        await store.finish(run_id, attempt, RunState.CANCELLED, LATER)
        assert not await store.request_cancel(run_id)
