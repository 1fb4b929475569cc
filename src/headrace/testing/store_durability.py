"""What a store must do that several processes share, and that outlives them: subclass `DurableStoreContract`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from headrace.model import RunState
from headrace.store import SqlStore
from headrace.store_port import Store
from headrace.testing import store_process
from headrace.testing.store_contract import StoreContract
from headrace.testing.store_process import SYNCS, race, settling
from headrace.testing.store_samples import LATER, WHY, ended, new_run


class DurableStoreContract(StoreContract):
    """`StoreContract`, and what holds between processes and beyond them. Subclasses give a ``url`` fixture."""

    @pytest.fixture
    def url(self) -> str:
        """The address of an empty database of the test's own."""
        raise NotImplementedError("give a `url` fixture")

    def check_soundness(self, url: str) -> None:
        """Fail if the database itself finds its files damaged."""

    @pytest.fixture
    def new_store(self, url: str) -> Callable[[], Store]:
        return lambda: SqlStore(url)

    async def test_everything_is_there_again(self, store: Store, new_store: Callable[[], Store]) -> None:
        """A store opened later, beside the first, tells the same."""
        run = await ended(store, RunState.PARTIAL)
        again = new_store()
        await again.open()
        assert await again.runs() == [run]
        assert await again.deliveries(run.id) == await store.deliveries(run.id)
        assert await again.sync_state("people") == await store.sync_state("people")
        await again.close()

    async def test_processes_may_start_at_once(self, url: str) -> None:
        """Three processes open an empty store and race for runs: all come up, and each sync has one winner."""
        with ExitStack() as stack:
            racers = [stack.enter_context(_process(url, "race", f"p{number}")) for number in range(3)]
            for racer in racers:
                _let_go(racer)
            printed = [racer.communicate()[0].split() for racer in racers]
            assert [racer.returncode for racer in racers] == [0, 0, 0]
        won = Counter(run_id.partition("@")[2] for ids in printed for run_id in ids)
        assert won == {f"sync-{number}": 1 for number in range(SYNCS)}

    def test_event_loops_may_share_it(self, new_store: Callable[[], Store]) -> None:
        """Two event loops in two threads race for runs: each sync has one winner."""
        barrier = threading.Barrier(2)
        won: list[str] = []

        def run(name: str) -> None:
            won.extend(asyncio.run(race(new_store(), name, barrier.wait)))

        racers = [threading.Thread(target=run, args=(name,)) for name in ("left", "right")]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        assert sorted(run_id.partition("@")[2] for run_id in won) == sorted(f"sync-{n}" for n in range(SYNCS))

    @pytest.mark.parametrize("acknowledged", [1, 25])
    async def test_killed_while_settling(self, store: Store, url: str, acknowledged: int) -> None:
        """After kill -9 in the midst of settling, the store holds what was acknowledged, whole, and goes on."""
        with _process(url, "settle", "run-1") as settler:
            _let_go(settler)
            assert settler.stdout is not None
            printed = [settler.stdout.readline() for _ in range(acknowledged)]
            settler.kill()
            printed += settler.stdout.readlines()
        last = len(printed)  # the last acknowledged; one more may be in the store, its answer cut off
        assert printed[-1] == f"{last}\n"
        self.check_soundness(url)
        assert await store.deliveries("run-1") in (settling(last), settling(last + 1))
        await store.abandon("run-1", LATER, WHY)
        assert (await ended(store, RunState.PARTIAL, new_run("run-2"))).state is RunState.PARTIAL


@contextmanager
def _process(url: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A `store_process`, ready to begin; gone at the end of the ``with``."""
    command = [sys.executable, "-m", store_process.__name__, *arguments]
    environment = os.environ | {"HEADRACE_DATABASE_URL": url, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def _let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
