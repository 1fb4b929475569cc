"""Calls that are kept of a run: which, with which row, and with what the destination's server really said."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headrace.clock import SystemClock
from headrace.datain import CallFilter, KeptCall
from headrace.destinations.segment import SPEC as SEGMENT
from headrace.destinations.webhook import SPEC as WEBHOOK
from headrace.errors import HeadraceError, SourceError
from headrace.exchange import noting
from headrace.model import Check, Delivery, Failure, Run, RunState, Secret
from headrace.net.http import AiohttpClient
from headrace.ports import Limits, Reply, Tools
from headrace.retry import RetryPolicy
from headrace.run import keep
from headrace.store import SqlStore
from headrace.testing.destination_contract import settings
from headrace.testing.fakes import FakeDestination, Sent, World, numbered
from headrace.testing.http_server import Answer, Recorded, RecordingServer
from tests.run.worlds import opened, simulated

KEY = "write-key-nobody-may-see"


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


async def kept(world: World, run: Run) -> list[KeptCall]:
    """What was kept of a run, by row."""
    return (await world.house.store.kept_calls(CallFilter(run=run.id), limit=1000))[::-1]


def table(*rows: Mapping[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(
        list(rows), pa.schema([("userId", "string"), ("messageId", "string"), ("age", "int64")])
    )


@asynccontextmanager
async def real(server: RecordingServer, rows: pa.Table, folder: Path) -> AsyncIterator[World]:
    """A world that sends over HTTP: to ``hook`` call by call, to ``crm`` in batches."""
    client, store, clock = AiohttpClient(), SqlStore(f"sqlite:///{folder / 'store.sqlite'}"), SystemClock()
    await store.open()
    tools = Tools(client, clock, folder, folder)
    assert WEBHOOK.destination is not None
    assert SEGMENT.destination is not None
    hook = WEBHOOK.destination(
        settings(WEBHOOK, url=f"{server.url}/hook", auth="bearer", auth_token=Secret(KEY)), tools
    )
    crm = SEGMENT.destination(settings(SEGMENT, url=f"{server.url}/v1", write_key=Secret(KEY)), tools)
    made: Any = {"hook": hook, "crm": crm}
    yield World(store, rows, made, clock=clock, retry=RetryPolicy(base=0.01, cap=0.05))
    await store.close()
    await client.close()


def judging(request: Recorded) -> Answer:
    """Refuses u3 alone, with words of its own that repeat the credentials."""
    if request.method == "POST" and request.path == "/hook":
        user = request.json["userId"]
        if user == "u3":
            return Answer(422, {"error": f"{user} is too young", "auth": request.headers["authorization"]})
        return Answer(202, {"took": user})
    return Answer(200, {"success": True})


async def test_each_call_has_the_answer_that_the_server_gave(server: RecordingServer, tmp_path: Path) -> None:
    """Delivered, rejected, duplicate and impossible rows: each with its row, its call, and what came back for it."""
    server.always(judging)
    rows = table(
        {"userId": "u1", "messageId": "m1", "age": 31},
        {"userId": None, "messageId": "m2", "age": 32},
        {"userId": "u3", "messageId": "m3", "age": 13},
        {"userId": "u4", "messageId": "m1", "age": 34},
    )
    async with real(server, rows, tmp_path) as world:
        run = await world.run()
        first, none, young, again = await kept(world, run)
    assert run.state is RunState.PARTIAL
    assert (first.source, first.sync, first.run, first.row) == ("shop", "people", run.id, 1)
    assert (first.kind, first.user, first.message_id, first.reason) == ("identify", "u1", "m1", "")
    assert first.values == {"userId": "u1", "messageId": "m1", "age": 31}
    assert first.call == {"type": "identify", "messageId": "m1", "userId": "u1", "traits": {"age": 31}}
    took = first.answers["hook"]
    assert (took.outcome, took.status, took.text) == ("delivered", 202, '{"took":"u1"}')
    assert took.request == f"POST {server.url}/hook"
    batched = first.answers["crm"]
    assert (batched.outcome, batched.status, batched.text) == ("delivered", 200, '{"success":true}')
    assert batched.request == f"POST {server.url}/v1/batch"
    refused = young.answers["hook"]
    assert (refused.outcome, refused.status) == ("rejected", 422)
    assert refused.text == '{"error":"u3 is too young","auth":"•••"}'
    assert "u3 is too young" in refused.reason
    assert young.answers["crm"].outcome == "delivered"
    assert [answer.outcome for answer in again.answers.values()] == ["duplicate", "duplicate"]
    assert (again.answers["hook"].status, again.answers["hook"].request) == (None, "")
    assert (none.call, none.kind, none.values["age"], none.message_id) == (None, "", 32, "")
    assert "identifier" in none.reason
    assert {name: (one.outcome, one.reason) for name, one in none.answers.items()} == dict.fromkeys(
        ("hook", "crm"), ("invalid", none.reason)
    )


async def test_no_secret_is_kept(server: RecordingServer, tmp_path: Path) -> None:
    """However a server repeats what it was sent, the file of the store does not hold our key."""
    server.always(lambda request: Answer(200, {"echo": dict(request.headers)}))
    async with real(server, numbered(3), tmp_path) as world:
        assert len(await kept(world, await world.run())) == 3
    stored = files(tmp_path)
    assert b"echo" in stored
    assert KEY.encode() not in stored


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("store.sqlite*"))


async def test_the_last_of_several_tries_counts(server: RecordingServer, tmp_path: Path) -> None:
    """A call that went through after a failure shows the answer that settled it."""
    server.answer(Answer(200), path="/hook")  # the check
    server.answer(Answer(503, "later"), path="/hook")
    server.always(lambda request: Answer(200, "now"), path="/hook")
    async with real(server, numbered(1), tmp_path) as world:
        (call,) = await kept(world, await world.run())
    assert (call.answers["hook"].status, call.answers["hook"].text) == (200, "now")
    assert len([request for request in server.requests if request.path == "/hook" and request.method == "POST"]) == 2


async def test_a_call_that_nobody_took(server: RecordingServer, tmp_path: Path) -> None:
    """When a destination gives up on us, its calls are pending, with what it said last."""
    server.always(Answer(401, "who are you?"), path="/v1/batch")
    async with real(server, numbered(2), tmp_path) as world:
        world.destinations["crm"].check = _ready  # type: ignore[method-assign]
        run = await world.run()
        calls = await kept(world, run)
    assert run.state is RunState.FAILED
    assert [(c.answers["crm"].outcome, c.answers["crm"].status, c.answers["crm"].text) for c in calls] == [
        ("pending", 401, "who are you?")
    ] * 2
    assert [c.answers["hook"].outcome for c in calls] == ["delivered"] * 2


async def _ready() -> Check:
    return Check()


@simulated
async def test_the_first_calls_and_the_first_impossible_rows() -> None:
    """Of many rows the first are kept; rows that became no call take a quarter of the room at most."""
    ids = [None if n % 2 else f"u{n}" for n in range(1, 401)]
    rows = pa.table({"userId": ids, "messageId": [f"m{n}" for n in range(1, 401)]})
    async with opened({"crm": FakeDestination()}, rows, kept_calls=lambda: 20, part_rows=7) as world:
        calls = await kept(world, await world.run())
    assert [c.row for c in calls if c.call is None] == [1, 3, 5, 7, 9]
    assert [c.row for c in calls if c.call is not None] == list(range(2, 32, 2))


@simulated
async def test_as_many_as_are_wanted() -> None:
    """A run keeps up to the number that is set: none, some, or all it has, whichever part they are in."""
    for wanted, rows, expected in ((0, 30, 0), (25, 30, 25), (25, 10, 10)):
        async with opened({"crm": FakeDestination()}, rows, kept_calls=partial(int, wanted), part_rows=10) as world:
            assert [c.row for c in await kept(world, await world.run())] == list(range(1, expected + 1))


@simulated
async def test_wide_rows_are_kept_in_smaller_numbers() -> None:
    """What is kept of a run is bounded in bytes, too; one call fits always."""
    wide = numbered(50).append_column("notes", pa.array(["x" * 100_000] * 50))
    async with opened({"crm": FakeDestination()}, wide) as world:
        assert len(await kept(world, await world.run())) == keep.BYTES // 100_000
    widest = numbered(2).append_column("notes", pa.array(["x" * 100_000] * 2))
    async with opened({"crm": FakeDestination()}, widest) as world:
        calls = await kept(world, await world.run())
        assert len(calls) == 2


@simulated
async def test_only_batches_of_interest_are_noted() -> None:
    """Beyond the calls that are kept nothing is noted: memory and time of a large run stay as they were."""
    noted: list[bool] = []

    def script(sent: Sent) -> Reply:
        noted.append(noting())
        return Reply()

    crm = FakeDestination(script, Limits(calls=10))
    async with opened({"crm": crm}, 500, kept_calls=lambda: 25, part_rows=50) as world:
        await world.run()
    assert sum(noted) == 3
    assert len(noted) == 50


@simulated
async def test_reasons_of_a_destination() -> None:
    """A call that a destination can never take, and one that it refused, carry its own words."""

    def script(sent: Sent) -> Reply:
        return Reply(failed={index: Failure("bad", "Bad one.") for index, one in enumerate(sent.ids) if one == "m3"})

    crm = FakeDestination(script)
    crm.invalid = {"m2": Failure("never", "It cannot be.")}
    async with opened({"crm": crm, "mail": FakeDestination()}, 4) as world:
        calls = await kept(world, await world.run())
    assert [(c.answers["crm"].outcome, c.answers["crm"].reason) for c in calls] == [
        ("delivered", ""), ("invalid", "It cannot be."), ("rejected", "Bad one."), ("delivered", ""),
    ]  # fmt: skip
    assert {c.answers["mail"].outcome for c in calls} == {"delivered"}
    assert {(a.status, a.request) for c in calls for a in c.answers.values()} == {(None, "")}


@simulated
async def test_a_run_that_goes_on_after_a_stop() -> None:
    """Calls that were settled before an interruption are kept with their outcome, once."""

    def script(sent: Sent) -> Reply:
        if len(crm.requests) == 2:
            world.jobs[-1].stop.set()
        return Reply()

    crm = FakeDestination(script, Limits(calls=10, in_flight=1))
    async with opened({"crm": crm}, 60) as world:
        stopped = await world.run()
        assert stopped.state is RunState.DELIVERING
        assert await kept(world, stopped) == []
        calls = await kept(world, await world.run())
    assert [c.row for c in calls] == list(range(1, 61))
    assert {c.answers["crm"].outcome for c in calls} == {"delivered"}


@simulated
async def test_trouble_with_keeping_harms_no_run(caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    """A store that cannot keep calls, or a defect, is a warning in the log; the run has ended as it would have."""
    async with opened({"crm": FakeDestination()}, 5) as world:
        for error, words in ((HeadraceError("The disk is full."), "The disk is full."), (ZeroDivisionError(), "Zero")):

            async def fail(_: Sequence[KeptCall], error: Exception = error) -> None:
                raise error

            monkeypatch.setattr(world.house.store, "keep_calls", fail)
            with caplog.at_level(logging.WARNING, "headrace"):
                run = await world.run()
            assert run.state is RunState.SUCCEEDED
            assert words in caplog.records[-1].__dict__["reason"]
            assert caplog.records[-1].__dict__["run"] == run.id
        assert world.stage.parts == {}


@simulated
async def test_a_replaced_worker_keeps_nothing() -> None:
    """Who lost the run to another worker does not touch what is kept of it."""
    async with opened({"crm": FakeDestination()}, 5) as world:

        def steal(sent: Sent) -> Reply:
            world.jobs[-1].attempt -= 1
            return Reply()

        world.destinations["crm"].script = steal
        with pytest.raises(HeadraceError):
            await world.run()
        assert await world.house.store.kept_calls(CallFilter()) == []


@simulated
async def test_a_run_that_sent_nothing_keeps_nothing() -> None:
    """Where the query failed nothing became of any row, and there is nothing to show."""
    async with opened({"crm": FakeDestination()}, 50) as world:
        world.source.error = SourceError("It broke.")
        run = await world.run()
        assert run.state is RunState.FAILED
        assert await kept(world, run) == []


def test_leading_calls_of_parts() -> None:
    """The first calls are spread over parts in their order, whatever order they are told in."""
    parts = [Delivery(2, "crm", 5), Delivery(0, "crm", 3), Delivery(1, "crm", 4)]
    assert keep.leading(parts, 5) == {0: 3, 1: 2}
    assert keep.leading(parts, 100) == {0: 3, 1: 4, 2: 5}
    assert keep.leading(parts, 0) == {}
