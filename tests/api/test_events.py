"""The WebSocket: who may listen, what may be said, what is answered, how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from headrace.api import events
from headrace.api.errors import SignedOut
from headrace.errors import HeadraceError
from headrace.people import Actor, Role
from headrace.serve import hub as serve_hub
from headrace.serve.hub import Hub
from tests.api.asgi import Socket
from tests.api.conftest import Service

EVENTS = "/api/v1/events"


@pytest.fixture
async def hub(service: Service, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """A hub that looks often, so that tests take less time."""
    monkeypatch.setattr(serve_hub, "EVERY", 0.02)
    hub = Hub(service.app.store, service.app.clock, {})
    service.api.state.hub = hub
    yield hub
    await hub.close()


async def closed(socket: Socket) -> int:
    """The code with which the service closes, after whatever it still says."""
    while (message := await socket.message())["type"] != "websocket.close":
        pass
    code: int = message["code"]
    return code


async def follow(socket: Socket, *topics: str, **filters: Any) -> None:
    await socket.send({"subscribe": [{"topic": topic, **filters} for topic in topics]})


async def test_runs_come_by_themselves(service: Service, hub: Hub) -> None:
    """Who follows runs is told that it does, and then of each run as `GET /runs` shows it, to its end."""
    async with service.as_role("viewer").websocket(EVENTS) as socket:
        await follow(socket, "runs")
        assert await socket.receive() == {"subscribed": "runs"}
        run = await service.run("people")
        message = await socket.receive()
        while message["data"]["state"] != "partial":
            message = await socket.receive()
        shown = (await service.owner.get(f"/api/v1/runs/{run.id}")).json
        assert message == {"topic": "runs", "data": shown}


async def test_calls_come_as_they_are_kept(service: Service, hub: Hub) -> None:
    """Who follows calls gets those that pass the filter, as `GET /calls` shows them, and no earlier ones."""
    await service.run("people")
    async with service.as_role("viewer", preview=True).websocket(EVENTS) as socket:
        await follow(socket, "calls", filter={"kind": "track"})
        assert await socket.receive() == {"subscribed": "calls"}
        service.sql("UPDATE people SET changed = 99999999999")
        await service.run("people")
        await service.run("orders")
        message = await socket.receive()
        (newest,) = (await service.owner.get("/api/v1/calls?limit=1")).json["items"]
        assert message == {"topic": "calls", "data": newest}
        assert newest["sync"] == "orders"


async def test_calls_need_the_right_to_preview(service: Service, hub: Hub) -> None:
    """Without it the topic is refused in the one shape of errors; the other topics go on."""
    async with service.as_role("owner").websocket(EVENTS) as socket:
        await follow(socket, "calls", "runs")
        assert (await socket.receive())["error"]["code"] == "forbidden"
        await follow(socket, "runs")
        assert await socket.receive() == {"subscribed": "runs"}
        await service.run("orders")
        assert (await socket.receive())["topic"] == "runs"


async def test_who_may_not_listen(service: Service, hub: Hub) -> None:
    """Nobody, and a token without the scope, are let in only to be told why they are sent away."""
    async with service.nobody.websocket(EVENTS) as socket:
        assert await closed(socket) == events.SIGNED_OUT
    async with service.as_role("owner", scopes="operate").websocket(EVENTS) as socket:
        assert await closed(socket) == events.FORBIDDEN


@pytest.mark.parametrize(
    "said",
    ["nonsense", "{", "[]", '{"subscribe": "runs"}', '{"subscribe": [{"topic": "secrets"}]}', '{"shout": 1}',
     '{"subscribe": [{"topic": "run/../x"}]}', '{"subscribe": [{"topic": "calls", "filter": {"kind": "order"}}]}'],
    ids=range(8),
)  # fmt: skip
async def test_what_is_not_understood(service: Service, hub: Hub, said: str) -> None:
    """A message that is none is answered with an error, and the conversation goes on."""
    async with service.owner.websocket(EVENTS) as socket:
        socket.asked.put_nowait({"type": "websocket.receive", "text": said})
        error = (await socket.receive())["error"]
        assert error["code"] == "bad_message"
        assert error["message"].startswith("The message is not understood: ")
        await socket.send({"ping": 7})
        assert await socket.receive() == {"pong": 7}


async def test_bytes_are_understood_too(service: Service, hub: Hub) -> None:
    """A client that sends binary frames, or empty ones, is not cut off."""
    async with service.owner.websocket(EVENTS) as socket:
        socket.asked.put_nowait({"type": "websocket.receive", "bytes": b'{"ping":"p"}'})
        assert await socket.receive() == {"pong": "p"}
        socket.asked.put_nowait({"type": "websocket.receive", "bytes": b""})
        assert (await socket.receive())["error"]["code"] == "bad_message"


async def test_one_client_follows_so_many_topics(service: Service, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than that is refused, and what is let go makes room: nobody makes the service look up runs without end."""
    monkeypatch.setattr(events, "MOST_TOPICS", 2)
    async with service.as_role("viewer").websocket(EVENTS) as socket:
        await follow(socket, "runs", "syncs", "status")
        assert (await socket.receive())["error"]["code"] == "too_many_topics"
        await socket.send({"unsubscribe": ["runs"], "subscribe": [{"topic": "alerts"}], "ping": 1})
        assert await socket.receive() == {"pong": 1}
        await socket.send({"ping": "x" * 101})
        while "error" not in (message := await socket.receive()):
            assert "pong" not in message
        assert message["error"]["code"] == "bad_message"


