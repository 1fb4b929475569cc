"""The ledger's verbs, each over one transaction. `SqlStore` runs them; `store_port.Store` says what they promise.

Two rules carry the promises:

- **The fence.** A verb of a worker first locks the run's row (`fenced`) and goes on only while the run lives and
  the attempt is the caller's. Writers of one run thus follow one another, and a replaced worker changes nothing.
- **Absolute values.** Parts and deliveries are replaced, never added to: a verb that is done twice does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from headrace.errors import Fenced, HeadraceError, RunLive
from headrace.model import Counts, Delivery, NewRun, Part, Problem, Run, RunState, SyncState
from headrace.people import Change
from headrace.states import require_move, require_truth, verdict
from headrace.store import rows
from headrace.store.audit import note
from headrace.store.generation import bump
from headrace.store.tables import DELIVERIES, LIVE_RUN, PARTS, RUNS, SYNCS
from headrace.store_port import Staged

# What every run asks, made once: to build such a statement costs as much as to run it.
_SYNC = sa.select(SYNCS).where(SYNCS.c.name == sa.bindparam("sync"))
_RUN = sa.select(RUNS).where(RUNS.c.id == sa.bindparam("run"))
_RUN_LOCKED = _RUN.with_for_update(key_share=True)
_CANCEL_REQUESTED = sa.select(RUNS.c.cancel_requested).where(RUNS.c.id == sa.bindparam("run"))
_PARTS = sa.select(PARTS).where(PARTS.c.run == sa.bindparam("run")).order_by(PARTS.c.seq)
_FORGET_PARTS = sa.delete(PARTS).where(PARTS.c.run == sa.bindparam("of_run"))
_DELIVERIES = (
    sa.select(DELIVERIES)
    .where(DELIVERIES.c.run == sa.bindparam("run"))
    .order_by(DELIVERIES.c.seq, DELIVERIES.c.destination)
)

# --------------------------------------------------------------------------------------------------------------- syncs


def sync_state(connection: sa.Connection, sync: str) -> SyncState:
    row = connection.execute(_SYNC, {"sync": sync}).one_or_none()
    if row is None:
        return SyncState()
    return SyncState(row.cursor, tuple((name, kind) for name, kind in row.columns), row.enabled)


def set_cursor(connection: sa.Connection, sync: str, cursor: int, *, audit: Change | None = None) -> None:
    note(connection, audit)
    edits = SYNCS.c.cursor_edits
    new = insert(connection, SYNCS).values(name=sync, cursor=cursor, cursor_edits=1)
    connection.execute(
        new.on_conflict_do_update(index_elements=["name"], set_={"cursor": cursor, "cursor_edits": edits + 1})
    )


def set_enabled(connection: sa.Connection, sync: str, enabled: bool, *, audit: Change | None = None) -> None:
    note(connection, audit)
    bump(connection)
    new = insert(connection, SYNCS).values(name=sync, enabled=enabled)
    connection.execute(new.on_conflict_do_update(index_elements=["name"], set_={"enabled": enabled}))


# ------------------------------------------------------------------------------------------------- runs, from outside


def create_run(connection: sa.Connection, new: NewRun, *, audit: Change | None = None) -> Run:
    note(connection, audit)
    values = _new_run_values(new) | {"state": RunState.QUEUED}
    unless_live = insert(connection, RUNS).values(values).on_conflict_do_nothing().returning(RUNS.c.id)
    while connection.execute(unless_live).first() is None:  # once more where the live run ended in between
        rival = live_run(connection, new.sync)
        if rival is not None:
            raise RunLive(
                f"The sync {new.sync!r} has a live run: {rival.id} ({rival.state}). "
                f"Wait for it, or stop it with: headrace cancel {rival.id}",
                run_id=rival.id,
            )
        _require_unused(connection, new.id)
    return _run(connection, new.id)


def record_skip(connection: sa.Connection, new: NewRun, reason: str) -> Run:
    _require_unused(connection, new.id)
    nothing = rows.Totals(counts={destination: Counts() for destination in new.destinations})
    values = _new_run_values(new) | {"state": RunState.SKIPPED}
    values |= rows.ending_values(nothing, new.created_at, Problem("skipped", reason))
    connection.execute(sa.insert(RUNS).values(values))
    return _run(connection, new.id)


def run(connection: sa.Connection, run_id: str) -> Run | None:
    return next(iter(rows.read_runs(connection, _RUN, run=run_id)), None)


def live_run(connection: sa.Connection, sync: str) -> Run | None:
    return next(iter(rows.read_runs(connection, sa.select(RUNS).where(RUNS.c.sync == sync, LIVE_RUN))), None)


def newest_runs(connection: sa.Connection, sync: str | None = None, limit: int = 50) -> list[Run]:
    query = sa.select(RUNS).order_by(RUNS.c.created_at.desc(), RUNS.c.id.desc()).limit(limit)
    return rows.read_runs(connection, query if sync is None else query.where(RUNS.c.sync == sync))


def abandon(connection: sa.Connection, run_id: str, now: datetime, problem: Problem) -> Run:
    return _end(connection, _living(connection, run_id), RunState.CANCELLED, now, problem)


def request_cancel(connection: sa.Connection, run_id: str, *, audit: Change | None = None) -> bool:
    note(connection, audit)
    asked = sa.update(RUNS).where(RUNS.c.id == run_id, LIVE_RUN).values(cancel_requested=True)
    return connection.execute(asked).rowcount == 1


def cancel_requested(connection: sa.Connection, run_id: str) -> bool:
    return bool(connection.execute(_CANCEL_REQUESTED, {"run": run_id}).scalar())


# ------------------------------------------------------------------------------------------- a worker's way, in order


def take(connection: sa.Connection, run_id: str, now: datetime) -> int:
    row = _living(connection, run_id)
    attempt = int(row.attempt) + 1
    _change(connection, row, attempt=attempt, started_at=row.started_at or now)
    return attempt


def extract_anew(connection: sa.Connection, run_id: str, attempt: int) -> None:
    row = fenced(connection, run_id, attempt)
    _move(connection, row, RunState.EXTRACTING)
    connection.execute(_FORGET_PARTS, {"of_run": run_id})


def add_parts(connection: sa.Connection, run_id: str, attempt: int, parts: Sequence[Part]) -> None:
    _require_state(fenced(connection, run_id, attempt), RunState.EXTRACTING)
    _put_parts(connection, run_id, parts)


def staged(connection: sa.Connection, run_id: str, attempt: int, staged: Staged) -> None:
    row = fenced(connection, run_id, attempt)
    columns = [list(column) for column in staged.columns]
    warnings = list(staged.warnings)
    _move(connection, row, RunState.DELIVERING, as_of=staged.as_of, columns=columns, warnings=warnings)
    _put_parts(connection, run_id, staged.parts)
    _require_complete(row, read_parts(connection, run_id), staged.deliveries)
    if staged.deliveries:
        connection.execute(
            sa.insert(DELIVERIES), [rows.delivery_values(run_id, delivery) for delivery in staged.deliveries]
        )


def settle(connection: sa.Connection, run_id: str, attempt: int, deliveries: Sequence[Delivery]) -> None:
    _require_state(fenced(connection, run_id, attempt), RunState.DELIVERING)
    for delivery in deliveries:
        key = (DELIVERIES.c.run == run_id, DELIVERIES.c.seq == delivery.seq)
        known = (*key, DELIVERIES.c.destination == delivery.destination, DELIVERIES.c.calls == delivery.calls)
        replaced = sa.update(DELIVERIES).where(*known).values(rows.delivery_values(run_id, delivery))
        if connection.execute(replaced).rowcount != 1:
            raise _defect(
                f"The run {run_id} has no delivery of part {delivery.seq} with {delivery.calls} calls at "
                f"{delivery.destination!r}.",
                "unknown_delivery",
            )


def add_warnings(connection: sa.Connection, run: sa.Row[Any], warnings: Sequence[str]) -> None:
    """Give a run, as `fenced` gave it, the warnings that it does not have yet."""
    new = [warning for warning in warnings if warning not in run.warnings]
    if new:
        _change(connection, run, warnings=[*run.warnings, *new])


def finish(
    connection: sa.Connection,
    run_id: str,
    attempt: int,
    state: RunState | None,
    now: datetime,
    problem: Problem | None = None,
) -> Run:
    row = fenced(connection, run_id, attempt)
    return _end(connection, row, state, now, problem)


# ---------------------------------------------------------------------------------------------- what a run is made of


def read_parts(connection: sa.Connection, run_id: str) -> list[Part]:
    return [rows.part_of(row) for row in connection.execute(_PARTS, {"run": run_id})]


def read_deliveries(connection: sa.Connection, run_id: str, destination: str | None = None) -> list[Delivery]:
    query = _DELIVERIES if destination is None else _DELIVERIES.where(DELIVERIES.c.destination == destination)
    return [rows.delivery_of(row) for row in connection.execute(query, {"run": run_id})]


def error_files(connection: sa.Connection, run_id: str) -> list[str]:
    """By part: the file of its invalid rows first, then those of its destinations by name."""
    own = sa.select(PARTS.c.seq, PARTS.c.errors).where(PARTS.c.run == run_id, PARTS.c.errors.is_not(None))
    found = [(seq, "", [name]) for seq, name in connection.execute(own)]
    refused = sa.select(DELIVERIES.c.seq, DELIVERIES.c.destination, DELIVERIES.c.errors)
    found += [(*row,) for row in connection.execute(refused.where(DELIVERIES.c.run == run_id))]
    names = (name for _, _, names in sorted(found) for name in names)
    return list(dict.fromkeys(names))


# ------------------------------------------------------------------------------------------------------------ helpers


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say ON CONFLICT, which each dialect spells by itself."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def _run(connection: sa.Connection, run_id: str) -> Run:
    return rows.read_runs(connection, _RUN, run=run_id)[0]


def _new_run_values(new: NewRun) -> dict[str, Any]:
    """The cursor and how often it was set by hand until now are read by the statement that writes them."""
    now = {"cursor_edits": _of_sync(new.sync, SYNCS.c.cursor_edits)}
    if new.cursor is None:
        now["cursor"] = _of_sync(new.sync, SYNCS.c.cursor)
    return rows.new_run_values(new) | now


def _of_sync(sync: str, column: sa.Column[int]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.select(column).where(SYNCS.c.name == sync).scalar_subquery(), 0)


def _living(connection: sa.Connection, run_id: str) -> sa.Row[Any]:
    """The run's row, locked until the transaction ends. Raises `Fenced` if the run has ended."""
    row = connection.execute(_RUN_LOCKED, {"run": run_id}).one_or_none()
    if row is None:
        raise HeadraceError(f"There is no run {run_id}. See: headrace runs", code="unknown_run")
    if not RunState(row.state).live:
        raise Fenced(f"The run {run_id} has ended as {row.state}: nothing was changed. See: headrace runs")
    return row


