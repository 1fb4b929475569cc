"""Promise 7: if our own disk fails or is full, we stop and say so; what was settled stays settled."""

from __future__ import annotations

import json
import resource
import secrets
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headrace.errors import StageFull
from headrace.model import Counts, Failure, RunState
from headrace.ports import Limits, Reply
from headrace.store import SqlStore
from headrace.testing.fakes import FakeDestination, MemoryErrorFiles, Sent, World, numbered
from headrace.testing.http_server import RecordingServer
from headrace.testing.simulation import simulate
from tests.promise.processes import PATIENCE, command, environment, facts, headrace_run
from tests.promise.project import crm, held_at, hook, live_run, received, write_project, write_rows, write_table

FULL = 1 << 20  # bytes that a file may have: enough for the store, too little for a part
LIMITED = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({FULL}, {FULL}))
from headrace.cli.main import main
main()
"""
BAD = Failure("bad", "It is bad.")
ROWS = 300


def test_full_while_staging(tmp_path: Path, server: RecordingServer) -> None:
    """Promise 7: a disk that is full before all is staged fails the run with the word; nothing is sent, the space is
    given back, and with room again the next run delivers everything."""
    write_project(tmp_path, {"crm": crm(server)}, 'SELECT id AS "userId", noise FROM numbers')
    count = 40_000
    noise = [secrets.token_hex(32) for _ in range(count)]
    write_table(tmp_path, pa.table({"id": range(count), "noise": noise}))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "run", "people", "--json"], cwd=tmp_path, env=environment(),
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    (run,) = facts(done)["runs"]
    assert run["state"] == "failed"
    assert "The disk is full" in run["error"]
    assert not received(server.requests)
    assert not [*(tmp_path / ".headrace" / "stage").rglob("*")]
    (again,) = facts(headrace_run(tmp_path, "run", "people", "--json"))["runs"]
    assert (again["state"], again["destinations"]["crm"]["delivered"]) == ("succeeded", count)
    assert again["last_sync_time"] == 0
    assert len({call["userId"] for call in received(server.requests)}) == count


def test_full_while_delivering(tmp_path: Path, server: RecordingServer) -> None:
    """Promise 7: when the disk takes no byte more in the middle of delivering, the process says so and exits with 1;
    with room again the run goes on from what was settled: nothing is lost, only what was in flight comes twice."""
    write_project(tmp_path, {"hook": hook(server, batch_size=10, in_flight=1)})
    write_rows(tmp_path, range(1, ROWS + 1))
    with subprocess.Popen(
        command("run", "people", "--json"), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        with held_at(server, user=105):
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "disk" in said, said
    assert "Traceback" not in said
    sent = len(received(server.requests))
    run = live_run(tmp_path)
    assert run.state is RunState.DELIVERING
    assert sent < ROWS
    (continued,) = facts(headrace_run(tmp_path, "run", "people", "--json"))["runs"]
    assert (continued["id"], continued["state"]) == (run.id, "succeeded")
    arrived = Counter(call["userId"] for call in received(server.requests))
    assert set(arrived) == set(map(str, range(1, ROWS + 1)))
    assert arrived.total() - ROWS == sent - run.counts["hook"].delivered


def in_a_small_disk(folder: Path, size: int) -> subprocess.CompletedProcess[str]:
    """Run `people` with its state on a disk of ``size`` KiB, and again after there is plenty of room on it."""
    script = f"""
        mount -t tmpfs -o size={size}k tmpfs state || exit 77
        "$@" 2>first.err >first.out; echo $? >first.code
        find state/stage -type f >first.stage
        mount -o remount,size=400m state && "$@"
    """
    return subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", *command("run", "people", "--json")],
        cwd=folder, env=environment() | {"HEADRACE_HOME": "state"}, capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("size", [40, 120, 400, 1500, 2200, 2500, 3000])
def test_a_disk_of_any_size(tmp_path: Path, server: RecordingServer, size: int) -> None:
    """Promise 7: wherever a really full disk meets a run, be it in its store, its parts, its ids or at its end: it
    succeeds, or stops with the word; a run that failed sent nothing and holds no space; with room again every row
    arrives, and is counted as delivered or as a duplicate."""
    (tmp_path / "state").mkdir()
    query = 'SELECT id AS "userId", message AS "messageId", noise FROM numbers'
    write_project(tmp_path, {"crm": crm(server)}, query)
    count = 30_000
    noise = [secrets.token_hex(16) for _ in range(count)]
    write_table(tmp_path, pa.table({"id": range(count), "message": [f"m-{n}" for n in range(count)], "noise": noise}))
    done = in_a_small_disk(tmp_path, size)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this machine lets nobody mount a disk of his own")
    first = json.loads((tmp_path / "first.out").read_text() or '{"runs": [null]}')["runs"][0]
    if (tmp_path / "first.code").read_text() == "0\n":
        assert first["state"] == "succeeded"
    else:
        assert "disk" in (tmp_path / "first.err").read_text() + str(first)
    if first is not None and first["state"] == "failed":
        assert (tmp_path / "first.stage").read_text() == ""
        assert first["destinations"]["crm"]["delivered"] == 0
    (again,) = facts(done)["runs"]
    assert again["state"] == "succeeded"
    counts = again["destinations"]["crm"]
    assert counts["delivered"] + counts["duplicate"] == count
    assert len({call["userId"] for call in received(server.requests)}) == count


class Disk:
    """A disk that may be full: no error file can be written, or no outcome be settled."""

    def __init__(self) -> None:
        self.full = False

    def need(self) -> None:
        if self.full:
            raise StageFull("The disk is full.")


class Store(SqlStore):
    """A ledger on that disk."""

    disk: Disk

    async def settle(self, *args: Any) -> None:
        self.disk.need()
        await super().settle(*args)


class ErrorFiles(MemoryErrorFiles):
    """Error files on that disk."""

    disk: Disk

    async def write(self, *args: Any) -> None:
        self.disk.need()
        await super().write(*args)


@pytest.mark.parametrize("place", ["store", "errors"])
@pytest.mark.parametrize("request_number", [1, 7, 29])
def test_resumes_where_it_stopped(place: str, request_number: int) -> None:
    """Promise 7: wherever in delivering the store or an error file cannot be written, the run stops with the disk's
    error, stays to be continued, sends nothing settled again, and lists a refused row once."""

    async def story() -> None:
        disk, nothing = Disk(), Disk()
        store, errors = Store("sqlite:///:memory:"), ErrorFiles()
        store.disk, errors.disk = (disk, nothing) if place == "store" else (nothing, disk)
        await store.open()

        async def answer(sent: Sent) -> Reply:
            if len(destination.requests) == request_number and len(made.jobs) == 1:
                disk.full = True
            return Reply(failed={0: BAD} if sent.ids[0] in refused else {})

        refused = {f"m{number}" for number in range(1, ROWS, 10)}
        destination = FakeDestination(answer, Limits(calls=10, in_flight=2))
        made = World(store, numbered(ROWS), {"crm": destination}, errors=errors)
        with pytest.raises(StageFull, match="disk"):
            await made.run()
        live = await store.live_run("people")
        assert live is not None
        assert live.state is RunState.DELIVERING
        before, settled = len(destination.requests), live.counts["crm"]
        assert before <= request_number + 2 * 2
        disk.full = False
        ended = await made.run()
        assert (ended.id, ended.state) == (live.id, RunState.PARTIAL)
        assert ended.counts["crm"] == Counts(delivered=ROWS - len(refused), rejected=len(refused))
        assert set(destination.arrivals) == {f"m{number}" for number in range(1, ROWS + 1)}
        assert destination.arrivals.total() - ROWS == before * 10 - settled.delivered - settled.rejected
        listed = [
            row["message_id"] for name in await store.error_files(ended.id) for row in table(errors, ended.id, name)
        ]
        assert Counter(listed) == Counter(refused)
        await store.close()

    simulate(story())


def table(errors: MemoryErrorFiles, run_id: str, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = errors.tables[run_id, name].to_pylist()
    return rows
