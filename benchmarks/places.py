"""Where benchmarks keep what they make; all of it is git-ignored."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE / ".data"
VENVS = HERE / ".venvs"
RESULTS = HERE / "results"