def fenced(connection: sa.Connection, run_id: str, attempt: int) -> sa.Row[Any]:
    """The run's row, locked, for the worker whose attempt is the newest. Raises `Fenced` for all others."""
    row = _living(connection, run_id)
    if row.attempt != attempt:
        raise Fenced(
            f"The run {run_id} was taken up by another worker (attempt {row.attempt}, this is attempt {attempt}): "
            "nothing was changed, and this worker stops."
        )
    return row


def _change(connection: sa.Connection, row: sa.Row[Any], **values: Any) -> sa.Row[Any]:
    changed = sa.update(RUNS).where(RUNS.c.id == row.id).values(**values).returning(RUNS)
    return connection.execute(changed).one()


def _move(connection: sa.Connection, row: sa.Row[Any], to: RunState, **values: Any) -> sa.Row[Any]:
    require_move(RunState(row.state), to)
    return _change(connection, row, state=to, **values)


def _end(
    connection: sa.Connection, row: sa.Row[Any], to: RunState | None, now: datetime, problem: Problem | None
) -> Run:
    totals = rows.totals(connection, [row])[row.id]
    to = to or verdict(totals.unmapped, totals.counts)
    require_truth(to, totals.counts)
    ended = _move(connection, row, to, **rows.ending_values(totals, now, problem))
    if to in (RunState.SUCCEEDED, RunState.PARTIAL) and row.kind != "resend":
        _move_cursor(connection, row)
    return rows.run_of(ended, totals)


