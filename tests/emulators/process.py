"""Starts a stand-in and waits until it answers."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

HERE = Path(__file__).parent


class Emulator:
    """A process that runs ``NAME_server.py`` with the Python of the environment NAME, while the context lasts.

    The script prints ``ready PORT`` when it listens on that port of 127.0.0.1, and ends when its input is closed, so
    that it does not outlive a test that was killed.
    """

    host = "127.0.0.1"

    def __init__(self, name: str, *arguments: str) -> None:
        python = HERE / ".venvs" / name / "bin" / "python"
        if not python.exists():
            pytest.skip(f"the stand-in {name!r} is not installed: scripts/emulators")
        self._command = [str(python), str(HERE / f"{name}_server.py"), *arguments]
        self.port = 0

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ready "):
                self.port = int(line.split()[1])
                return self
        raise RuntimeError(f"{self._command[-1]} ended with {self.process.wait()} before it was ready")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
