"""A small service as a program: a scheduler and a dispatcher over the project in the current folder, until SIGTERM.

It tells what it does, a line each: ``ready``, ``fired RUN``, ``carries RUN``, ``ended RUN STATE``.
"""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace.app import opened
from headrace.run.dispatcher import Dispatcher
from headrace.run.scheduler import Scheduler

PATIENCE = 120.0  # seconds that anything here may take


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201  it is what the test reads


async def serve() -> None:
    async with opened(Path.cwd(), os.environ) as app:
        dispatcher = Dispatcher(
            app.engine, app.store, app.clock, lambda: app.project.service.runs_at_once,
            lambda job: say("carries", job.id), lambda run: say("ended", run.id, run.state),
        )  # fmt: skip
        scheduler = Scheduler(app.store, app.clock, lambda: app.project, app.new_run, lambda run: say("fired", run.id))
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        say("ready")
        await asyncio.gather(scheduler.keep_ticking(stop), dispatcher.keep_carrying(stop))


class Office:
    """The program in a process of its own."""

    def __init__(self, folder: Path, environment: dict[str, str], told: queue.Queue[tuple[int, list[str]]]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.promise.office"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(told,))
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def stop(self, seconds: float = PATIENCE) -> int:
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self._reader.join()
        return code

    def kill(self) -> None:
        """kill -9, and wait until it is no more."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self, told: queue.Queue[tuple[int, list[str]]]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told.put((self.process.pid, line.split()))


class Listener:
    """What several such processes told, in the order in which it came."""

    def __init__(self) -> None:
        self.queue: queue.Queue[tuple[int, list[str]]] = queue.Queue()
        self.told: list[tuple[int, list[str]]] = []

    def wait(self, what: str, count: int = 1, of: int | None = None, seconds: float = PATIENCE) -> list[list[str]]:
        """Wait until ``what`` was told so often, by one process or by all; the facts that came with it."""
        until = time.monotonic() + seconds
        while True:
            found = [facts for pid, (word, *facts) in self.told if word == what and of in (None, pid)]
            if len(found) >= count:
                return found
            self.told.append(self.queue.get(timeout=max(0.0, until - time.monotonic())))


if __name__ == "__main__":
    asyncio.run(serve())
