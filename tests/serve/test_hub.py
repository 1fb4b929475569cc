"""Live events: many clients over real WebSockets, slow ones, ones that come back; and what other processes do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import orjson
import pytest
import uvicorn
import websockets
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from headrace.alerting import AlertState, Trouble
from headrace.api import events
from headrace.calls.received import Received
from headrace.clock import SystemClock
from headrace.datain import CallFilter, KeptCall
from headrace.errors import HeadraceError
from headrace.model import RunState
from headrace.people import Actor, Role
from headrace.ports import Limits, Reply
from headrace.run.job import Job
from headrace.serve import hub as hub_module
from headrace.serve.hub import Follower, Hub
from headrace.serve.watching import CALLS_AT_ONCE
from headrace.store import SqlStore
from headrace.testing.fakes import FakeDestination, Sent, World, numbered
from headrace.testing.kept_contract import call
from headrace.testing.store_samples import NOON, delivering, ended, new_run

WAIT = 20.0  # seconds


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often, so that tests take less time."""
    monkeypatch.setattr(hub_module, "EVERY", 0.02)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = SqlStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def jobs() -> dict[str, Job]:
    """The runs that this process carries."""
    return {}


@pytest.fixture
async def hub(store: SqlStore, jobs: dict[str, Job]) -> AsyncIterator[Hub]:
    hub = Hub(store, SystemClock(), jobs)
    yield hub
    await hub.close()


class Everybody:
    """Lets everybody look at everything."""

    async def actor(self, connection: HTTPConnection) -> Actor:
        return Actor("user", "ann", "ann@example.com", Role.OWNER, preview=True)


@asynccontextmanager
async def serving(hub: Hub) -> AsyncIterator[str]:
    """The WebSocket on a real server of this loop; its address."""
    api = FastAPI()
    api.include_router(events.router)
    api.state.hub, api.state.gate, api.state.app = hub, Everybody(), SimpleNamespace(clock=SystemClock())
    options = {"ws": "websockets-sansio", "http": "httptools", "ws_per_message_deflate": False}
    server = uvicorn.Server(uvicorn.Config(api, lifespan="off", log_config=None, **options))  # type: ignore[arg-type]
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    with socket.create_server(("127.0.0.1", 0)) as door:
        serving = asyncio.create_task(server.serve(sockets=[door]))
        try:
            yield f"ws://127.0.0.1:{door.getsockname()[1]}/api/v1/events"
        finally:
            await hub.close()
            server.should_exit = True
            await serving


async def following(url: str, *topics: str, **options: Any) -> websockets.ClientConnection:
    """A client that follows topics, from now on."""
    client = await websockets.connect(url, proxy=None, **options)
    await client.send(orjson.dumps({"subscribe": [{"topic": topic} for topic in topics]}), text=True)
    for topic in topics:
        assert await said(client) == {"subscribed": topic}
    return client


async def said(client: websockets.ClientConnection) -> Any:
    return orjson.loads(await asyncio.wait_for(client.recv(), WAIT))


async def until_end(client: websockets.ClientConnection) -> list[dict[str, Any]]:
    """What is told of a run, to its end."""
    told = [await said(client)]
    while told[-1]["data"]["ended_at"] is None:
        told.append(await said(client))
    return [message["data"] for message in told]


def world(store: SqlStore, jobs: dict[str, Job], rows: int) -> World:
    """A sync whose destination takes a while for each batch."""

    async def slowly(_: Sent) -> Reply:
        await asyncio.sleep(0.02)
        return Reply()

    crm = FakeDestination(slowly, Limits(calls=10, in_flight=1))
    return World(store, numbered(rows), {"crm": crm}, clock=SystemClock())


async def test_ten_clients_watch_a_run(store: SqlStore, hub: Hub, jobs: dict[str, Job]) -> None:
    """Each of ten clients is told how a run goes on, forward only, and how it ended."""
    people = world(store, jobs, 300)
    async with serving(hub) as url:
        clients = await asyncio.gather(*(following(url, "runs") for _ in range(10)))
        run = await people.run(lambda job: jobs.update({job.id: job}))
        stories = await asyncio.gather(*map(until_end, clients))
        for client in clients:
            await client.close()
    for story in stories:
        assert {told["id"] for told in story} == {run.id}
        counts = [told["destinations"]["crm"]["delivered"] for told in story]
        assert counts == sorted(counts)
        assert counts[-1] == 300
        assert len(set(counts)) > 2, "there was progress to be seen"
        assert story[-1]["state"] == "succeeded"
        phases = [told["progress"]["phase"] for told in story if told["progress"]]
        assert "delivering" in phases


