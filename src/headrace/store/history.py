"""Runs looked back at: found by what they are, listed by their end, and forgotten."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from headrace.model import Run, RunFilter
from headrace.store import rows
from headrace.store.tables import DELIVERIES, LIVE_RUN, PARTS, RUNS

_AT_ONCE = 500  # runs forgotten by one statement


def find_runs(connection: sa.Connection, wanted: RunFilter, before: str | None = None, limit: int = 50) -> list[Run]:
    query = sa.select(RUNS).order_by(RUNS.c.created_at.desc(), RUNS.c.id.desc()).limit(limit).where(*matching(wanted))
    return rows.read_runs(connection, query if before is None else query.where(_older(connection, before)))


def matching(wanted: RunFilter) -> list[sa.ColumnElement[bool]]:
    """The conditions of a filter."""
    lists = ((RUNS.c.sync, wanted.syncs), (RUNS.c.state, wanted.states), (RUNS.c.trigger, wanted.triggers))
    found: list[sa.ColumnElement[bool]] = [column.in_(values) for column, values in lists if values]
    if wanted.failed_rows:
        found.append(sa.or_(_refused(), _unmapped()))
    if wanted.since is not None:
        found.append(RUNS.c.created_at >= wanted.since)
    if wanted.until is not None:
        found.append(RUNS.c.created_at < wanted.until)
    return found


def runs_ended_since(connection: sa.Connection, moment: datetime) -> list[Run]:
    query = sa.select(RUNS).where(RUNS.c.ended_at >= moment).order_by(RUNS.c.ended_at, RUNS.c.id)
    return rows.read_runs(connection, query)


def forget_runs(connection: sa.Connection, before: datetime, most: int | None = None) -> list[str]:
    newer = RUNS.alias()
    order = (sa.tuple_(newer.c.created_at, newer.c.id), sa.tuple_(RUNS.c.created_at, RUNS.c.id))
    newest = ~sa.exists().where(newer.c.sync == RUNS.c.sync, order[0] > order[1])
    old = sa.select(RUNS.c.id).where(RUNS.c.ended_at < before, ~newest)
    too_many = _crowded(most) if most is not None else sa.select(RUNS.c.id).where(sa.false())
    needed = {spec.get("resends") for spec in connection.execute(sa.select(RUNS.c.spec).where(LIVE_RUN)).scalars()}
    found = connection.execute(sa.union(old, too_many).order_by("id")).scalars()
    gone = [run_id for run_id in found if run_id not in needed]
    for first in range(0, len(gone), _AT_ONCE):  # with their parts and deliveries
        connection.execute(sa.delete(RUNS).where(RUNS.c.id.in_(gone[first : first + _AT_ONCE])))
    return gone


def _crowded(most: int) -> sa.Select[tuple[str]]:
    """Ended runs of syncs that have more than so many, but the newest of each."""
    place = sa.func.row_number().over(partition_by=RUNS.c.sync, order_by=(RUNS.c.created_at.desc(), RUNS.c.id.desc()))
    placed = sa.select(RUNS.c.id, RUNS.c.ended_at, place.label("place")).subquery()
    return sa.select(placed.c.id).where(placed.c.place > max(1, most), placed.c.ended_at.is_not(None))


def _refused() -> sa.ColumnElement[bool]:
    bad = DELIVERIES.c.invalid + DELIVERIES.c.rejected > 0
    return sa.exists().where(DELIVERIES.c.run == RUNS.c.id, bad)


def _unmapped() -> sa.ColumnElement[bool]:
    return sa.exists().where(PARTS.c.run == RUNS.c.id, PARTS.c.calls < PARTS.c.rows)


def _older(connection: sa.Connection, run_id: str) -> sa.ColumnElement[bool]:
    """Runs behind another in the order of the list. Of one that is gone its id tells the second."""
    created = connection.execute(sa.select(RUNS.c.created_at).where(RUNS.c.id == run_id)).scalar()
    if created is None:
        return RUNS.c.id < run_id
    return sa.tuple_(RUNS.c.created_at, RUNS.c.id) < (created, run_id)
