"""The command line in processes of its own: started, watched, stopped, killed."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import headrace
from tests.promise import warm

PATIENCE = 120.0  # seconds that anything here may take
_PROGRAM = "from headrace.cli.main import main; main()"


def environment() -> dict[str, str]:
    """The tests' environment, with the package under test and without settings of a project."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    return ours | {"PYTHONPATH": str(Path(headrace.__file__).parent.parent)}


def headrace_run(folder: Path, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """`headrace …` in a project's folder, to its end."""
    done = subprocess.run(
        command(*args), cwd=folder, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def facts(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What a command with ``--json`` printed."""
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def command(*args: str) -> list[str]:
    return [sys.executable, "-c", _PROGRAM, *args]


class WarmProcesses:
    """Runs of `headrace` one after another, each in a fresh process that begins at once.

    ``events`` receives ``exit <code>`` from the process, and whatever others put in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "processes.log"
        self.events: queue.Queue[str] = queue.Queue()
        self.pid = 0
        self._waiter: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen(
            [sys.executable, warm.__file__], cwd=self._folder, env=environment(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._orders, self._answers = self._parent.stdin, self._parent.stdout
        assert self._answers.readline().startswith(warm.READY)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._orders.close()
        self._parent.wait(PATIENCE)
        self._answers.close()

    def start(self, *args: str) -> None:
        """Begin `headrace …`; nothing else runs."""
        while not self.events.empty():
            self.events.get()
        self._orders.write(json.dumps({"args": args, "log": str(self._log)}) + "\n")
        self._orders.flush()
        self.pid = int(self._answers.readline())
        self._waiter = threading.Thread(target=self._tell_exit)
        self._waiter.start()

    def wait(self, event: str, seconds: float = PATIENCE) -> str | None:
        """Wait for an event or for the exit: what came, or None when the time is over first."""
        until = time.monotonic() + seconds
        with contextlib.suppress(queue.Empty):
            while True:
                came = self.events.get(timeout=max(0.0, until - time.monotonic()))
                if came == event or came.startswith("exit"):
                    return came
        return None

    def kill(self) -> None:
        """kill -9, and wait until the process is no more; harmless when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)
        self.join()

    def join(self) -> None:
        """Wait until the process is no more."""
        if self._waiter is not None:
            self._waiter.join()

    def log(self) -> str:
        """What all processes said so far."""
        return self._log.read_text() if self._log.exists() else ""

    def _tell_exit(self) -> None:
        code = self._answers.readline().strip()
        self.pid = 0
        self.events.put(f"exit {code}")
