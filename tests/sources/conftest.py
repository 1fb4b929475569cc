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


@pytest.fixture(scope="session")
def postgres_expired() -> Iterator[PostgresServer]:
    """A server whose certificate is of the past."""
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    with PostgresServer(tls=True, expired=True) as server:
        yield server


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    """What a source is given; relative paths start in ``tmp_path``."""
    nothing: Any = None  # a source has no business with HTTP and the clock
    return Tools(http=nothing, clock=nothing, home=tmp_path / "home", base=tmp_path)


@pytest.fixture
def make(tools: Tools) -> Callable[[Spec, Mapping[str, Any]], Source]:
    """Makes a source as the engine does: defaults filled in."""

    def make(spec: Spec, settings: Mapping[str, Any]) -> Source:
        assert spec.source is not None
        return spec.source({**{field.name: field.default for field in spec.fields}, **settings}, tools)

    return make
