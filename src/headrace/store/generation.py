"""The generation: a number that grows with each change of what services hold in memory."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from headrace.store.service_tables import META

_NAME = "generation"


def bump(connection: sa.Connection) -> None:
    """Tell all services to read again what they hold."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    new = make(META).values(name=_NAME, number=1)
    connection.execute(new.on_conflict_do_update(index_elements=["name"], set_={"number": META.c.number + 1}))


def generation(connection: sa.Connection) -> int:
    return connection.execute(sa.select(META.c.number).where(META.c.name == _NAME)).scalar() or 0