async def test_a_slow_client_holds_nobody_up(store: SqlStore, hub: Hub) -> None:
    """A client that reads nothing loses the oldest messages and is told how many; the others get every one."""
    count, big = 600, "x" * 100_000
    async with serving(hub) as url:
        slow = await following(url, "status", max_queue=1)
        quick = await following(url, "status")
        for client in (slow, quick):
            assert (await said(client))["topic"] == "status"
        for number in range(count):  # the quick client has each before the next one is made
            hub._tell("status", orjson.dumps({"topic": "status", "data": {"number": number, "text": big}}).decode())
            assert (await said(quick))["data"]["number"] == number
        got: list[int] = []
        missed = 0
        while not got or got[-1] < count - 1:
            message = await said(slow)
            missed += message.get("missed", 0)
            got += [message["data"]["number"]] if "data" in message else []
        assert missed > 0
        assert len(got) + missed == count
        assert got == sorted(got)
        await slow.close()
        await quick.close()


async def test_a_client_that_comes_back(store: SqlStore, hub: Hub, jobs: dict[str, Job]) -> None:
    """After a cut in the middle of a run a client follows anew, is told at once how things stand, and sees the end."""
    people = world(store, jobs, 600)
    async with serving(hub) as url:
        first = await following(url, "runs")
        running = asyncio.create_task(people.run(lambda job: jobs.update({job.id: job})))
        seen = (await said(first))["data"]
        first.transport.abort()
        again = await following(url, "runs")
        standing = (await said(again))["data"]
        assert standing["id"] == seen["id"]
        story = await until_end(again)
        assert (await running).id == story[-1]["id"]
        assert story[-1]["destinations"]["crm"]["delivered"] == 600
        await again.close()


