"""One PostgreSQL server for these tests, and for each test an empty place on either database, and stores in it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from headrace.store import SqlStore
from headrace.testing.postgres import PostgresServer, postgres_binaries

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """An empty schema of the test's own, which is much faster made than a database."""
    schema = f"test_{next(_numbers)}"
    postgres.execute(f"create schema {schema}")
    return f"{postgres.url()}?options={quote(f'-csearch_path={schema}')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place on each database: whoever takes it is run on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    address: str = request.getfixturevalue("postgres_url")
    return address


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    async with opened(url) as store:
        yield store


@pytest.fixture
async def rival(store: SqlStore, url: str) -> AsyncIterator[SqlStore]:
    """Another store on the same database, as another process has it."""
    async with opened(url) as rival:
        yield rival


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[SqlStore]:
    store = SqlStore(url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
