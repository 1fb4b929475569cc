"""Servers and folders that the tests of the sources share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from headrace.connector import Spec
from headrace.ports import Source, Tools
from headrace.testing.postgres import PostgresServer, postgres_binaries
from tests.sources.postgresql import SCHEMA


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server without TLS."""
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def database(postgres: PostgresServer) -> str:
    """A database with the things above in it; tests do not change it."""
    return postgres.create_database(SCHEMA)


@pytest.fixture(scope="session")
def postgres_tls() -> Iterator[PostgresServer]:
    """A server that lets nobody in without TLS, and the role certified only with a client certificate."""
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    rule = "hostssl all certified 127.0.0.1/32 scram-sha-256 clientcert=verify-ca"
    with PostgresServer(tls=True, hba=[rule]) as server:
        server.execute("create role certified login password 'certified'")
        yield server


@pytest.fixture
def make(tmp_path: Path) -> Callable[[Spec, Mapping[str, Any]], Source]:
    """Makes a source as the engine does: defaults filled in, relative paths from ``tmp_path``."""
    nothing: Any = None  # a source has no business with HTTP and the clock
    tools = Tools(http=nothing, clock=nothing, home=tmp_path / "home", base=tmp_path)

    def make(spec: Spec, settings: Mapping[str, Any]) -> Source:
        assert spec.source is not None
        return spec.source({**{field.name: field.default for field in spec.fields}, **settings}, tools)

    return make
