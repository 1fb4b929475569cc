"""The official SDKs for Python against the entry in a process of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ingest.sdks.clients import EXPECTED, SDKS, client, ended, meant, send_all
from tests.ingest.services import Service, without
from tests.serve.processes import until

VOLATILE = ("context", "receivedAt", "sentAt", "originalTimestamp", "integrations")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service"), unused_tcp_port_factory()) as service:
        yield service


@pytest.fixture
def service(running: Service) -> Service:
    running.forget()
    return running


@pytest.mark.parametrize("sdk", SDKS)
def test_every_kind_of_call_arrives_as_it_was_meant(sdk: str, service: Service) -> None:
    """Ids, names, traits, properties and timestamps are those that the program gave; the library tells its name."""
    sending = client(sdk, service.url, "k-web")
    send_all(sending)
    ended(sending)
    calls = {call["messageId"]: call for call in service.calls()}
    for message_id in EXPECTED:
        call = calls[message_id]
        assert without(call, *VOLATILE, "channel") == {"messageId": message_id} | meant(call, message_id)
        assert call["context"]["library"]["version"]
        assert "traits" not in call["context"]
    assert len(calls) == len(EXPECTED)
    if sdk == "rudderstack":
        assert {call["context"]["channel"] for call in calls.values()} == {"server"}
        assert {call["integrations"]["All"] for call in calls.values()} == {True}


@pytest.mark.parametrize("sdk", SDKS)
def test_packed_batches_arrive(sdk: str, service: Service) -> None:
    """With gzip, hundreds of calls arrive once each, with the ids that the library gave them."""
    sending = client(sdk, service.url, "k-web", gzip=True)
    for number in range(250):
        sending.track("u1", "Step", {"number": number, "text": "é" * 100})
    ended(sending)
    numbers = Counter(call["properties"]["number"] for call in service.calls())
    assert numbers == Counter(range(250))
    assert all(count == 1 for count in service.ids().values())


@pytest.mark.parametrize("sdk", SDKS)
def test_a_wrong_key_is_told_at_once(sdk: str, service: Service) -> None:
    """The library drops the calls and tells its error callback; nothing is written down."""
    told: list[str] = []
    sending = client(sdk, service.url, "k-unknown", on_error=lambda error, items: told.append(f"{error} {len(items)}"))
    sending.track("u1", "Step")
    ended(sending)
    assert len(told) == 1
    assert "unknown_write_key" in told[0]
    assert not service.calls()


@pytest.mark.parametrize("sdk", SDKS)
def test_what_strict_mode_refuses_is_told_at_once(sdk: str, service: Service) -> None:
    """A strict source refuses a batch for one bad call: the library tells its error callback and tries no more."""
    told: list[str] = []
    sending = client(sdk, service.url, "k-exact", on_error=lambda error, items: told.append(f"{error} {len(items)}"))
    sending.track("u1", "Good")
    sending.track("u1", " ")
    ended(sending)
    assert len(told) == 1
    assert "invalid_request" in told[0]
    assert told[0].endswith(" 2")
    assert not service.calls("exact")


@pytest.mark.parametrize("sdk", SDKS)
def test_a_busy_entry_loses_nothing(sdk: str, tmp_path: Path, unused_tcp_port: int) -> None:
    """Answers of 503 are tried again; what was carried out all the same comes again with the same ids."""
    told: list[str] = []
    with Service(tmp_path, unused_tcp_port, HEADRACE_TEST_BUSY="3", HEADRACE_TEST_DEAF="4") as service:
        sending = client(
            sdk, service.url, "k-web", upload_size=5, on_error=lambda error, items: told.append(str(error))
        )
        for number in range(15):
            sending.track("u1", "Step", {"number": number}, message_id=f"m{number}")
        ended(sending)
        assert not told
        ids = service.ids()
    assert set(ids) == {f"m{number}" for number in range(15)}
    assert max(ids.values()) > 1, "something came twice: a run will know it by its id"


@pytest.mark.parametrize("sdk", SDKS)
def test_a_killed_service_loses_nothing(sdk: str, tmp_path: Path, unused_tcp_port: int) -> None:
    """Killed and started again amid the calls: every call is written down, and none under another id."""
    told: list[str] = []
    with Service(tmp_path, unused_tcp_port) as service:
        sending = client(
            sdk, service.url, "k-web", upload_size=3, on_error=lambda error, items: told.append(str(error))
        )
        for number in range(30):
            sending.track("u1", "Step", {"number": number}, message_id=f"m{number}")
            if number == 15:
                until(lambda: len(service.ids()) > 5)
                service.kill()
                service.start()
        ended(sending)
        assert not told
        assert set(service.ids()) == {f"m{number}" for number in range(30)}
