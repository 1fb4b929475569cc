"""Bring a database to the shape of `headrace.store.tables`: Alembic, run from code, one process at a time."""

from __future__ import annotations

import threading

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from headrace.errors import HeadraceError

VERSION_TABLE = "headrace_version"
_LOCK = 0x6865616472616365  # "headrace", as PostgreSQL's advisory lock
_one_at_a_time = threading.Lock()  # Alembic's scripts speak through module globals


def migrate(engine: sa.Engine, name: str) -> None:
    """Run the migrations that are missing, all or none. Raises `HeadraceError` (``store_newer``)."""
    config = Config()
    config.set_main_option("script_location", "headrace.store:migrations")
    scripts = ScriptDirectory.from_config(config)
    with _one_at_a_time, engine.begin() as connection:  # on SQLite, `engine` takes the write lock here
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        version = current(connection)
        if version == scripts.get_current_head():
            return
        if version is not None and version not in {script.revision for script in scripts.walk_revisions()}:
            raise HeadraceError(
                f"The store {name} was written by a newer Headrace: its schema is {version}, this program knows up "
                f"to {scripts.get_current_head()}. Upgrade Headrace, or point it at another store.",
                code="store_newer",
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def current(connection: sa.Connection) -> str | None:
    """The schema's version, None in an empty database."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