def _move_cursor(connection: sa.Connection, row: sa.Row[Any]) -> None:
    """The moment this run saw is the next last_sync_time, unless somebody set another since the run was created.

    Also where it lies before the last one: a source whose clock was put back would else lose rows.
    """
    unedited = SYNCS.c.cursor_edits == row.cursor_edits
    values = {"cursor": sa.case((unedited, row.as_of), else_=SYNCS.c.cursor), "columns": row.columns}
    new = insert(connection, SYNCS).values(name=row.sync, cursor=row.as_of, columns=row.columns)
    connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=values))


def _put_parts(connection: sa.Connection, run_id: str, parts: Sequence[Part]) -> None:
    if parts:
        again = PARTS.c.seq.in_([part.seq for part in parts])
        connection.execute(sa.delete(PARTS).where(PARTS.c.run == run_id, again))
        connection.execute(sa.insert(PARTS), [rows.part_values(run_id, part) for part in parts])


def _require_unused(connection: sa.Connection, run_id: str) -> None:
    if connection.execute(sa.select(RUNS.c.id).where(RUNS.c.id == run_id)).first() is not None:
        raise HeadraceError(f"There is a run {run_id} already. Choose another id.", code="run_exists")


def _require_state(row: sa.Row[Any], state: RunState) -> None:
    if row.state != state:
        raise _defect(f"The run {row.id} is {row.state}, not {state}.", "illegal_transition")


def _require_complete(row: sa.Row[Any], parts: Sequence[Part], planned: Sequence[Delivery]) -> None:
    """Each call of the run is to be delivered to each of its destinations, once: else its counts never add up."""
    expected = {(part.seq, name): part.calls for part in parts for name in row.destinations if part.calls}
    given = {(delivery.seq, delivery.destination): delivery.calls for delivery in planned if delivery.calls}
    if expected != given:
        raise _defect(f"The deliveries of run {row.id} do not match its parts and destinations.", "unknown_delivery")


def _defect(what: str, code: str) -> HeadraceError:
    return HeadraceError(f"{what} This is a defect in Headrace: please report it.", code=code)