async def test_when_the_service_stops(store: SqlStore, hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """Clients are closed with a code that says: come again. Nothing of it looks like a failure in the log."""
    async with serving(hub) as url:
        client = await following(url, "runs", "calls")
        cut = await following(url, "runs")
        cut.transport.abort()
        await hub.close()
        with pytest.raises(websockets.ConnectionClosed):
            await said(client)
        assert client.close_code == events.RESTARTING
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


# ------------------------------------------------------------------------------------------- the hub, without a server


async def heard(follower: Follower) -> Any:
    message = await asyncio.wait_for(follower.next(), WAIT)
    assert message is not None
    return orjson.loads(message)


async def follower_of(hub: Hub, topic: str, **wanted: Any) -> Follower:
    """A follower that has been let in."""
    follower = hub.follower()
    follower.follow(topic, CallFilter(**wanted))
    assert await heard(follower) == {"subscribed": topic}
    return follower


async def test_what_another_process_does_is_seen(store: SqlStore, hub: Hub, tmp_path: Path) -> None:
    """Runs that are carried elsewhere come from the store: they begin, go on and end; skipped ones are told, too."""
    other = SqlStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
    await other.open()
    follower = await follower_of(hub, "runs")
    run_id, attempt = await delivering(other)
    now = SystemClock().now()
    while (told := (await heard(follower))["data"])["state"] != "delivering":
        assert (told["id"], told["progress"]) == (run_id, None)
    await other.finish(run_id, attempt, RunState.CANCELLED, now)
    assert (await heard(follower))["data"]["state"] == "cancelled"
    await other.record_skip(new_run("run-2", at=now), "It still ran.")
    told = (await heard(follower))["data"]
    assert (told["id"], told["state"]) == ("run-2", "skipped")
    await other.close()


async def test_each_topic_tells_only_its_own(store: SqlStore, hub: Hub) -> None:
    """Who follows one run is told of that one alone, whatever else happens."""
    mine, attempt = await delivering(store)
    follower = await follower_of(hub, f"run/{mine}")
    assert (await heard(follower))["data"]["state"] == "delivering"
    await delivering(store, new_run("run-2", "orders"))
    await store.keep_calls([call()])
    await store.finish(mine, attempt, RunState.FAILED, SystemClock().now())
    told = await heard(follower)
    assert (told["topic"], told["data"]["id"], told["data"]["state"]) == (f"run/{mine}", mine, "failed")


async def test_kept_calls_by_filter(store: SqlStore, hub: Hub) -> None:
    """Each follower gets the calls that its filter takes, each once, in order; changing the filter changes that."""
    await store.keep_calls([call(1, run="before")])
    everything, tracked = await follower_of(hub, "calls"), await follower_of(hub, "calls", kind="track")
    await store.keep_calls([call(2), call(3, kind="track")])
    assert [(await heard(everything))["data"]["row"] for _ in range(2)] == [2, 3]
    assert (await heard(tracked))["data"]["row"] == 3
    tracked.follow("calls", CallFilter(text="u5"))
    assert await heard(tracked) == {"subscribed": "calls"}
    await store.keep_calls([call(4, run="r3", kind="track"), call(5, run="r3")])
    assert (await heard(tracked))["data"]["row"] == 5


def received(number: int, **fields: Any) -> Received:
    body = msgspec.Raw(b'{"plan":"free"}')
    return Received(1_767_355_200_000 + number, "identify", f"m{number}", f"u{number}", body=body, **fields)


async def test_received_calls_come_at_once(hub: Hub) -> None:
    """A call that was just accepted is shown before any run has it; one that is no call, with the reason."""
    follower = await follower_of(hub, "calls", source="web")
    hub.received("app", [received(1)])
    bad = received(3, code="missing_identifier", message="It has no id.", given=msgspec.Raw(b'{"type":"identify"}'))
    hub.received("web", [received(2), bad])
    told = (await heard(follower))["data"]
    assert (told["id"], told["source"], told["sync"], told["run"], told["user"]) == (0, "web", "", None, "u2")
    assert told["call"]["traits"] == {"plan": "free"}
    assert told["at"].startswith("2026-01-02T12:00:00.002")
    told = (await heard(follower))["data"]
    assert (told["call"], told["kind"], told["reason"]) == (None, "", "It has no id.")
    assert told["values"] == {"type": "identify"}


async def test_a_flood_of_calls(store: SqlStore, hub: Hub) -> None:
    """Of more calls than anybody could read some are shown, and the number of the others; then it goes on."""
    follower = await follower_of(hub, "calls")
    hub.received("web", map(received, range(10 * CALLS_AT_ONCE)))
    await store.keep_calls([call(row) for row in range(3 * CALLS_AT_ONCE)])
    shown = missed = 0
    while shown + missed < 13 * CALLS_AT_ONCE:
        message = await heard(follower)
        missed += message.get("missed", 0)
        shown += "data" in message
    assert shown + missed == 13 * CALLS_AT_ONCE
    assert shown >= CALLS_AT_ONCE
    await store.keep_calls([call(9, run="later")])
    assert (await heard(follower))["data"]["run"] == "later"


async def test_syncs_and_alerts(store: SqlStore, hub: Hub) -> None:
    """Due times and the generation come with what changed in them, alerts when they are owed."""
    await store.plan("people", "every hour", NOON, was=None)
    syncs, alerts = await follower_of(hub, "syncs"), await follower_of(hub, "alerts")
    first = (await heard(syncs))["data"]
    assert first["syncs"] == {"people": {"enabled": None, "next_due": NOON.isoformat(), "overruns": 0}}
    await store.set_enabled("people", False)
    told = (await heard(syncs))["data"]
    assert told["generation"] > first["generation"]
    assert told["syncs"]["people"]["enabled"] is False
    await store.turn_alert(AlertState("team", "people", Trouble.FAILED, True, NOON, None), "It failed.", NOON)
    told = (await heard(alerts))["data"]
    assert (told["channel"], told["trouble"], told["text"], told["at"]) == (
        "team",
        "failed",
        "It failed.",
        NOON.isoformat(),
    )


async def test_nobody_watches_nothing_is_asked(store: SqlStore, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without followers the store is left alone, and received calls are not even looked at."""
    follower = await follower_of(hub, "calls")
    follower.close()
    monkeypatch.setattr(store, "kept_since", None)
    hub.received("web", None)  # type: ignore[arg-type]
    assert hub._looking is None
    assert dict(hub._topics) == {}
    monkeypatch.undo()
    again = await follower_of(hub, "calls")
    await store.keep_calls([call(1)])
    assert (await heard(again))["data"]["row"] == 1


async def test_a_store_that_is_down_for_a_while(
    store: SqlStore, hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Trouble is logged once, not at every look; when the store is back, what was missed comes."""
    follower = await follower_of(hub, "calls")
    looks = iter([None] * 3)
    often = asyncio.Event()

    async def down(*_: Any) -> Sequence[KeptCall]:
        if next(looks, often) is often:
            often.set()
        raise HeadraceError("The store is down.")

    with monkeypatch.context() as broken:
        broken.setattr(store, "kept_since", down)
        await store.keep_calls([call(1)])
        await asyncio.wait_for(often.wait(), WAIT)
    assert (await heard(follower))["data"]["row"] == 1
    warnings = [record for record in caplog.records if record.name == "headrace.serve.hub"]
    assert [record.__dict__["reason"] for record in warnings] == ["The store is down."]


async def test_a_run_that_ended_just_before(store: SqlStore, hub: Hub) -> None:
    """Who begins to follow runs is told of those that live, not of those that are over."""
    await ended(store, RunState.PARTIAL)
    live, _ = await delivering(store, new_run("run-2", "orders"))
    follower = await follower_of(hub, "runs")
    assert (await heard(follower))["data"]["id"] == live
    follower.tell("null")
    assert await heard(follower) is None
