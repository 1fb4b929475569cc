"""Two services on one PostgreSQL store and one state folder share the work."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.testing.http_server import RecordingServer
from headrace.testing.postgres import PostgresServer, postgres_binaries
from tests.promise.project import NUMBERS, QUERY, hook, received, write_config, write_rows
from tests.promise.test_4_due_times import require_each_due_time_once, runs_by_sync
from tests.serve.processes import Serving, until

SYNCS, ROWS, ENOUGH = 4, 5, 8


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database of the test's own."""
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    with PostgresServer() as server:
        yield server.url()


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


def write_syncs(folder: Path, server: RecordingServer) -> None:
    """A project whose syncs all run every second."""
    one = {"source": "numbers", "call": "identify", "query": QUERY, "destinations": ["hook"]}
    config: dict[str, Any] = {
        "service": {"seconds": True},
        "sources": {"numbers": NUMBERS},
        "destinations": {"hook": hook(server)},
        "syncs": {f"sync_{number}": {**one, "schedule": "every second"} for number in range(SYNCS)},
    }
    write_config(folder, config)
    write_rows(folder, range(1, ROWS + 1))


def carried(service: Serving) -> int:
    """How many runs this process has brought to their end."""
    return service.log.read_text().count('"a run ended"')


def test_two_share_the_syncs_and_one_goes_on_alone(tmp_path: Path, server: RecordingServer, url: str) -> None:
    """With syncs that are due every second both carry runs, and either tells of all; when one is killed the other goes
    on. No due time is fired twice, none between two runs is left out, and every row of every run arrived."""
    write_syncs(tmp_path, server)
    env = {"HEADRACE_DATABASE_URL": url}
    with Serving(tmp_path, env=env, log="one.log") as stays, Serving(tmp_path, env=env, log="two.log") as leaves:
        stays.own()
        leaves.token = stays.token
        until(lambda: min(carried(stays), carried(leaves)) >= ENOUGH)
        (sync, *_) = leaves.get("/api/v1/syncs")["items"]
        assert leaves.get(f"/api/v1/syncs/{sync['name']}")["next_due"] is not None
        assert leaves.stop(signal.SIGKILL) == -signal.SIGKILL
        alone = carried(stays)
        until(lambda: carried(stays) >= alone + ENOUGH)
        assert stays.stop() == 0
    by_sync = runs_by_sync(url)
    assert by_sync.keys() == {f"sync_{number}" for number in range(SYNCS)}
    for runs in by_sync.values():
        require_each_due_time_once(runs)
    sent = {(call["userId"], call["messageId"]) for call in received(server.requests)}
    runs = list(itertools.chain.from_iterable(by_sync.values()))
    assert {run.trigger for run in runs} == {"schedule"}
    delivered = sum(counts.delivered for run in runs for counts in run.counts.values())
    assert len(sent) >= delivered >= 3 * ENOUGH * ROWS
