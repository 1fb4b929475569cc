"""Killed at any moment, the entry has lost nothing of what it acknowledged."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.ingest.senders import Senders, delivered, wait_for
from tests.ingest.services import Service

KILLS = 5


@pytest.mark.slow
def test_nothing_acknowledged_is_lost(tmp_path: Path, unused_tcp_port: int) -> None:
    """Through five kills amid the calls: each acknowledged call is in a numbered journal, without gaps."""
    with Service(tmp_path, unused_tcp_port) as service, Senders(unused_tcp_port) as senders:
        for kill in range(KILLS):
            enough = len(senders.acknowledged) + 40 + 13 * kill
            wait_for(senders.acknowledged, enough)
            service.kill()
            service.start()
    found, numbers = asyncio.run(delivered(tmp_path))
    assert len(senders.acknowledged) >= 40 * KILLS
    assert not senders.acknowledged - found.keys()
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= KILLS
