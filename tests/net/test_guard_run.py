"""A run whose destination may not be called: it ends at once, and says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.destinations.webhook import SPEC
from headrace.model import Check, RunState
from headrace.net.guard import GuardedHttp
from headrace.ports import Tools
from headrace.store import SqlStore
from headrace.testing.fakes import World, numbered
from headrace.testing.http_server import RecordingServer
from headrace.testing.simulation import FakeClock


def webhook(url: str, http: GuardedHttp, home: Path) -> Any:
    assert SPEC.destination is not None
    settings = {field.name: field.default for field in SPEC.fields} | {"url": url}
    return SPEC.destination(settings, Tools(http, FakeClock(), home, home))


@pytest.mark.parametrize("checked", [True, False])
async def test_a_refused_destination_ends_the_run(
    checked: bool, tmp_path: Path, server: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused by the check before anything moves, or while delivering: failed, by its code, without retries."""
    store = SqlStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
    await store.open()
    http = GuardedHttp(tuple)
    hook = webhook(server.url, http, tmp_path)
    if not checked:
        monkeypatch.setattr(type(hook), "check", _fine)
    world = World(store, numbered(5), {"hook": hook})
    ended = await world.run()
    assert ended.state is RunState.FAILED
    assert ended.problem is not None
    assert ended.problem.code == "egress_refused"
    assert "service.egress_allow: [127.0.0.1]" in ended.problem.message
    assert server.requests == []
    await http.close()
    await store.close()


async def test_an_allowed_destination_is_delivered_to(tmp_path: Path, server: RecordingServer) -> None:
    """The same run, with the network allowed."""
    store = SqlStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
    await store.open()
    http = GuardedHttp(lambda: ("127.0.0.0/8",))
    ended = await World(store, numbered(5), {"hook": webhook(server.url, http, tmp_path)}).run()
    assert ended.state is RunState.SUCCEEDED
    assert len([request for request in server.requests if request.method == "POST"]) == 5
    await http.close()
    await store.close()


async def _fine(_self: object) -> Check:
    return Check()
