"""Customer.io's clients for Node against the entry in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tests.emulators
from tests.ingest.services import Service, without

CLIENTS = Path(tests.emulators.__file__).parent / ".venvs" / "ingest"
PROGRAM = Path(__file__).parent.parent / "node" / "send.js"
WHEN = "2026-01-02T03:04:05.678Z"
VOLATILE = ("context", "receivedAt", "sentAt", "originalTimestamp", "integrations", "_metadata")

if not (CLIENTS / "ready").exists():
    pytest.skip("the clients for Node are not installed: scripts/emulators", allow_module_level=True)

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("identify", {"userId": "u1", "traits": {"email": "ada@example.com", "age": 36}}),
    ("track", {"userId": "u1", "event": "Order Completed", "properties": {"total": 12.5, "half": "\ud83d"}}),
    ("page", {"userId": "u1", "name": "Start", "category": "Docs", "properties": {"url": "https://example.com/"}}),
    ("screen", {"userId": "u1", "name": "Home", "category": "App", "properties": {"width": 3}}),
    ("group", {"userId": "u1", "groupId": "g1", "traits": {"name": "Acme"}}),
    ("alias", {"userId": "u1", "previousId": "old"}),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service"), unused_tcp_port_factory()) as service:
        yield service


@pytest.fixture
def service(running: Service) -> Service:
    running.forget()
    return running


def send(
    client: str, service: Service, calls: list[tuple[str, dict[str, Any]]], key: str = "k-web", strict: str = ""
) -> list[str]:
    """Send calls; returns what went wrong. ``customerio-node`` adds /v1 to no address, and the other does."""
    url = service.url if client == "analytics" else f"{service.url}/v1"
    command = ["node", str(PROGRAM), client, url, key, strict]
    environment = os.environ | {"CLIENTS": str(CLIENTS)}
    done = subprocess.run(
        command, env=environment, input=json.dumps(calls), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def numbered(count: int) -> list[tuple[str, dict[str, Any]]]:
    return [("track", {"userId": "u1", "event": "Step", "messageId": f"m{n}"}) for n in range(count)]


@pytest.mark.parametrize("strict", ["", "strict"])
@pytest.mark.parametrize("client", ["customerio", "analytics"])
def test_every_kind_of_call_arrives_as_it_was_meant(client: str, strict: str, service: Service) -> None:
    """One request per call or batches, strict or not: all is as the program gave it, but for half characters."""
    given = [(method, {**payload, "messageId": f"m-{method}", "timestamp": WHEN}) for method, payload in CALLS]
    assert send(client, service, given, strict=strict) == []
    calls = {call["messageId"]: without(call, *VOLATILE) for call in service.calls()}
    expected = {f"m-{m}": {"type": m, "messageId": f"m-{m}", "timestamp": WHEN, **payload} for m, payload in CALLS}
    expected["m-track"]["properties"] = {"total": 12.5, "half": "\ufffd"}
    if client == "analytics":  # it copies the names of pages and screens into their properties
        for name in ("m-page", "m-screen"):
            extra = {key: expected[name][key] for key in ("name", "category") if key in calls[name]["properties"]}
            expected[name]["properties"] = {**expected[name]["properties"], **extra}
    assert calls == expected
    library = {call["context"]["library"]["name"] for call in service.calls()}
    assert len(library) == 1


@pytest.mark.parametrize("client", ["customerio", "analytics"])
def test_a_wrong_key_is_told(client: str, service: Service) -> None:
    """The client reports the call as lost."""
    errors = send(client, service, numbered(1), key="k-unknown")
    assert len(errors) == 1
    assert "401" in errors[0] or "write key" in errors[0]
    assert not service.calls()


def test_strict_mode_says_what_is_wrong(service: Service) -> None:
    """With strictMode the client is told of a bad call, in words; without, the call is kept as an invalid one."""
    bad: list[tuple[str, dict[str, Any]]] = [("track", {"userId": "u1", "event": "Step", "timestamp": "yesterday"})]
    [error] = send("customerio", service, bad, strict="strict")
    assert error.startswith("400")
    assert "'timestamp' cannot be read" in error
    assert not service.received()
    assert send("customerio", service, bad) == []
    assert [call.code for call in service.received()] == ["bad_timestamp"]


@pytest.mark.parametrize("client", ["customerio", "analytics"])
def test_a_busy_entry_loses_nothing(client: str, tmp_path: Path, unused_tcp_port: int) -> None:
    """Answers of 503 are tried again; what was carried out all the same comes again with the same ids."""
    with Service(tmp_path, unused_tcp_port, HEADRACE_TEST_BUSY="3", HEADRACE_TEST_DEAF="4") as service:
        assert send(client, service, numbered(15)) == []
        ids = service.ids()
    assert set(ids) == {f"m{number}" for number in range(15)}
    assert max(ids.values()) > 1
