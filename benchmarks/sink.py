"""Starts and stops the sink, and asks it what arrived."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.places import DATA, HERE


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a sink has seen. ``calls`` is known only to a sink that counts them."""

    requests: int
    errors: int
    bytes: int
    connections: int
    cpu_seconds: float
    calls: int | None = None


class Sink:
    """A destination of one's own, for the length of a ``with``.

    ``delay_ms`` passes before each answer; every ``error_every``-th request is refused with ``error_status``.
    ``counting`` takes the sink that looks into the bodies.
    """

    def __init__(
        self, *, delay_ms: int = 0, error_every: int = 0, error_status: int = 500, counting: bool = False
    ) -> None:
        options = {"--delay-ms": delay_ms, "--error-every": error_every, "--error-status": error_status}
        words = [str(word) for option in options.items() for word in option]
        program = None if counting else compiled()
        start = [program] if program else [sys.executable, "-m", "benchmarks.sink_python"]
        self._command = [*start, *words]
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def arrived(self) -> Arrived:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats") as answer:
            return Arrived(**json.load(answer))


def compiled() -> str | None:
    """The path of sink.c as a program, compiled if need be; None without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, program = HERE / "sink.c", DATA / "sink"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        DATA.mkdir(exist_ok=True)
        subprocess.run([compiler, "-O2", "-std=gnu11", "-o", program, source], check=True)
    return str(program)
