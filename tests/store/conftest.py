"""One PostgreSQL server for these tests, and an empty place in it for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from urllib.parse import quote

import pytest

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
