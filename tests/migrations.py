"""Hundreds of tests open an empty store: Alembic's part of that, a fifteenth of a second, is done once a process.

The first empty database of a kind is brought up to date as a user's is, and the statements that this took are noted;
the others get the same statements. Tests of the migrations themselves ask for the fixture ``real_migrations``.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from headrace.store import migrate

by_alembic = migrate._upgrade
_noted: dict[str, list[tuple[str, Any]]] = {}  # by dialect


def repeated(connection: sa.Connection, version: str | None, name: str) -> None:
    """What stands in for Alembic."""
    dialect = connection.dialect.name
    if version is not None:
        by_alembic(connection, version, name)
    elif dialect in _noted:
        for statement, parameters in _noted[dialect]:
            connection.exec_driver_sql(statement, parameters or None)
    else:
        _noted[dialect] = _noting(connection, name)


def _noting(connection: sa.Connection, name: str) -> list[tuple[str, Any]]:
    """Run the migrations in an empty database; the statements that changed it."""
    noted: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            noted.append((statement, parameters))

    sa.event.listen(connection, "before_cursor_execute", note)
    try:
        by_alembic(connection, None, name)
    finally:
        sa.event.remove(connection, "before_cursor_execute", note)
    return noted
