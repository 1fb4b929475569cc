"""Which state folder belongs to this store: a number that stands in both."""

from __future__ import annotations

import sqlalchemy as sa

from headrace.store.ledger import insert
from headrace.store.service_tables import META

NAME = "state_folder"


def state_folder(connection: sa.Connection, number: int) -> int:
    """The number of the folder that belongs here: the given one, if there was none yet."""
    connection.execute(insert(connection, META).values(name=NAME, number=number).on_conflict_do_nothing())
    return int(connection.execute(sa.select(META.c.number).where(META.c.name == NAME)).scalar_one())


def adopt_folder(connection: sa.Connection, number: int) -> None:
    """Let another folder belong here from now on."""
    connection.execute(sa.delete(META).where(META.c.name == NAME))
    connection.execute(sa.insert(META).values(name=NAME, number=number))
