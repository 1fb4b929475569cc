"""Kept calls in the store: the newest of each source, for a set time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.datain import Answer, CallFilter, KeptCall
from headrace.store.service_tables import CALLS
from headrace.store.verbs import Verbs, reads, writes

PER_SOURCE = 10_000  # calls that are kept of one source, however often its syncs run
_LOCK = 0x68656163616C6C  # "headcall": on PostgreSQL, one keeps at a time, so that ids become visible in their order
_PLAIN = ("source", "sync", "run", "kind")  # columns that a filter compares as they are

# Made once: every run asks this.
_OF_RUNS = sa.delete(CALLS).where(CALLS.c.run.in_(sa.bindparam("runs", expanding=True)))
_FIRST_TOO_MANY = (
    sa.select(CALLS.c.id)
    .where(CALLS.c.source == sa.bindparam("source"))
    .order_by(CALLS.c.id.desc())
    .offset(sa.bindparam("room", type_=sa.Integer))
    .limit(1)
)


def keep_calls(connection: sa.Connection, calls: Sequence[KeptCall]) -> None:
    if not calls:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    runs = {call.run for call in calls if call.run is not None}
    connection.execute(_OF_RUNS, {"runs": list(runs)})
    connection.execute(sa.insert(CALLS), [_values(call) for call in calls])
    for source in {call.source for call in calls}:
        last = connection.execute(_FIRST_TOO_MANY, {"source": source, "room": PER_SOURCE}).scalar()
        if last is not None:
            connection.execute(sa.delete(CALLS).where(CALLS.c.source == source, CALLS.c.id <= last))


def kept_call(connection: sa.Connection, call_id: int) -> KeptCall | None:
    row = connection.execute(sa.select(CALLS).where(CALLS.c.id == call_id)).one_or_none()
    return None if row is None else _call(row)


def kept_calls(
    connection: sa.Connection, wanted: CallFilter, before: int | None = None, limit: int = 50
) -> list[KeptCall]:
    query = sa.select(CALLS).where(*_conditions(wanted)).order_by(CALLS.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(CALLS.c.id < before)
    return [_call(row) for row in connection.execute(query)]


def kept_since(connection: sa.Connection, after: int, limit: int = 500) -> list[KeptCall]:
    query = sa.select(CALLS).where(CALLS.c.id > after).order_by(CALLS.c.id).limit(limit)
    return [_call(row) for row in connection.execute(query)]


def newest_kept(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.max(CALLS.c.id))).scalar() or 0


def forget_calls(connection: sa.Connection, before: datetime) -> int:
    return int(connection.execute(sa.delete(CALLS).where(CALLS.c.at < before)).rowcount)


class CallVerbs(Verbs):
    """A `headrace.datain.CallStore`."""

    keep_calls = writes(keep_calls)
    kept_call = reads(kept_call)
    kept_calls = reads(kept_calls)
    kept_since = reads(kept_since)
    newest_kept = reads(newest_kept)
    forget_calls = writes(forget_calls)


def _conditions(wanted: CallFilter) -> list[sa.ColumnElement[bool]]:
    found = [CALLS.c[name] == value for name in _PLAIN if (value := getattr(wanted, name))]
    if wanted.row:
        found.append(CALLS.c.row == wanted.row)
    if wanted.outcome:
        found.append(CALLS.c.outcomes.contains(f" {wanted.outcome} ", autoescape=True))
    if wanted.text:
        found.append(CALLS.c.words.contains(wanted.text.lower(), autoescape=True))
    return found


def _values(call: KeptCall) -> dict[str, Any]:
    answers = {name: _told(answer) for name, answer in call.answers.items()}
    outcomes = sorted({answer.outcome for answer in call.answers.values()})
    return {
        "at": call.at,
        "source": call.source,
        "sync": call.sync,
        "run": call.run,
        "row": call.row,
        "kind": call.kind,
        "user": call.user,
        "name": call.name,
        "message_id": call.message_id,
        "call": None if call.call is None else _json(call.call),
        "values": _json(call.values),
        "reason": call.reason,
        "answers": _json(answers),
        "outcomes": f" {' '.join(outcomes)} ",
        "words": f"{call.user}\n{call.name}\n{call.message_id}".lower(),
    }


def _call(row: sa.Row[Any]) -> KeptCall:
    answers = {name: _answer(told) for name, told in json.loads(row.answers).items()}
    call = None if row.call is None else _object(row.call)
    return KeptCall(
        row.id, row.at, row.source, row.sync, row.run, row.row, row.kind, row.user, row.name, row.message_id,
        call, _object(row.values), row.reason, answers,
    )  # fmt: skip


def _told(answer: Answer) -> dict[str, Any]:
    return asdict(answer) | {"at": answer.at.isoformat() if answer.at is not None else None}


def _answer(told: dict[str, Any]) -> Answer:
    return Answer(**told | {"at": datetime.fromisoformat(told["at"]) if told["at"] is not None else None})


def _object(text: str) -> dict[str, Any]:
    """A JSON object; a number beyond what JSON readers know comes as text."""
    found: dict[str, Any] = json.loads(text, parse_constant=str)
    return found


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
