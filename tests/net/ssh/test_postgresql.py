"""PostgreSQL read through an SSH tunnel, from end to end: real sshd, real server."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from headrace.aio import in_thread
from headrace.errors import HeadraceError
from headrace.model import Secret
from headrace.net.ssh_loop import SshLoop
from headrace.ports import Source, Tools
from headrace.sources.postgresql import SPEC
from headrace.testing.postgres import PostgresServer, postgres_binaries
from headrace.testing.ssh import SshServer
from tests.net.ssh.site import Site

ROWS = "select i, md5(i::text) as text from generate_series(1, {}) as i"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server that lets nobody in without TLS."""
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    with PostgresServer(tls=True) as server:
        yield server


@asynccontextmanager
async def through(site: Site, postgres: PostgresServer, **settings: Any) -> AsyncIterator[Source]:
    """The source, reached through the site's SSH server."""
    nothing: Any = None
    tools = dataclasses.replace(Tools(nothing, nothing, Path(), Path()), tunnels=site.tunnels)
    assert SPEC.source is not None
    source = SPEC.source(
        {field.name: field.default for field in SPEC.fields}
        | {
            "host": site.host, "port": site.port, "database": "postgres", "user": postgres.user,
            "password": Secret(postgres.password), "tls": "verify-full", "tls_ca": str(postgres.ca_file),
            "ssh_tunnel": site.settings, **settings,
        },
        tools,
    )  # fmt: skip
    try:
        yield source
    finally:
        await source.close()


async def count(source: Source, rows: int) -> int:
    """How many rows come of so many."""
    await source.now()
    return sum([batch.num_rows async for batch in source.read(ROWS.format(rows))])


@pytest.fixture
async def database(own_server: SshServer, loop: SshLoop, postgres: PostgresServer) -> Site:
    """A way to PostgreSQL that is ready."""
    site = Site(own_server, loop, postgres.port)
    await site.ready()
    return site


async def test_read(database: Site, postgres: PostgresServer) -> None:
    """Check and read work through the tunnel, with TLS to the database inside it; nothing stays open."""
    async with through(database, postgres) as source:
        check = await source.check()
        assert check.ok, check.problems
        assert await count(source, 200_000) == 200_000
    await in_thread(database.server.wait_for_log, "Disconnected from user", 3)  # the key's proof, the check, the read
    assert database.server.sessions() == []


async def test_certificate_is_for_the_databases_own_name(database: Site, postgres: PostgresServer) -> None:
    """verify-full compares with `host`, not with the tunnel's end, whose address the certificate does hold."""
    database.host = "localhost"
    database.server.install((await database.keys.new()).authorized_key(database.host, database.port))
    await database.save()
    async with through(database, postgres) as source:
        with pytest.raises(HeadraceError, match="is for another name") as caught:
            await source.now()
    assert caught.value.code == "tls"
    async with through(database, postgres, tls="verify-ca") as source:
        assert await count(source, 10) == 10


async def test_server_killed_amid_a_read(database: Site, postgres: PostgresServer) -> None:
    """The read ends in an error, not early; once the SSH server is back, the next read works."""
    async with through(database, postgres) as source:
        await source.now()
        reading = source.read(ROWS.format(5_000_000))
        await anext(reading)
        await in_thread(database.server.stop)
        with pytest.raises(HeadraceError) as caught:
            [batch async for batch in reading]
    assert caught.value.code == "connection_lost"
    async with through(database, postgres) as source:
        with pytest.raises(HeadraceError) as caught:
            await source.now()
    assert caught.value.code == "refused"
    database.server.start()
    async with through(database, postgres) as source:
        assert await count(source, 1000) == 1000


async def test_cancel_reaches_the_database(database: Site, postgres: PostgresServer) -> None:
    """A reader that stops early cancels the statement, through a second connection of the same tunnel."""
    async with through(database, postgres) as source:
        await source.now()
        reading = source.read("select repeat('endless', 10000) from generate_series(1, 10000000)")
        assert (await anext(reading)).num_rows
        await reading.aclose()
        asked = "select count(*) from pg_stat_activity where state = 'active' and query like '%endless%'"
        assert await in_thread(postgres.execute, f"{asked} and pid <> pg_backend_pid()") == [(0,)]
