"""How all syncs stand, at one look: what lists and overviews show, in few queries however many syncs there are."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.model import Counts, Run, RunBar, RunFilter, RunState, RunTotals, SyncState
from headrace.store import rows
from headrace.store.history import matching
from headrace.store.tables import DELIVERIES, LIVE_RUN, PARTS, RUNS, SYNCS
from headrace.store.verbs import Verbs, reads

_AT_ONCE = 500  # names in one query
_BAR = [RUNS.c[name] for name in (
    "id", "sync", "state", "created_at", "ended_at", "extracted", "unmapped", "counts", "destinations",
)]  # fmt: skip

# What was settled, over parts and destinations; a row that became no call is invalid at each destination.
_SETTLED = (
    sa.func.sum(DELIVERIES.c.delivered),
    sa.func.sum(DELIVERIES.c.duplicate),
    sa.func.sum(DELIVERIES.c.invalid + PARTS.c.rows - PARTS.c.calls),
    sa.func.sum(DELIVERIES.c.rejected),
    sa.func.sum(PARTS.c.rows),
)


def newest_run_of_each(
    connection: sa.Connection, syncs: Sequence[str], ended: MutableMapping[str, Run]
) -> dict[str, Run]:
    """``ended`` is what was read before, by sync: a run that has ended never changes, and is not read again."""
    found: dict[str, Run] = {}
    for first in range(0, len(syncs), _AT_ONCE):
        newest = _newest_ids(connection, syncs[first : first + _AT_ONCE])
        known = {name: ended[name] for name, run_id in newest.items() if name in ended and ended[name].id == run_id}
        query = sa.select(RUNS).where(RUNS.c.id.in_([newest[name] for name in newest.keys() - known.keys()]))
        read = {run.sync: run for run in rows.read_runs(connection, query)}
        ended.update({name: run for name, run in read.items() if not run.state.live})
        found |= known | read
    return found


def _newest_ids(connection: sa.Connection, syncs: Sequence[str]) -> dict[str, str]:
    newest = sa.select(RUNS.c.id).order_by(RUNS.c.created_at.desc(), RUNS.c.id.desc()).limit(1)
    of_row = newest.where(RUNS.c.sync == SYNCS.c.name).correlate(SYNCS).scalar_subquery()
    query = sa.select(SYNCS.c.name, of_row).where(SYNCS.c.name.in_(syncs))
    known: dict[str, str | None] = dict(tuple(row) for row in connection.execute(query))
    for name in set(syncs) - known.keys():  # the scheduler has not seen it yet
        known[name] = connection.execute(newest.where(RUNS.c.sync == name)).scalar()
    return {name: run_id for name, run_id in known.items() if run_id is not None}


def sync_states(connection: sa.Connection) -> dict[str, SyncState]:
    return {
        row.name: SyncState(row.cursor, tuple((name, kind) for name, kind in row.columns), row.enabled)
        for row in connection.execute(sa.select(SYNCS))
    }


def run_totals(connection: sa.Connection, wanted: RunFilter) -> RunTotals:
    conditions = matching(wanted)
    by_state = sa.select(RUNS.c.state, sa.func.count(), sa.func.sum(RUNS.c.extracted)).group_by(RUNS.c.state)
    found = connection.execute(by_state.where(*conditions)).all()
    states = {state: count for state, count, _ in sorted(found, key=lambda row: row.state)}
    return RunTotals(
        states, sum(int(rows or 0) for *_, rows in found), _settled(connection, sa.select(RUNS.c.id).where(*conditions))
    )


def settled_since(connection: sa.Connection, moment: datetime) -> Counts:
    ended, live = sa.select(RUNS.c.id).where(RUNS.c.ended_at >= moment), sa.select(RUNS.c.id).where(LIVE_RUN)
    return _settled(connection, sa.union_all(ended, live))


def _settled(connection: sa.Connection, runs: sa.Select[tuple[str]] | sa.CompoundSelect[tuple[str]]) -> Counts:
    """What became of the rows of some runs. Their ids are not joined: without statistics SQLite would begin with all
    deliveries there ever were."""
    of_part = sa.and_(DELIVERIES.c.run == PARTS.c.run, DELIVERIES.c.seq == PARTS.c.seq)
    query = sa.select(*_SETTLED).select_from(DELIVERIES.join(PARTS, of_part)).where(DELIVERIES.c.run.in_(runs))
    row = connection.execute(query).one()
    delivered, duplicate, invalid, rejected, every = (int(count or 0) for count in row)
    pending = every - delivered - duplicate - invalid - rejected
    return Counts(delivered, duplicate, invalid, rejected, pending)


def newest_bars(connection: sa.Connection, syncs: Sequence[str], limit: int) -> list[RunBar]:
    order = RUNS.c.created_at.desc(), RUNS.c.id.desc()
    # Which they are is found in the index alone, however long the history is.
    newest = sa.select(RUNS.c.id).where(RUNS.c.sync.in_(syncs)).order_by(*order).limit(limit)
    read = connection.execute(sa.select(*_BAR).where(RUNS.c.id.in_(newest)).order_by(*order)).all()
    totals = rows.totals(connection, read)
    return [_bar(row, totals[row.id]) for row in reversed(read)]


def _bar(row: sa.Row[Any], totals: rows.Totals) -> RunBar:
    names = [field.name for field in fields(Counts)]
    counts = Counts(*(sum(getattr(each, name) for each in totals.counts.values()) for name in names))
    return RunBar(row.id, row.sync, RunState(row.state), row.created_at, row.ended_at, totals.extracted, counts)


class OverviewVerbs(Verbs):
    """`headrace.ports.OverviewStore` on a SQL database."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._ended: dict[str, Run] = {}  # of each sync its newest run, as far as that was read and had ended

    async def newest_run_of_each(self, syncs: Sequence[str]) -> dict[str, Run]:
        return await self._database.read(lambda connection: newest_run_of_each(connection, syncs, self._ended))

    sync_states = reads(sync_states)
    run_totals = reads(run_totals)
    settled_since = reads(settled_since)
    newest_bars = reads(newest_bars)
