"""Promise 6: the source is only ever read, and the database enforces it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from headrace.app import opened
from headrace.errors import ConfigError, SourceError
from headrace.model import RunState
from headrace.testing.http_server import RecordingServer
from headrace.testing.postgres import PostgresServer
from tests.promise.project import crm, received, write_project, write_rows

PEOPLE = "create table people (id int primary key, name text); insert into people values (1, 'Ada'), (2, 'Zoë')"
WRITES = (
    "insert into people values (3, 'x')",
    "update people set name = 'x'",
    "delete from people",
    "drop table people",
    "create table more (id int)",
)
POSTGRES_WRITES = (
    *WRITES,
    'with gone as (delete from people returning id) select id as "userId" from gone',
    'select insert_one() as "userId"',
    "truncate people",
    "set transaction read write",
)
FILE_WRITES = (
    "copy (select 1) to 'numbers.parquet'",
    "copy (select 1) to 'more.csv'",
    "create table more (id int)",
    "attach 'more.duckdb' as more",
)


async def refused(folder: Path, source: dict[str, Any], query: str, state: Callable[[], object]) -> None:
    """Run and preview a query that writes: both are refused, nothing is sent, and the source is as it was."""
    before = state()
    with RecordingServer() as server:
        write_project(folder, {"crm": crm(server)}, query, source)
        async with opened(folder, {}) as app:
            run = await app.carry(await app.begin("people"))
            with pytest.raises(SourceError):
                await app.preview("people")
            assert (await app.store.sync_state("people")).cursor == 0
        assert run.state is RunState.FAILED
        assert run.problem is not None
        assert run.problem.code in ("source", "query", "read_only"), run.problem
        assert not received(server.requests)
    assert state() == before


def content(folder: Path) -> dict[str, str]:
    """Every file of the folder that is not our own, by what is in it."""
    ours = {".headrace", "headrace.yaml"}
    files = [path for path in folder.rglob("*") if path.is_file() and not ours & set(path.relative_to(folder).parts)]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("query", WRITES)
async def test_sqlite(tmp_path: Path, query: str) -> None:
    """Promise 6: SQLite opens the file read-only."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(PEOPLE)
    source = {"type": "sqlite", "path": "shop.db"}
    await refused(tmp_path, source, query, lambda: content(tmp_path))


@pytest.mark.parametrize("query", [*WRITES, "copy people to 'people.csv'"])
async def test_duckdb(tmp_path: Path, query: str) -> None:
    """Promise 6: DuckDB opens the file read-only, and writes no other."""
    with duckdb.connect(tmp_path / "shop.duckdb") as connection:
        connection.execute(PEOPLE)
    source = {"type": "duckdb", "path": "shop.duckdb"}
    await refused(tmp_path, source, query, lambda: content(tmp_path))


@pytest.mark.parametrize("query", FILE_WRITES)
async def test_files(tmp_path: Path, query: str) -> None:
    """Promise 6: a query over files can write none."""
    write_rows(tmp_path, range(1, 4))
    source = {"type": "files", "tables": {"numbers": "numbers.parquet"}}
    await refused(tmp_path, source, query, lambda: content(tmp_path))


async def test_postgresql(tmp_path: Path, postgres: PostgresServer) -> None:
    """Promise 6: PostgreSQL refuses every statement that writes, though we log in as the superuser."""
    function = (
        "create function insert_one() returns int language sql as 'insert into people values (3, ''x'') returning 1'"
    )
    database = postgres.create_database(f"{PEOPLE}; {function}")
    source = {
        "type": "postgresql", "host": postgres.host, "port": postgres.port, "database": database,
        "user": postgres.user, "password": postgres.password,
    }  # fmt: skip

    def state() -> object:
        tables = "select relname::text from pg_class where relnamespace = 'public'::regnamespace order by 1"
        return postgres.execute("select * from people order by id", database), postgres.execute(tables, database)

    for number, query in enumerate(POSTGRES_WRITES):
        folder = tmp_path / str(number)
        folder.mkdir()
        await refused(folder, source, query, state)


@pytest.mark.parametrize("query", ["select 1 as id; delete from people", "commit; delete from people"])
async def test_several_statements(tmp_path: Path, server: RecordingServer, query: str) -> None:
    """Promise 6: nothing can follow the query or end its transaction: several statements are no configuration."""
    write_project(tmp_path, {"crm": crm(server)}, query)
    with pytest.raises(ConfigError, match="several statements"):
        async with opened(tmp_path, {}):
            pass
