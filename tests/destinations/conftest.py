"""What the tests of all destinations share: a recording server, and tools with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from headrace.net.http import AiohttpClient
from headrace.ports import Tools
from headrace.testing.destination_contract import StillClock
from headrace.testing.http_server import RecordingServer


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[Tools]:
    client = AiohttpClient()
    yield Tools(client, StillClock(), tmp_path, tmp_path)
    await client.close()
