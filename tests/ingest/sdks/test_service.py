"""From the official SDKs for Python through `headrace serve`, its journals and runs, to a destination."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.testing.http_server import RecordingServer
from tests.ingest.sdks.clients import EXPECTED, SDKS, client, ended, meant, send_all
from tests.promise.project import hook, received, write_config
from tests.serve.processes import Serving, until

STEPS = 40


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest.fixture
def serving(tmp_path: Path, server: RecordingServer, unused_tcp_port: int) -> Iterator[Serving]:
    """A service with a source for each SDK, all connected to one webhook; a port that outlives a restart."""
    config: dict[str, Any] = {
        "service": {"journal_seconds": 1},
        "sources": {sdk: {"type": "http", "write_key": f"k-{sdk}"} for sdk in SDKS},
        "destinations": {"hook": hook(server)},
        "syncs": {f"from_{sdk}": {"source": sdk, "destinations": ["hook"]} for sdk in SDKS},
    }
    write_config(tmp_path, config)
    with Serving(tmp_path, "--listen", f"127.0.0.1:{unused_tcp_port}") as service:
        yield service


def by_id(server: RecordingServer) -> dict[str, dict[str, Any]]:
    """What arrived; each call once."""
    calls = received(server.requests)
    ids = Counter(call["messageId"] for call in calls)
    assert set(ids.values()) <= {1}, ids
    return {call["messageId"]: call for call in calls}


def test_every_call_arrives_once_and_as_it_was_meant(serving: Serving, server: RecordingServer) -> None:
    """Each kind of call of each SDK reaches the destination, with the ids, names and values that the program gave; what
    is sent with a wrong key is refused, and reaches nobody."""
    told: list[str] = []
    for sdk in SDKS:
        sending = client(sdk, serving.url, f"k-{sdk}")
        send_all(sending, prefix=f"{sdk}-")
        stranger = client(sdk, serving.url, "k-unknown", on_error=lambda error, _: told.append(str(error)))
        stranger.track("u1", "Stolen", message_id=f"{sdk}-stolen")
        ended(sending)
        ended(stranger)
    until(lambda: len(received(server.requests)) >= len(SDKS) * len(EXPECTED))
    assert serving.stop() == 0, "what had been accepted is delivered by now, and nothing else was"
    calls = by_id(server)
    assert calls.keys() == {f"{sdk}-{message_id}" for sdk in SDKS for message_id in EXPECTED}
    for message_id, call in calls.items():
        expected = meant(call, message_id.partition("-")[2])
        assert {name: call[name] for name in expected} == expected
    assert len(told) == len(SDKS)
    assert all("unknown_write_key" in problem for problem in told)


def test_killed_amid_the_calls(serving: Serving, server: RecordingServer) -> None:
    """Killed with -9 and started again while the SDKs send: every call arrives, under the one messageId that the SDK
    gave it; what comes twice, because its answer was lost with the process, is the same call."""
    told: list[str] = []
    sending = {
        sdk: client(sdk, serving.url, f"k-{sdk}", upload_size=3, on_error=lambda error, _: told.append(str(error)))
        for sdk in SDKS
    }
    for number in range(STEPS):
        for sdk, sender in sending.items():
            sender.track("u1", "Step", {"number": number}, message_id=f"{sdk}-{number}")
        if number == STEPS // 2:
            until(lambda: received(server.requests))  # a run is amid its deliveries
            assert serving.stop(signal.SIGKILL) == -signal.SIGKILL
            serving.start()
    for sender in sending.values():
        ended(sender)
    assert not told
    expected = {f"{sdk}-{number}": number for sdk in SDKS for number in range(STEPS)}
    until(lambda: {call["messageId"] for call in received(server.requests)} >= expected.keys())
    calls = received(server.requests)
    assert {(call["messageId"], call["properties"]["number"]) for call in calls} == expected.items()
