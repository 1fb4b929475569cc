"""Servers that these tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headrace.testing.http_server import RecordingServer
from headrace.testing.postgres import PostgresServer, postgres_binaries


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    """Takes every call, unless a test says otherwise."""
    with RecordingServer() as recording:
        yield recording


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server."""
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    with PostgresServer() as running:
        yield running
