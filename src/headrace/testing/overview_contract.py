"""What every store must tell of all syncs at one look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import timedelta

from headrace.model import Counts, RunFilter, RunState, Settled, SyncState
from headrace.store_port import Store
from headrace.testing.store_samples import AS_OF, COLUMNS, LATER, NOON, deliveries, delivering, ended, new_run, read


def sums(each: Iterable[Counts]) -> Counts:
    """Counts added up."""
    all_of_them = list(each)
    return Counts(*(sum(getattr(one, field.name) for one in all_of_them) for field in fields(Counts)))


class OverviewContract:
    """The class that inherits it gives the fixture ``store``."""

    async def test_the_newest_run_of_each(self, store: Store) -> None:
        """Of each sync that is asked for the newest run, live or not, whether or not a scheduler knows the sync."""
        await ended(store, RunState.PARTIAL, new_run("old", "people", NOON))
        await store.create_run(new_run("new", "people", LATER))
        await ended(store, RunState.PARTIAL, new_run("other", "orders", NOON))
        await store.create_run(new_run("unasked", "others", NOON))
        found = await store.newest_run_of_each(["people", "orders", "none"])
        assert {name: run.id for name, run in found.items()} == {"people": "new", "orders": "other"}
        assert found["people"] == await store.run("new")
        assert found["orders"] == await store.run("other")

    async def test_the_newest_run_as_it_is_now(self, store: Store) -> None:
        """However often it is asked for, it is told as it stands: while it lives, when it has ended, and the next."""
        run_id, attempt = await delivering(store)
        assert (await store.newest_run_of_each(["people"]))["people"].ended_at is None
        await store.settle(run_id, attempt, deliveries(Settled.DELIVERED))
        done = await store.finish(run_id, attempt, RunState.PARTIAL, LATER)
        for _ in range(2):
            assert await store.newest_run_of_each(["people"]) == {"people": done}
        await store.create_run(new_run("run-2", "people", LATER))
        assert (await store.newest_run_of_each(["people"]))["people"] == await store.run("run-2")

    async def test_of_more_syncs_than_a_query_names(self, store: Store) -> None:
        """However many syncs are asked for, each is told."""
        names = [f"sync_{n}" for n in range(1_201)]
        for name in (names[0], names[600], names[-1]):
            await store.create_run(new_run(f"run-{name}", name))
        assert set(await store.newest_run_of_each(names)) == {names[0], names[600], names[-1]}

    async def test_what_runs_add_up_to(self, store: Store) -> None:
        """The totals of a filter are the sums of what its runs tell one by one, over all destinations."""
        await ended(store, RunState.PARTIAL, new_run("one", "people", NOON))
        await ended(store, RunState.FAILED, new_run("two", "people", LATER))
        await delivering(store, new_run("three", "orders", LATER))
        await store.create_run(new_run("four", "others", LATER))
        for wanted, states in (
            (RunFilter(), {"delivering": 1, "failed": 1, "partial": 1, "queued": 1}),
            (RunFilter(syncs=("people",)), {"failed": 1, "partial": 1}),
            (RunFilter(since=LATER), {"delivering": 1, "failed": 1, "queued": 1}),
            (RunFilter(until=LATER, states=(RunState.PARTIAL,)), {"partial": 1}),
            (RunFilter(syncs=("nobody",)), {}),
        ):
            runs, totals = await store.find_runs(wanted), await store.run_totals(wanted)
            each = [counts for run in runs for counts in run.counts.values()]
            assert (sum(totals.states.values()), totals.states) == (len(runs), states)
            assert totals.counts == sums(each)
        assert (await store.run_totals(RunFilter(syncs=("people",)))).extracted == 30

    async def test_what_was_settled_of_late(self, store: Store) -> None:
        """Runs that ended before do not count; those that live do, with what is settled of them."""
        await ended(store, RunState.PARTIAL, new_run("one", "people", NOON))
        run, attempt = await delivering(store, new_run("two", "orders", NOON))
        await store.settle(run, attempt, deliveries(Settled.REJECTED)[:2])
        live = sums((await read(store, run)).counts.values())
        assert await store.settled_since(LATER + timedelta(seconds=1)) == live
        both = [*(await read(store, "one")).counts.values(), live]
        assert await store.settled_since(LATER) == sums(both)

    async def test_bars(self, store: Store) -> None:
        """The newest runs of some syncs together, the newest last, with their counts over all destinations."""
        assert await store.newest_bars(["people"], 5) == []
        for number, sync in enumerate(("people", "orders", "people", "others")):
            await ended(store, RunState.PARTIAL, new_run(f"run-{number}", sync, NOON + timedelta(minutes=number)))
        await store.create_run(new_run("run-9", "orders", LATER))
        assert [bar.id for bar in await store.newest_bars(["people", "orders"], 3)] == ["run-1", "run-2", "run-9"]
        [bar] = await store.newest_bars(["others"], 3)
        run = await read(store, "run-3")
        assert (bar.sync, bar.state, bar.created_at, bar.ended_at) == (run.sync, run.state, run.created_at, LATER)
        assert (bar.extracted, bar.counts) == (run.extracted, sums(run.counts.values()))

    async def test_the_states_of_all(self, store: Store) -> None:
        """Cursor, columns and switch of each sync the store knows, as `sync_state` tells them one by one."""
        assert await store.sync_states() == {}
        await ended(store, RunState.PARTIAL, new_run("old", "people", NOON))
        await store.set_enabled("orders", False)
        states = await store.sync_states()
        assert states == {"people": SyncState(AS_OF, COLUMNS, None), "orders": SyncState(0, (), False)}
        assert states["people"] == await store.sync_state("people")
