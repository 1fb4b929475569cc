"""Retries in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from headrace.retries import Retry
from headrace.store.ledger import add_warnings, fenced, insert
from headrace.store.service_tables import RETRIES
from headrace.store.verbs import Verbs, reads, writes

_KEY = ("sync", "destination", "key")


def retries(connection: sa.Connection, sync: str) -> list[Retry]:
    query = sa.select(RETRIES).where(RETRIES.c.sync == sync).order_by(RETRIES.c.destination, RETRIES.c.key)
    return [
        Retry(row.destination, row.key, row.cursor, row.tries, row.since, row.run) for row in connection.execute(query)
    ]


def set_retries(
    connection: sa.Connection,
    run_id: str,
    attempt: int,
    retries: Sequence[Retry],
    gone: Sequence[tuple[str, str]],
    warnings: Sequence[str] = (),
) -> None:
    run = fenced(connection, run_id, attempt)
    add_warnings(connection, run, warnings)
    if gone:
        named = [RETRIES.c[name] == sa.bindparam(f"its_{name}") for name in _KEY]
        forgotten = [{"its_sync": run.sync, "its_destination": to, "its_key": key} for to, key in gone]
        connection.execute(sa.delete(RETRIES).where(*named), forgotten)
    if retries:
        new = insert(connection, RETRIES)
        replaced = {column.name: new.excluded[column.name] for column in RETRIES.c if column.name not in _KEY}
        values = [{"sync": run.sync, **asdict(retry)} for retry in retries]
        connection.execute(new.on_conflict_do_update(index_elements=list(_KEY), set_=replaced), values)


class RetryVerbs(Verbs):
    """`headrace.retries.RetryStore` on a SQL database."""

    retries = reads(retries)
    set_retries = writes(set_retries)
