"""What is particular to the store on a server."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from headrace.errors import HeadraceError
from headrace.model import RunState
from headrace.store import SqlStore
from headrace.store.database import Database
from headrace.testing.postgres import PostgresServer
from headrace.testing.store_samples import ended


async def refusal(url: str) -> HeadraceError:
    store = SqlStore(url)
    with pytest.raises(HeadraceError) as refused:
        await store.open()
    await store.close()
    assert refused.value.code == "store_unavailable"
    return refused.value


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
async def test_all_spellings_of_the_scheme(postgres_url: str, scheme: str) -> None:
    """A URL as libpq, hosting providers or SQLAlchemy spell it leads to the same driver."""
    store = SqlStore(postgres_url.replace("postgresql", scheme, 1))
    await store.open()
    assert await store.runs() == []
    await store.close()


async def test_a_wrong_password(postgres: PostgresServer) -> None:
    """The refusal says where, why and what to check, and repeats no password."""
    error = await refusal(postgres.url().replace(quote(postgres.password), "hunter2"))
    assert f"127.0.0.1:{postgres.port}/postgres" in error.message
    assert "password authentication failed" in error.message
    assert "HEADRACE_DATABASE_URL" in error.message
    assert "hunter2" not in f"{error} {error.__cause__!r} {error.__cause__}"


async def test_a_database_that_is_not_there(postgres: PostgresServer) -> None:
    """A wrong name is told as one."""
    assert '"nowhere" does not exist' in (await refusal(postgres.url("nowhere"))).message


async def test_a_server_that_does_not_answer(unused_tcp_port: int) -> None:
    """A server that is down is told as such, at once."""
    error = await refusal(f"postgresql://headrace:hunter2@127.0.0.1:{unused_tcp_port}/headrace")
    assert f"127.0.0.1:{unused_tcp_port}/headrace cannot be reached" in error.message
    assert "hunter2" not in error.message


async def test_a_user_without_rights(postgres: PostgresServer, postgres_url: str) -> None:
    """A user who may not make tables is told so."""
    schema = postgres_url.rpartition("search_path%3D")[2]
    postgres.execute(f"create role reader_{schema} login password 'pw'; grant usage on schema {schema} to public")
    mine = postgres_url.replace(f"postgres:{quote(postgres.password)}", f"reader_{schema}:pw")
    error = await refusal(mine)
    assert "permission denied" in error.message
    assert "all rights" in error.message


async def test_connections_that_the_server_closed_are_replaced(postgres: PostgresServer, postgres_url: str) -> None:
    """After the server ended our sessions, as in a restart, the next verb works."""
    store = SqlStore(postgres_url)
    await store.open()
    await asyncio.gather(*(store.set_cursor(f"sync-{number}", number) for number in range(5)))
    ours = "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where application_name = 'headrace'"
    assert postgres.execute(ours) > [(0,)]
    assert (await ended(store, RunState.PARTIAL)).state is RunState.PARTIAL
    await store.close()


async def test_a_commit_waits_for_the_disk(postgres: PostgresServer, postgres_url: str) -> None:
    """Durable is durable, also where the server's settings would have it otherwise; a stronger wish is kept."""
    for given, used in {"off": "on", "local": "local"}.items():
        database = Database(f"{postgres_url}%20-csynchronous_commit%3D{given}")
        shown = await database.read(lambda connection: connection.exec_driver_sql("SHOW synchronous_commit").scalar())
        assert shown == used
        await database.close()


async def test_readers_have_a_snapshot(postgres_url: str) -> None:
    """Several statements of one reading see the same data; writers lock rows and see the newest."""
    database = Database(postgres_url)
    level = "SHOW transaction_isolation"
    assert await database.read(lambda c: c.exec_driver_sql(level).scalar()) == "repeatable read"
    assert await database.write(lambda c: c.exec_driver_sql(level).scalar()) == "read committed"
    await database.close()
