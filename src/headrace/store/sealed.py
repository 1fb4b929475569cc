"""Sealed secrets in the store: texts that say nothing to whoever reads the database."""

from __future__ import annotations

import sqlalchemy as sa

from headrace.store.generation import bump
from headrace.store.ledger import insert
from headrace.store.tables import SECRETS


def put_sealed(connection: sa.Connection, record: str, slot: str, sealed: str) -> None:
    new = insert(connection, SECRETS).values(record=record, slot=slot, sealed=sealed)
    connection.execute(new.on_conflict_do_update(index_elements=["record", "slot"], set_={"sealed": sealed}))
    bump(connection)


def read_sealed(connection: sa.Connection, record: str, slot: str) -> str | None:
    found: str | None = connection.execute(sa.select(SECRETS.c.sealed).where(*_at(record, slot))).scalar()
    return found


def all_sealed(connection: sa.Connection) -> list[tuple[str, str, str]]:
    columns = SECRETS.c.record, SECRETS.c.slot, SECRETS.c.sealed
    return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*columns[:2]))]


def replace_sealed(connection: sa.Connection, record: str, slot: str, old: str, new: str) -> bool:
    same = sa.update(SECRETS).where(*_at(record, slot), SECRETS.c.sealed == old)
    return connection.execute(same.values(sealed=new)).rowcount == 1


def delete_sealed(connection: sa.Connection, record: str, slot: str) -> None:
    connection.execute(sa.delete(SECRETS).where(*_at(record, slot)))
    bump(connection)


def _at(record: str, slot: str) -> tuple[sa.ColumnElement[bool], ...]:
    return SECRETS.c.record == record, SECRETS.c.slot == slot
