"""Schedules in the store: due times that are moved by compare-and-swap, together with the runs that they make.

The run is written first and the sync's row last, as at a run's end: two transactions that take their locks in one
order never wait for each other in a circle. Where the row is no longer as it was read, all is rolled back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.due import Due, Firing
from headrace.model import NewRun, Problem, Run, RunState
from headrace.store import ledger, rows
from headrace.store.tables import LIVE_RUN, RUNS, SYNCS
from headrace.store.verbs import Verbs, reads, writes

_GOOD = sa.and_(RUNS.c.state.in_([RunState.SUCCEEDED, RunState.PARTIAL]), RUNS.c.kind != "resend")

_LIVE_IDS = sa.select(RUNS.c.id).where(LIVE_RUN).order_by(RUNS.c.created_at, RUNS.c.id)


class _Late(Exception):
    """Another process was first: nothing is to be changed."""


def dues(connection: sa.Connection) -> list[Due]:
    columns = (SYNCS.c.name, SYNCS.c.terms, SYNCS.c.next_due, SYNCS.c.after_run, SYNCS.c.overruns, SYNCS.c.enabled)
    return [Due(*row) for row in connection.execute(sa.select(*columns))]


def plan(
    connection: sa.Connection,
    sync: str,
    terms: str,
    next_due: datetime | None,
    *,
    was: str | None,
    after: str | None = None,
) -> bool:
    newest = _newest_good_run(sa.literal(after)) if after else sa.null()
    values = {"terms": terms, "next_due": next_due, "after_run": newest, "overruns": 0}
    if was is not None:
        return _changed(connection, sa.update(SYNCS).where(SYNCS.c.name == sync, SYNCS.c.terms == was), values)
    new = ledger.insert(connection, SYNCS).values(name=sync, **values)
    unplanned = new.on_conflict_do_update(index_elements=["name"], set_=values, where=SYNCS.c.terms.is_(None))
    return connection.execute(unplanned.returning(SYNCS.c.name)).first() is not None


def replan(connection: sa.Connection, sync: str, was: datetime, next_due: datetime) -> bool:
    still = sa.update(SYNCS).where(SYNCS.c.name == sync, SYNCS.c.next_due == was)
    return _changed(connection, still, {"next_due": next_due})


def fire_many(connection: sa.Connection, firings: Sequence[Firing]) -> list[Run | None]:
    """Each as `_fire` makes it. Syncs are taken by name, so that two who do this never wait in a circle."""
    made: dict[str, Run | None] = {}
    for firing in sorted(firings, key=lambda firing: firing.sync):
        try:
            with connection.begin_nested():
                made[firing.sync] = _fire(connection, firing)
        except _Late:
            made[firing.sync] = None
    return [made[firing.sync] for firing in firings]


def follow(connection: sa.Connection, sync: str, after_run: str | None, run: str, new: NewRun) -> Run | None:
    still = SYNCS.c.after_run.is_not_distinct_from(after_run)
    return _move_on(connection, sync, still, {"after_run": run}, new, None)


def newest_good_runs(connection: sa.Connection, syncs: Sequence[str]) -> dict[str, str]:
    newest = _newest_good_run(SYNCS.c.name)
    found = connection.execute(sa.select(SYNCS.c.name, newest).where(SYNCS.c.name.in_(syncs)))
    return {sync: run for sync, run in found if run is not None}


def live_runs(connection: sa.Connection) -> list[Run]:
    found = connection.execute(sa.select(RUNS).where(LIVE_RUN).order_by(RUNS.c.created_at, RUNS.c.id)).all()
    totals = rows.totals(connection, found)
    return [rows.run_of(row, totals[row.id]) for row in found]


def live_run_ids(connection: sa.Connection) -> list[str]:
    return list(connection.execute(_LIVE_IDS).scalars())


# ------------------------------------------------------------------------------------------------------------ helpers


def _fire(connection: sa.Connection, firing: Firing) -> Run | None:
    to = {"next_due": firing.next_due}
    return _move_on(connection, firing.sync, SYNCS.c.next_due == firing.due, to, firing.new, firing.due)


def _move_on(
    connection: sa.Connection,
    sync: str,
    still: sa.ColumnElement[bool],
    to: dict[str, Any],
    new: NewRun,
    due: datetime | None,
) -> Run | None:
    """Record the run, then move the sync's row on where it is ``still`` as it was. Raises `_Late` where it is not."""
    known = connection.execute(sa.select(SYNCS).where(SYNCS.c.name == sync, still)).one_or_none()
    if known is None:
        raise _Late
    run = _record(connection, replace(new, cursor=known.cursor), known.cursor_edits, due)
    if run is not None:
        to = to | {"overruns": known.overruns + 1 if run.state is RunState.SKIPPED else 0}
    # A cursor that was set since we read it must be the one that the run sees.
    unedited = (SYNCS.c.cursor_edits == known.cursor_edits, SYNCS.c.cursor == known.cursor)
    if not _changed(connection, sa.update(SYNCS).where(SYNCS.c.name == sync, still, *unedited), to):
        raise _Late
    return run


def _record(connection: sa.Connection, new: NewRun, cursor_edits: int, due: datetime | None) -> Run | None:
    """A queued run, or a skipped one where one lives; None where the due time had its run."""
    values = rows.new_run_values(new) | {"due": due, "cursor_edits": cursor_edits}
    nothing = rows.nothing(new.destinations)
    queued = _inserted(connection, values | {"state": RunState.QUEUED})
    if queued is not None:
        return rows.run_of(queued, nothing)
    reason = "The run before this one was still at work. What this one would have sent goes with the next."
    values |= {"state": RunState.SKIPPED} | rows.ending_values(nothing, new.created_at, Problem("skipped", reason))
    skipped = _inserted(connection, values)
    if skipped is not None:
        return rows.run_of(skipped, nothing)
    had = sa.select(RUNS.c.id).where(RUNS.c.sync == new.sync, RUNS.c.due == due)
    if due is None or connection.execute(had).first() is None:  # it was the id that is taken
        raise _Late
    return None


def _inserted(connection: sa.Connection, values: dict[str, Any]) -> sa.Row[Any] | None:
    """None if a unique index had something against it: the id, the live run of a sync, the run of a due time."""
    new = ledger.insert(connection, RUNS).values(values).on_conflict_do_nothing().returning(RUNS)
    return connection.execute(new).first()


def _newest_good_run(sync: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    newest = sa.select(RUNS.c.id).where(RUNS.c.sync == sync, _GOOD)
    return newest.order_by(RUNS.c.created_at.desc(), RUNS.c.id.desc()).limit(1).scalar_subquery()


def _changed(connection: sa.Connection, update: sa.Update, values: dict[str, Any]) -> bool:
    return connection.execute(update.values(values)).rowcount == 1


class ScheduleVerbs(Verbs):
    """A `headrace.due.ScheduleStore`."""

    dues = reads(dues)
    plan = writes(plan)
    replan = writes(replan)
    newest_good_runs = reads(newest_good_runs)
    live_runs = reads(live_runs)
    live_run_ids = reads(live_run_ids)
    fire_many = writes(fire_many)

    async def fire(self, sync: str, due: datetime, next_due: datetime | None, new: NewRun) -> Run | None:
        return (await self.fire_many([Firing(sync, due, next_due, new)]))[0]

    async def follow(self, sync: str, after_run: str | None, run: str, new: NewRun) -> Run | None:
        try:
            return await self._database.write(lambda connection: follow(connection, sync, after_run, run, new))
        except _Late:
            return None