async def test_unfollowing(service: Service, hub: Hub) -> None:
    """After leaving a topic nothing more of it comes."""
    async with service.owner.websocket(EVENTS) as socket:
        await follow(socket, "runs", "calls")
        assert [await socket.receive() for _ in range(2)] == [{"subscribed": "runs"}, {"subscribed": "calls"}]
        await socket.send({"unsubscribe": ["runs"], "ping": 1})
        assert await socket.receive() == {"pong": 1}
        await service.run("orders")
        assert (await socket.receive())["topic"] == "calls"


async def test_one_run(service: Service, hub: Hub) -> None:
    """Who follows one run is first told how it stands, also when it has ended; one that is not there is an error."""
    run = await service.run("orders")
    async with service.owner.websocket(EVENTS) as socket:
        await follow(socket, f"run/{run.id}", "run/nowhere")
        assert await socket.receive() == {"subscribed": f"run/{run.id}"}
        told = await socket.receive()
        assert (told["topic"], told["data"]["state"]) == (f"run/{run.id}", "succeeded")
        assert await socket.receive() == {"subscribed": "run/nowhere"}
        assert (await socket.receive())["error"]["code"] == "unknown_run"


async def test_whoever_signs_out_is_sent_away(service: Service, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked again who listens: one whose session has ended is closed with 4401; a store that is down is none
    of the client's business."""
    monkeypatch.setattr(events, "CHECK_EVERY", 0.01)
    answers: list[Exception] = [HeadraceError("The store is down."), SignedOut()]
    async with service.owner.websocket(EVENTS) as socket:
        await socket.send({"ping": 1})
        assert await socket.receive() == {"pong": 1}

        async def gone(_: HTTPConnection) -> Actor | None:
            raise answers.pop(0)

        monkeypatch.setattr(service.api.state.gate, "actor", gone)
        assert await closed(socket) == events.SIGNED_OUT
    assert answers == []


async def test_who_loses_the_right_to_preview(service: Service, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls stop coming, and what else is followed goes on."""
    monkeypatch.setattr(events, "CHECK_EVERY", 0.01)
    gate, times = service.api.state.gate, 0
    asked = asyncio.Event()

    async def less(_: HTTPConnection) -> Actor | None:
        nonlocal times
        times += 1
        if times == 2:  # what the first answer led to is done
            asked.set()
        return Actor("user", "ann", "ann@example.com", Role.OWNER)

    async with service.owner.websocket(EVENTS) as socket:
        await follow(socket, "calls", "runs")
        assert [await socket.receive() for _ in range(2)] == [{"subscribed": "calls"}, {"subscribed": "runs"}]
        monkeypatch.setattr(gate, "actor", less)
        await asyncio.wait_for(asked.wait(), 5)
        assert [*hub._topics] == ["runs"]
        await service.run("orders")
        assert (await socket.receive())["topic"] == "runs"


async def test_the_service_stops(service: Service, hub: Hub) -> None:
    """Clients are told by the code 1012 that it is worth coming again."""
    async with service.owner.websocket(EVENTS) as socket:
        await follow(socket, "status")
        assert await socket.receive() == {"subscribed": "status"}
        assert (await socket.receive())["data"] == {"live_runs": 0, "runs_here": 0}
        await hub.close()
        assert await closed(socket) == events.RESTARTING


async def test_a_client_that_is_gone(service: Service, hub: Hub) -> None:
    """A client that goes without a word leaves nothing behind: no task, no follower."""
    async with service.owner.websocket(EVENTS) as socket:
        await follow(socket, "runs", "calls", "status")
        await socket.receive()
        assert len(hub._followers) == 1
    assert hub._followers == set()
    assert dict(hub._topics) == {}
    assert hub._looking is None
