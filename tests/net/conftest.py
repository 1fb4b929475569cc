"""A recording server, and a client that is closed at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from headrace.net.http import AiohttpClient
from headrace.testing.http_server import RecordingServer


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[AiohttpClient]:
    client = AiohttpClient()
    yield client
    await client.close()
