"""Promise 4: one run at a time per sync, one run per due time, however many workers there are. A worker that was
replaced (a zombie) changes nothing any more."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from headrace.app import opened
from headrace.calls.batch import CallsBatch
from headrace.engines.embedded import EmbeddedEngine
from headrace.errors import Fenced, RunLive
from headrace.model import Counts, RunState
from headrace.ports import Reply
from headrace.run.job import House
from headrace.run.worker import Worker
from headrace.store import SqlStore
from headrace.testing.fakes import FakeDestination, MemoryLocks, Sent, World, numbered
from headrace.testing.http_server import RecordingServer
from headrace.testing.simulation import simulate
from tests.promise.processes import PATIENCE, command, environment
from tests.promise.project import crm, held_at, hook, live_run, received, write_project, write_rows

ROWS = 50


def run_people(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("run", "people", "--json"), cwd=folder, env=environment(), capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(3))
async def test_two_processes_start_the_same_sync(tmp_path: Path, server: RecordingServer, attempt: int) -> None:
    """Promise 4: of two processes that start a sync at once, one runs it; the other says who does, and exits with 1.
    The receiver is held until one has given up, so that they meet for certain; even the store is made by both."""
    write_project(tmp_path, {"crm": crm(server)})
    write_rows(tmp_path, range(1, ROWS + 1))
    with ThreadPoolExecutor(2) as pool:
        with server.holding():
            both: list[Future[subprocess.CompletedProcess[str]]] = [pool.submit(run_people, tmp_path) for _ in "ab"]
            done, running = wait(both, PATIENCE, FIRST_COMPLETED)
        (loser,), (winner,) = done, running
    assert loser.result().returncode == 1, loser.result()
    assert "The sync 'people'" in loser.result().stderr
    assert "[run_live]" in loser.result().stderr
    assert winner.result().returncode == 0, winner.result()
    assert Counter(call["userId"] for call in received(server.requests)) == Counter(map(str, range(1, ROWS + 1)))
    async with opened(tmp_path, {}) as app:
        (run,) = await app.store.runs("people")
        assert run.state is RunState.SUCCEEDED


def test_a_process_that_is_stopped_keeps_its_run(tmp_path: Path, server: RecordingServer) -> None:
    """Promise 4: a process that sleeps (SIGSTOP) in the middle of a run is not replaced, however long: another is
    told who has the run. When it wakes up it goes on, and nothing was sent twice."""
    write_project(tmp_path, {"hook": hook(server, batch_size=10, in_flight=1)})
    write_rows(tmp_path, range(1, ROWS + 1))
    with subprocess.Popen(command("run", "people", "-q"), cwd=tmp_path, env=environment()) as process:
        with held_at(server, user=25):
            while live_run(tmp_path).counts["hook"].delivered < 20:
                pass  # what came before is being settled: asleep in that transaction it would hold the store as well
            process.send_signal(signal.SIGSTOP)
            other = run_people(tmp_path)
            process.send_signal(signal.SIGCONT)
        assert process.wait(PATIENCE) == 0
    assert (other.returncode, other.stdout) == (1, "")
    assert "[run_live]" in other.stderr
    assert Counter(call["userId"] for call in received(server.requests)) == Counter(map(str, range(1, ROWS + 1)))


async def test_many_begin_at_once(tmp_path: Path, server: RecordingServer) -> None:
    """Promise 4: of many that want the same run in one process, one gets it, and there is one run in the ledger."""
    write_project(tmp_path, {"crm": crm(server)})
    write_rows(tmp_path, range(1, ROWS + 1))

    async with opened(tmp_path, {}) as app:

        async def one() -> RunState | None:
            try:
                return (await app.carry(await app.begin("people"))).state
            except RunLive:
                return None

        with server.holding():
            tasks = [asyncio.create_task(one()) for _ in range(10)]
            while sum(task.done() for task in tasks) < 9:
                await asyncio.wait([task for task in tasks if not task.done()], return_when=asyncio.FIRST_COMPLETED)
        assert Counter(await asyncio.gather(*tasks)) == {None: 9, RunState.SUCCEEDED: 1}
        assert len(await app.store.runs("people")) == 1
    assert len(received(server.requests)) == ROWS


@pytest.mark.parametrize("late", ["settles", "ends"])
def test_a_zombie_changes_nothing(late: str) -> None:
    """Promise 4: a worker that comes back after another one took the run and ended it can neither settle nor end it:
    its first write is refused, and what the other wrote stays."""

    async def story() -> None:
        store = SqlStore("sqlite:///:memory:")
        await store.open()
        asleep, wake = asyncio.Event(), asyncio.Event()

        async def answer(sent: Sent) -> Reply:
            if not asleep.is_set() and sent.ids[0] == ("m1" if late == "settles" else "m21"):
                asleep.set()
                await wake.wait()
            return Reply()

        made = World(store, numbered(30), {"crm": FakeDestination(answer)}, part_rows=10)
        zombie = asyncio.create_task(made.run())
        await asleep.wait()
        again = await replaced(made).carry(await made.begin())
        wake.set()
        with pytest.raises(Fenced):
            await zombie
        assert (await store.run(again.id)) == again
        assert (again.state, again.attempt) == (RunState.SUCCEEDED, 2)
        assert again.counts == {"crm": Counts(delivered=30)}
        assert [delivery.outcomes for delivery in await store.deliveries(again.id)] == [b"\x01" * 10] * 3
        await store.close()

    simulate(story())


def test_a_zombie_that_reads_changes_nothing() -> None:
    """Promise 4: a worker replaced while it was still reading stages nothing that would ever be sent."""

    async def story() -> None:
        store = SqlStore("sqlite:///:memory:")
        await store.open()
        destination = FakeDestination()
        made = World(store, numbered(30), {"crm": destination}, part_rows=10)
        wake, asleep = asyncio.Event(), asyncio.Event()
        write = made.stage.write

        async def slow(run_id: str, seq: int, calls: CallsBatch) -> int:
            if not asleep.is_set():
                asleep.set()
                await wake.wait()
                made.source.table = numbered(0)
            return await write(run_id, seq, calls)

        made.stage.write = slow  # type: ignore[method-assign]  # to hold the first worker
        zombie = asyncio.create_task(made.run())
        await asleep.wait()
        again = await replaced(made).carry(await made.begin())
        wake.set()
        with pytest.raises(Fenced):
            await zombie
        assert (await store.run(again.id)) == again
        assert destination.arrivals == Counter(f"m{n}" for n in range(1, 31))
        await store.close()

    simulate(story())


def replaced(world: World) -> EmbeddedEngine:
    """Another worker on the same ledger that knows nothing of the first one's locks: as on another machine."""
    fields = {name: getattr(world.house, name) for name in House.__slots__}
    return EmbeddedEngine(Worker(House(**fields | {"locks": MemoryLocks()})))
