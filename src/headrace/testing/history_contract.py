"""What every store must do with runs looked back at. The class that inherits it gives the fixture ``store``."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from headrace.model import Run, RunFilter, RunState, Settled
from headrace.store_port import Staged, Store
from headrace.testing.store_samples import AS_OF, LATER, NOON, PARTS, deliveries, delivering, ended, new_run


async def history(store: Store) -> list[Run]:
    """Six runs of two syncs in all kinds of states, the newest first, several of the same moment."""
    moments = [NOON, NOON, NOON, NOON + timedelta(seconds=1), NOON + timedelta(seconds=1), NOON + timedelta(hours=1)]
    news = [new_run(f"run-{n}", ("people", "orders")[n % 2], at) for n, at in enumerate(moments)]
    await ended(store, RunState.PARTIAL, news[0])
    await ended(store, RunState.FAILED, news[1])
    await ended(store, RunState.PARTIAL, replace(news[2], trigger="schedule"))
    await store.record_skip(news[3], "It still ran.")
    await delivering(store, replace(news[4], trigger="resend", spec={**news[4].spec, "resends": "run-0"}))
    await clean(store, "run-5", "orders")
    return await store.runs()


async def clean(store: Store, run_id: str, sync: str) -> None:
    """A run without a single failed row."""
    await store.create_run(new_run(run_id, sync, NOON + timedelta(hours=1)))
    attempt, parts = await store.take(run_id, NOON), PARTS[1:]
    await store.extract_anew(run_id, attempt)
    await store.add_parts(run_id, attempt, parts)
    await store.staged(run_id, attempt, Staged(AS_OF, (), (), deliveries(Settled.DELIVERED, parts)))
    await store.finish(run_id, attempt, RunState.SUCCEEDED, LATER + timedelta(minutes=1))


class HistoryContract:
    """The verbs of `store_port.Store` that find, list and forget runs."""

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (RunFilter(), "543210"),
            (RunFilter(syncs=("people",)), "420"),
            (RunFilter(syncs=("people", "orders"), states=(RunState.PARTIAL, RunState.SKIPPED)), "320"),
            (RunFilter(triggers=("schedule", "resend")), "42"),
            (RunFilter(failed_rows=True), "4210"),
            (RunFilter(syncs=("orders",), failed_rows=True), "1"),
            (RunFilter(syncs=("nobody",)), ""),
            (RunFilter(since=NOON + timedelta(seconds=1)), "543"),
            (RunFilter(syncs=("people",), until=NOON + timedelta(seconds=1)), "20"),
        ],
        ids=["all", "sync", "states", "triggers", "failed rows", "failed rows of a sync", "none", "since", "until"],
    )
    async def test_runs_are_found_page_by_page(self, store: Store, wanted: RunFilter, found: str) -> None:
        """A filter leaves out what it does not name; pages of any size give the same list, the newest first."""
        known = {run.id: run for run in await history(store)}
        for size in (1, 2, 50):
            listed: list[Run] = []
            while page := await store.find_runs(wanted, listed[-1].id if listed else None, size):
                listed += page
            assert "".join(run.id[-1] for run in listed) == found
            assert all(run == known[run.id] for run in listed)

    async def test_a_page_stays_where_it_was(self, store: Store) -> None:
        """Neither runs that begin while somebody reads the list shift the next page, nor one that is gone."""
        await history(store)
        page = await store.find_runs(RunFilter(), None, 2)
        await store.create_run(new_run("run-9", "invoices", NOON + timedelta(hours=2)))
        assert [run.id for run in await store.find_runs(RunFilter(), page[-1].id, 2)] == ["run-3", "run-2"]
        assert [run.id for run in await store.find_runs(RunFilter(), "run-2x", 2)] == ["run-2", "run-1"]

    async def test_runs_are_listed_by_their_end(self, store: Store) -> None:
        """Those that ended at or after a moment, the oldest end first; none that lives."""
        await history(store)
        by_end = await store.runs_ended_since(NOON)
        assert [run.id for run in by_end] == ["run-3", "run-0", "run-1", "run-2", "run-5"]
        assert [run.id for run in await store.runs_ended_since(LATER + timedelta(seconds=1))] == ["run-5"]

    async def test_too_many_runs_are_forgotten(self, store: Store) -> None:
        """Of a sync with more runs than are kept, the newest stay, however young the others are, and what a live
        resend needs."""
        await history(store)
        gone = await store.forget_runs(NOON - timedelta(days=1), 1)
        assert sorted(gone) == ["run-1", "run-2", "run-3"]
        assert sorted(run.id for run in await store.runs()) == ["run-0", "run-4", "run-5"]

    async def test_old_runs_are_forgotten(self, store: Store) -> None:
        """With parts and deliveries; but not the newest of each sync, what lives, and what a live resend needs."""
        await history(store)
        assert await store.forget_runs(LATER) == ["run-3"]
        assert sorted(await store.forget_runs(LATER + timedelta(days=1))) == ["run-1", "run-2"]
        assert await store.parts("run-1") == []
        assert await store.deliveries("run-1") == []
        assert [run.id for run in await store.runs()] == ["run-5", "run-4", "run-0"]
        assert await store.forget_runs(LATER + timedelta(days=1)) == []
