"""Promise 4, for schedules: one run per due time however many processes there are, and none is lost when one dies."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from headrace.model import Run, RunState
from headrace.schedule import Every, next_due
from headrace.store import SqlStore
from headrace.testing.http_server import RecordingServer
from headrace.testing.postgres import PostgresServer
from tests.promise.office import Listener, Office
from tests.promise.processes import PATIENCE, environment
from tests.promise.project import NUMBERS, QUERY, crm, received, write_config, write_rows

SYNCS, ROWS, TIMES = 6, 5, 6


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """An empty database of the test's own."""
    return postgres.url(postgres.create_database())


def write_syncs(folder: Path, server: RecordingServer, **more: Any) -> None:
    """A project whose syncs all run every second."""
    one = {"source": "numbers", "call": "identify", "query": QUERY, "destinations": ["crm"], "schedule": "every second"}
    write_config(
        folder,
        {
            "service": {"seconds": True},
            "sources": {"numbers": NUMBERS},
            "destinations": {"crm": crm(server)},
            "syncs": {f"sync_{number}": {**one, **more} for number in range(SYNCS)},
        },
    )
    write_rows(folder, range(1, ROWS + 1))


def offices(stack: ExitStack, folder: Path, url: str, listener: Listener, count: int) -> list[Office]:
    ours = environment() | {"HEADRACE_DATABASE_URL": url}
    ours["PYTHONPATH"] = f"{ours['PYTHONPATH']}:{Path(__file__).parent.parent.parent}"
    made = [stack.enter_context(Office(folder, ours, listener.queue)) for _ in range(count)]
    listener.wait("ready", count)
    return made


def runs_by_sync(url: str) -> dict[str, list[Run]]:
    """All runs of each sync, in the order of their due times."""

    async def read() -> list[Run]:
        store = SqlStore(url)
        await store.open()
        try:
            return await store.runs(limit=100_000)
        finally:
            await store.close()

    found = defaultdict(list)
    for run in asyncio.run(read()):
        found[run.sync].append(run)
    return {sync: sorted(runs, key=lambda run: run.due or run.created_at) for sync, runs in found.items()}


def require_each_due_time_once(runs: list[Run]) -> None:
    """Each due time is the one that follows the moment at which the one before was fired: none is left out, and none
    comes twice. No two runs live at once."""
    for before, after in itertools.pairwise(runs):
        assert before.due is not None
        assert after.due == next_due(Every(1), max(before.due, before.created_at))
    real = [run for run in runs if run.state is not RunState.SKIPPED]
    for before, after in itertools.pairwise(real):
        assert before.ended_at is not None
        assert after.started_at is None or before.ended_at <= after.started_at  # created_at is taken before it is made


@pytest.mark.parametrize("count", [2, 3])
def test_several_services_on_one_store(tmp_path: Path, server: RecordingServer, url: str, count: int) -> None:
    """Promise 4: of syncs that are due every second, each due time has one run, made by whichever of the processes is
    first, and carried by one: each call arrives once. All of them take part; told to stop, they end in peace."""
    write_syncs(tmp_path, server)
    listener = Listener()
    with ExitStack() as stack:
        services = offices(stack, tmp_path, url, listener, count)
        fired = listener.wait("fired", SYNCS * TIMES)
        for service in services:
            listener.wait("fired", of=service.process.pid)
            listener.wait("ended", of=service.process.pid)
        assert [service.stop() for service in services] == [0] * count
    told = runs_by_sync(url)
    assert len(told) == SYNCS
    for runs in told.values():
        require_each_due_time_once(runs)
    runs = [run for several in told.values() for run in several]
    assert len(runs) >= len(fired) == len({run_id for (run_id,) in fired})
    assert {run.attempt for run in runs if run.state is RunState.SUCCEEDED} <= {1, 2}  # 2: stopped, gone on
    ids = Counter(call["messageId"] for call in received(server.requests))
    ended = [run for run in runs if run.state is RunState.SUCCEEDED]
    assert set(ids.values()) == {1}
    assert len(ids) >= ROWS * len(ended) > 0


def test_a_service_that_dies(tmp_path: Path, server: RecordingServer, url: str) -> None:
    """Promise 4: when one process is killed amid its runs, the other takes them up and ends them; due times go on, none
    is lost and none comes twice."""
    write_syncs(tmp_path, server)
    listener = Listener()
    with ExitStack() as stack:
        with server.holding():
            (victim,) = offices(stack, tmp_path, url, listener, 1)
            (orphan,) = listener.wait("carries", of=victim.process.pid)[0]  # before another may take them all
            (heir,) = offices(stack, tmp_path, url, listener, 1)
            listener.wait("carries", SYNCS)
            victim.kill()
            listener.wait("fired", SYNCS + 3)
        while [orphan, "succeeded"] not in listener.wait("ended", of=heir.process.pid):
            listener.told.append(listener.queue.get(timeout=PATIENCE))
        assert heir.stop() == 0
    told = runs_by_sync(url)
    for runs in told.values():
        require_each_due_time_once(runs)
    (taken_up,) = [run for runs in told.values() for run in runs if run.id == orphan]
    assert (taken_up.state, taken_up.attempt) == (RunState.SUCCEEDED, 2)
    assert any(run.state is RunState.SKIPPED for runs in told.values() for run in runs)
