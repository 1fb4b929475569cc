"""Between the ledger's tables and the words of `headrace.model`; and the sums that make the counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from headrace.errors import HeadraceError
from headrace.model import CallKind, Counts, Delivery, NewRun, Part, Problem, Run, RunState, Settled
from headrace.store.tables import DELIVERIES, PARTS

_SETTLED = ("delivered", "duplicate", "invalid", "rejected")  # columns, in the order of the `Settled` values

# The sums of some runs, made once.
_THESE: sa.BindParameter[Any] = sa.bindparam("runs", expanding=True)
_STAGED = (
    sa.select(PARTS.c.run, sa.func.sum(PARTS.c.rows), sa.func.sum(PARTS.c.calls))
    .where(PARTS.c.run.in_(_THESE))
    .group_by(PARTS.c.run)
)
_DONE = (
    sa.select(DELIVERIES.c.run, DELIVERIES.c.destination, *(sa.func.sum(DELIVERIES.c[name]) for name in _SETTLED))
    .where(DELIVERIES.c.run.in_(_THESE))
    .group_by(DELIVERIES.c.run, DELIVERIES.c.destination)
)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a run's parts and deliveries add up to."""

    extracted: int = 0
    unmapped: int = 0
    counts: Mapping[str, Counts] = field(default_factory=dict)


def totals(connection: sa.Connection, runs: Sequence[sa.Row[Any]]) -> dict[str, Totals]:
    """The totals of each run: as written down when it ended, or summed now; two queries for all that are at work."""
    ended = {row.id: row for row in runs if row.counts is not None}
    found = {run: Totals(row.extracted, row.unmapped, _counts(row.counts)) for run, row in ended.items()}
    live = {row.id: row.destinations for row in runs if row.id not in ended and row.state != RunState.QUEUED}
    for row in runs:
        if row.state == RunState.QUEUED:
            found[row.id] = nothing(row.destinations)
    return found | (_sums(connection, live) if live else {})


def nothing(destinations: Collection[str]) -> Totals:
    """The totals of a run of which no row was read."""
    return Totals(counts={destination: Counts() for destination in destinations})


def _counts(stored: Mapping[str, Mapping[str, int]]) -> dict[str, Counts]:
    return {destination: Counts(**counts) for destination, counts in stored.items()}


def _sums(connection: sa.Connection, live: Mapping[str, Collection[str]]) -> dict[str, Totals]:
    """The totals of runs that are not over, given with their destinations."""
    of = {"runs": list(live)}
    read = {run: (int(rows), int(calls)) for run, rows, calls in connection.execute(_STAGED, of)}
    known = {(run, name): [int(n) for n in sums] for run, name, *sums in connection.execute(_DONE, of)}
    found = {}
    for run, destinations in live.items():
        extracted, mapped = read.get(run, (0, 0))
        counts = {
            name: _add_up(extracted, extracted - mapped, *known.get((run, name), (0, 0, 0, 0))) for name in destinations
        }
        found[run] = Totals(extracted, extracted - mapped, counts)
    return found


def _add_up(extracted: int, unmapped: int, delivered: int, duplicate: int, invalid: int, rejected: int) -> Counts:
    known = Counts(delivered, duplicate, invalid + unmapped, rejected)
    return Counts(delivered, duplicate, invalid + unmapped, rejected, pending=extracted - known.total)


def read_runs(connection: sa.Connection, query: sa.Select[Any], **values: Any) -> list[Run]:
    """The runs that a query on ``runs`` selects, given its values, with their totals."""
    found = connection.execute(query, values).all()
    sums = totals(connection, found)
    return [run_of(row, sums[row.id]) for row in found]


def run_of(row: sa.Row[Any], totals: Totals) -> Run:
    """A row of ``runs`` as a `Run`."""
    return Run(
        id=row.id,
        sync=row.sync,
        state=RunState(row.state),
        attempt=row.attempt,
        trigger=row.trigger,
        call=CallKind(row.call) if row.call else None,
        cursor=row.cursor,
        as_of=row.as_of,
        spec=row.spec,
        destinations=tuple(row.destinations),
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        extracted=totals.extracted,
        unmapped=totals.unmapped,
        counts=totals.counts,
        problem=None if row.problem_code is None else Problem(row.problem_code, row.problem_message),
        warnings=tuple(row.warnings),
        cancel_requested=row.cancel_requested,
        kind=row.kind,
        version=row.version,
        due=row.due,
    )


def new_run_values(new: NewRun) -> dict[str, Any]:
    """What both a queued and a skipped run begin with. ``spec`` must hold the kind of ``call``."""
    return {
        "id": new.id,
        "sync": new.sync,
        "trigger": new.trigger,
        "call": CallKind(new.spec["call"]).value if new.spec["call"] else "",
        "kind": new.kind,
        "version": new.version,
        "cursor": new.cursor,
        "spec": dict(new.spec),
        "destinations": list(new.destinations),
        "created_at": new.created_at,
    }


def ending_values(totals: Totals, now: datetime, problem: Problem | None) -> dict[str, Any]:
    """What is written down when a run ends: its totals, when, and why."""
    return {
        "ended_at": now,
        "extracted": totals.extracted,
        "unmapped": totals.unmapped,
        "counts": {destination: asdict(counts) for destination, counts in totals.counts.items()},
        "problem_code": problem.code if problem else None,
        "problem_message": problem.message if problem else None,
    }


def part_values(run_id: str, part: Part) -> dict[str, Any]:
    return {"run": run_id} | asdict(part)


def part_of(row: sa.Row[Any]) -> Part:
    return Part(row.seq, row.first_row, row.rows, row.calls, row.bytes, row.errors)


def delivery_values(run_id: str, delivery: Delivery) -> dict[str, Any]:
    """A delivery with the counts that its outcomes show. Raises `HeadraceError` (``bad_outcomes``)."""
    return {
        "run": run_id,
        "seq": delivery.seq,
        "destination": delivery.destination,
        "calls": delivery.calls,
        "settled_at": delivery.settled_at,
        "errors": list(delivery.errors),
        "outcomes": delivery.outcomes,
    } | dict(zip(_SETTLED, _settled(delivery), strict=True))


def _settled(delivery: Delivery) -> list[int]:
    """How many calls are delivered, duplicate, invalid, rejected."""
    if delivery.outcomes is None:
        return [0] * len(_SETTLED)
    found = np.bincount(np.frombuffer(delivery.outcomes, np.uint8), minlength=Settled.REJECTED + 1)
    if len(delivery.outcomes) != delivery.calls or len(found) > Settled.REJECTED + 1:
        raise HeadraceError(
            f"The outcomes of part {delivery.seq} at {delivery.destination!r} do not fit its {delivery.calls} calls. "
            "This is a defect in Headrace: please report it.",
            code="bad_outcomes",
        )
    return [int(count) for count in found[Settled.DELIVERED :]]


def delivery_of(row: sa.Row[Any]) -> Delivery:
    return Delivery(row.seq, row.destination, row.calls, row.outcomes, row.settled_at, tuple(row.errors))
