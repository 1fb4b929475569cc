"""Run by Alembic: applies migrations over the connection, and in the transaction, that `migrate` hands in."""

from __future__ import annotations

from alembic import context

from headrace.store.migrate import VERSION_TABLE
from headrace.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()
