"""Bringing a database up to date, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from headrace.errors import HeadraceError
from headrace.store import SqlStore
from headrace.store.database import Database
from headrace.store.migrate import VERSION_TABLE, current
from headrace.store.tables import metadata

pytestmark = pytest.mark.usefixtures("real_migrations")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    address: str = request.getfixturevalue("postgres_url")
    return address


async def opened(url: str) -> None:
    store = SqlStore(url)
    try:
        await store.open()
    finally:
        await store.close()


async def test_the_migrations_make_the_tables(url: str) -> None:
    """After all migrations the database has exactly the tables, columns and indexes that the code speaks of."""
    await opened(url)

    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        return list(compare_metadata(context, metadata))

    database = Database(url)
    assert await database.read(differences) == []
    await database.close()


async def test_opening_again_changes_nothing(url: str) -> None:
    """What is in an up-to-date store stays."""
    await opened(url)
    store = SqlStore(url)
    await store.open()
    await store.set_cursor("people", 5)
    await opened(url)
    assert (await store.sync_state("people")).cursor == 5
    await store.close()


async def test_a_newer_store_is_refused(url: str) -> None:
    """A store that a later version wrote is not touched; the message says what to do."""
    await opened(url)
    database = Database(url)
    await database.write(
        lambda connection: connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num='9999'")
    )
    with pytest.raises(HeadraceError, match=r"newer Headrace: its schema is 9999.*Upgrade Headrace") as refused:
        await opened(url)
    assert refused.value.code == "store_newer"
    assert await database.read(current) == "9999"
    await database.close()


async def test_a_migration_is_done_whole_or_not_at_all(url: str) -> None:
    """Where a migration fails half-way nothing of it remains, and it can be done later."""
    database = Database(url)
    await database.write(lambda connection: connection.exec_driver_sql("CREATE TABLE parts (other INTEGER)"))
    with pytest.raises(HeadraceError, match="parts"):
        await opened(url)

    def tables(connection: sa.Connection) -> set[str]:
        return set(sa.inspect(connection).get_table_names())

    assert await database.read(tables) == {"parts"}
    await database.write(lambda connection: connection.exec_driver_sql("DROP TABLE parts"))
    await opened(url)
    assert await database.read(tables) == {*metadata.tables, VERSION_TABLE}
    await database.close()
