"""The ledger on SQLite (the default) or PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from headrace.store.sql_store import SqlStore

__all__ = ["SqlStore", "open_store"]


async def open_store(home: Path, database_url: str | None = None) -> SqlStore:
    """The open store: at ``database_url`` where one is given, else ``store.sqlite`` in the state folder ``home``."""
    file = sa.URL.create("sqlite", database=str((home / "store.sqlite").absolute()))
    store = SqlStore(database_url or file.render_as_string())
    await store.open()
    return store
