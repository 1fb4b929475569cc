"""Bring a database to the shape of `headrace.store.tables`: Alembic, run from code, one process at a time."""

from __future__ import annotations

import threading

import sqlalchemy as sa

from headrace.errors import HeadraceError

HEAD = "0003"  # the newest of ``migrations/versions``
VERSION_TABLE = "headrace_version"
_LOCK = 0x6865616472616365  # "headrace", as PostgreSQL's advisory lock
_one_at_a_time = threading.Lock()  # Alembic's scripts speak through module globals


def migrate(engine: sa.Engine, name: str) -> None:
    """Run the migrations that are missing, all or none. Raises `HeadraceError` (``store_newer``)."""
    with _one_at_a_time, engine.begin() as connection:  # on SQLite, `engine` takes the write lock here
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        version = current(connection)
        if version != HEAD:
            _upgrade(connection, version, name)


def current(connection: sa.Connection) -> str | None:
    """The schema's version, None in an empty database."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()


def _upgrade(connection: sa.Connection, version: str | None, name: str) -> None:
    from alembic import command  # here, because it takes a third of a second to load and is seldom needed
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "headrace.store:migrations")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise HeadraceError(
            f"The store {name} was written by a newer Headrace: its schema is {version}, this program knows up "
            f"to {HEAD}. Upgrade Headrace, or point it at another store.",
            code="store_newer",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
