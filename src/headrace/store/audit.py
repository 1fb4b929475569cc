"""The audit log: every change, in the transaction of the change itself, each entry chained to the one before it.

An entry's hash is the SHA-256 over the hash before it and the entry as JSON; whoever alters or removes an entry
breaks the chain from there on. How many entries there are is kept apart, so that the newest are missed as well. There
is no verb that changes or deletes an entry, and triggers of the database refuse it to everybody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

import sqlalchemy as sa

from headrace.people import Change, Entry
from headrace.store.service_tables import AUDIT, META

_LOCK = 0x68656164617564  # "headaud": on PostgreSQL, one appends at a time
_FIRST = "0" * 64
_PAGE = 1000
_COUNT = "audit"  # in the table `meta`
_NAMES = ("actor", "action", "thing", "via", "before", "after")


def note(connection: sa.Connection, change: Change | None) -> None:
    """Append a change, if there is one to note."""
    if change is None:
        return
    one_at_a_time(connection)
    newest = connection.execute(sa.select(AUDIT.c.seq, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)).first()
    seq, previous = (newest.seq + 1, newest.hash) if newest else (1, _FIRST)
    told = _told(change)
    connection.execute(sa.insert(AUDIT).values(seq=seq, previous=previous, hash=_hash(previous, seq, told), **told))
    _count(connection, seq)


def log(connection: sa.Connection, change: Change) -> None:
    note(connection, change)


def one_at_a_time(connection: sa.Connection) -> None:
    """Let others append only when this transaction is over. Taken before any other lock, always."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def entries(
    connection: sa.Connection,
    before: int | None = None,
    limit: int = 100,
    thing: str | None = None,
    actor: str | None = None,
) -> list[Entry]:
    query = sa.select(AUDIT).order_by(AUDIT.c.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(AUDIT.c.seq < before)
    for column, wanted in ((AUDIT.c.thing, thing), (AUDIT.c.actor, actor)):
        if wanted is not None:
            query = query.where(_matches(column, wanted))
    return [_entry(row) for row in connection.execute(query)]


def verify(connection: sa.Connection) -> int | None:
    previous, expected = _FIRST, 1
    for entry in _all(connection):
        made = _hash(previous, expected, _told(entry.change))
        if (entry.seq, entry.previous, entry.hash) != (expected, previous, made):
            return expected
        previous, expected = entry.hash, expected + 1
    counted = connection.execute(sa.select(META.c.number).where(META.c.name == _COUNT)).scalar() or 0
    return None if counted == expected - 1 else expected


def _matches(column: sa.Column[str], wanted: str) -> sa.ColumnElement[bool]:
    return column.startswith(wanted, autoescape=True) if wanted.endswith(("/", ":")) else column == wanted


def _count(connection: sa.Connection, seq: int) -> None:
    counted = sa.update(META).where(META.c.name == _COUNT).values(number=seq)
    if not connection.execute(counted).rowcount:
        connection.execute(sa.insert(META).values(name=_COUNT, number=seq))


def _all(connection: sa.Connection) -> Iterator[Entry]:
    last: int | None = None
    while True:
        query = sa.select(AUDIT).order_by(AUDIT.c.seq).limit(_PAGE)
        rows = connection.execute(query if last is None else query.where(AUDIT.c.seq > last)).all()
        if not rows:
            return
        yield from map(_entry, rows)
        last = rows[-1].seq


def _entry(row: sa.Row[Any]) -> Entry:
    change = Change(row.at, row.actor, row.action, row.thing, row.via, row.before, row.after)
    return Entry(row.seq, change, row.previous, row.hash)


def _told(change: Change) -> dict[str, Any]:
    """A change as it comes back from the database."""
    words = {name: _storable(getattr(change, name)) for name in ("actor", "action", "thing", "via")}
    return {"at": change.at.astimezone(UTC), **words, "before": _plain(change.before), "after": _plain(change.after)}


def _hash(previous: str, seq: int, told: Mapping[str, Any]) -> str:
    values = [previous, seq, told["at"].isoformat(), *(told[name] for name in _NAMES)]
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _storable(text: str) -> str:
    """Without what no database stores."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _plain(value: Any) -> Any:
    return None if value is None else json.loads(json.dumps(value))
