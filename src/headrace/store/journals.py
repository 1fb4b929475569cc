"""Journals in the store: numbered one after another, source by source.

The highest number of a source is kept apart from its journals, so that it outlives them; whoever numbers one locks it
until the commit. So numbers have no gaps and appear in their order.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from headrace.journal import Journal
from headrace.store.service_tables import JOURNALS, META
from headrace.store.verbs import Verbs, reads, writes

_COUNTER = "journal/"  # and the source: its row in META


def add_journal(
    connection: sa.Connection, source: str, name: str, calls: int, size: int, first_at: datetime, last_at: datetime
) -> Journal:
    newest = _locked(connection, source)
    known = connection.execute(sa.select(JOURNALS).where(JOURNALS.c.name == name)).one_or_none()
    if known is not None:
        return _journal(known)
    journal = Journal(source, newest + 1, name, calls, size, first_at, last_at)
    connection.execute(
        sa.insert(JOURNALS).values(
            source=source, seq=journal.seq, name=name, calls=calls, bytes=size, first_at=first_at, last_at=last_at
        )
    )
    connection.execute(sa.update(META).where(META.c.name == _COUNTER + source).values(number=journal.seq))
    return journal


def journals(connection: sa.Connection, source: str, after: int = 0) -> list[Journal]:
    query = sa.select(JOURNALS).where(JOURNALS.c.source == source, JOURNALS.c.seq > after).order_by(JOURNALS.c.seq)
    return [_journal(row) for row in connection.execute(query)]


def newest_journals(connection: sa.Connection) -> dict[str, int]:
    query = sa.select(META).where(META.c.name.startswith(_COUNTER, autoescape=True))
    return {row.name.removeprefix(_COUNTER): int(row.number) for row in connection.execute(query) if row.number}


def forget_journals(connection: sa.Connection, source: str, until: int) -> list[str]:
    old = (JOURNALS.c.source == source, JOURNALS.c.seq <= until)
    names = list(connection.execute(sa.select(JOURNALS.c.name).where(*old).order_by(JOURNALS.c.seq)).scalars())
    connection.execute(sa.delete(JOURNALS).where(*old))
    return names


def _locked(connection: sa.Connection, source: str) -> int:
    """The highest number of a source, held for this transaction alone."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    touched = make(META).values(name=_COUNTER + source, number=0)
    touched = touched.on_conflict_do_update(index_elements=["name"], set_={"number": META.c.number})
    return int(connection.execute(touched.returning(META.c.number)).scalar_one())


def _journal(row: sa.Row[Any]) -> Journal:
    return Journal(row.source, row.seq, row.name, row.calls, row.bytes, row.first_at, row.last_at)


class JournalVerbs(Verbs):
    """The verbs of `headrace.journal.JournalStore`."""

    add_journal = writes(add_journal)
    journals = reads(journals)
    newest_journals = reads(newest_journals)
    forget_journals = writes(forget_journals)
