"""Runs a contender as a process of its own and measures it: seconds, CPU seconds, peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.places import HERE


@dataclass(frozen=True, slots=True)
class Command:
    """What to start, where, and with what beside our own environment."""

    words: Sequence[str]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended well. ``seconds`` is of the wall, ``cpu`` of all its threads, ``peak_mb`` of memory held."""

    output: str
    seconds: float
    cpu: float
    peak_mb: float


def run(command: Command) -> Finished:
    """Run it to its end. Raises RuntimeError with the end of what it said if it does not exit with 0."""
    with tempfile.NamedTemporaryFile("r") as facts:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(HERE / "timed.py"), facts.name, *command.words],
            cwd=command.folder,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            what = " ".join(command.words)
            raise RuntimeError(f"{what} exited with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        seconds, cpu, peak_mb = (float(word) for word in facts.read().split())
    return Finished(done.stdout, seconds, cpu, peak_mb)
