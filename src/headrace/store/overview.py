"""How all syncs stand, at one look: what lists and overviews show, in few queries however many syncs there are."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from headrace.model import Run, SyncState
from headrace.store import rows
from headrace.store.tables import RUNS, SYNCS
from headrace.store.verbs import Verbs, reads

_AT_ONCE = 500  # names in one query


def newest_run_of_each(connection: sa.Connection, syncs: Sequence[str]) -> dict[str, Run]:
    found: dict[str, Run] = {}
    for first in range(0, len(syncs), _AT_ONCE):
        found |= _newest(connection, syncs[first : first + _AT_ONCE])
    return found


def _newest(connection: sa.Connection, syncs: Sequence[str]) -> dict[str, Run]:
    newest = sa.select(RUNS.c.id).order_by(RUNS.c.created_at.desc(), RUNS.c.id.desc()).limit(1)
    of_row = newest.where(RUNS.c.sync == SYNCS.c.name).correlate(SYNCS).scalar_subquery()
    query = sa.select(SYNCS.c.name, of_row).where(SYNCS.c.name.in_(syncs))
    known: dict[str, str | None] = dict(tuple(row) for row in connection.execute(query))
    for name in set(syncs) - known.keys():  # the scheduler has not seen it yet
        known[name] = connection.execute(newest.where(RUNS.c.sync == name)).scalar()
    wanted = [run_id for run_id in known.values() if run_id is not None]
    read = connection.execute(sa.select(RUNS).where(RUNS.c.id.in_(wanted))).all()
    totals = rows.totals(connection, read)
    return {row.sync: rows.run_of(row, totals[row.id]) for row in read}


def sync_states(connection: sa.Connection) -> dict[str, SyncState]:
    return {
        row.name: SyncState(row.cursor, tuple((name, kind) for name, kind in row.columns), row.enabled)
        for row in connection.execute(sa.select(SYNCS))
    }


class OverviewVerbs(Verbs):
    """`headrace.ports.OverviewStore` on a SQL database."""

    newest_run_of_each = reads(newest_run_of_each)
    sync_states = reads(sync_states)
