"""The promises, kept by several `headrace serve` on one PostgreSQL store: one is killed, the database crashes."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from headrace.model import Run, RunState
from headrace.testing.http_server import RecordingServer
from headrace.testing.postgres import PostgresServer, postgres_binaries
from tests.promise.processes import PATIENCE
from tests.promise.project import NUMBERS, QUERY, hook, received, write_config, write_rows
from tests.promise.test_4_due_times import require_each_due_time_once, runs_by_sync
from tests.serve.processes import Serving, until

SYNCS, ROWS = 3, 20


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that this test may crash."""
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    with PostgresServer() as running:
        yield running


class Program:
    """Sends calls to whichever service takes them, one after another, as long as the context lasts."""

    def __init__(self, services: Callable[[], list[str]]) -> None:
        self._services, self._stop = services, threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.accepted: set[str] = set()  # messageIds that were answered with 200

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)

    def _send(self) -> None:
        number = 0
        while not self._stop.wait(0.02):
            number += 1
            call = {"userId": f"u{number}", "event": "Ordered", "messageId": f"called-{number}", "writeKey": "wk"}
            for url in self._services():
                request = urllib.request.Request(f"{url}/v1/track", json.dumps(call).encode())
                with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=20):
                    self.accepted.add(call["messageId"])
                    break


def write_project(folder: Path, server: RecordingServer) -> None:
    """Syncs that run every second, and one of received calls."""
    one = {
        "source": "numbers",
        "call": "identify",
        "query": QUERY,
        "destinations": ["hook"],
        "schedule": "every second",
    }
    syncs = {f"sync_{number}": one for number in range(SYNCS)}
    write_config(
        folder,
        {
            "service": {"seconds": True, "journal_seconds": 1},
            "sources": {"numbers": NUMBERS, "app": {"type": "http", "write_key": "wk"}},
            "destinations": {"hook": hook(server)},
            "syncs": {**syncs, "app_calls": {"source": "app", "destinations": ["hook"]}},
        },
    )
    write_rows(folder, range(1, ROWS + 1))


@pytest.mark.slow
def test_a_service_and_the_database_die(tmp_path: Path, server: RecordingServer, own_postgres: PostgresServer) -> None:
    """Two services on one store, with syncs that are due every second and a program that sends calls all the time. One
    is killed, then the database crashes and comes back, then another service joins. The one that stays goes on by
    itself; no due time comes twice, every call that was acknowledged arrives, with the messageId it had, and the
    counts of every run add up. Told to stop, all end in peace."""
    write_project(tmp_path, server)
    url = own_postgres.url(own_postgres.create_database())
    env = {"HEADRACE_DATABASE_URL": url}
    with Serving(tmp_path, env=env) as stays, Serving(tmp_path, env=env) as victim:
        addresses = [victim.url, stays.url]
        with Program(lambda: addresses) as program:
            until(lambda: _good(url) >= 2 * SYNCS and any(run.kind == "received" for run in _runs(url)))
            assert victim.stop(signal.SIGKILL) == -signal.SIGKILL
            before = _good(url)
            until(lambda: _good(url) >= before + 2 * SYNCS)
            taken = len(program.accepted)
            with own_postgres.away():
                until(lambda: "store_unavailable" in stays.log.read_text())
                until(lambda: len(program.accepted) > taken + 10)
            before = _good(url)
            until(lambda: _good(url) >= before + 2 * SYNCS)
            victim.start()
            addresses[0] = victim.url
        until(lambda: program.accepted <= {call["messageId"] for call in received(server.requests)})
        assert (stays.stop(), victim.stop()) == (0, 0)
    told = runs_by_sync(url)
    assert set(told) == {"app_calls", *(f"sync_{number}" for number in range(SYNCS))}
    for sync, runs in told.items():
        if sync != "app_calls":
            require_each_due_time_once(runs)
    for run in [run for runs in told.values() for run in runs]:
        for counts in run.counts.values():
            told_of = counts.delivered + counts.duplicate + counts.invalid + counts.rejected + counts.pending
            assert told_of == run.extracted
            assert counts.pending == 0 or run.state.live
        assert run.state is not RunState.FAILED, run.problem
    ids = Counter((call["userId"], call["messageId"]) for call in received(server.requests))
    assert len({message_id for _, message_id in ids}) == len(ids)


def _runs(url: str) -> list[Run]:
    return [run for runs in runs_by_sync(url).values() for run in runs]


def _good(url: str) -> int:
    return sum(run.state is RunState.SUCCEEDED and run.kind == "query" for run in _runs(url))
