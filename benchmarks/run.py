"""Measures all contenders in one run, round after round, and writes the medians and their ratios.

Before that, each sends a few rows to a sink that counts what arrives: whoever loses a call is not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import headrace_run, measure, report
from benchmarks.contenders import Contender, contenders
from benchmarks.generate import load_postgres
from benchmarks.headrace_run import From
from benchmarks.places import RESULTS
from benchmarks.sink import Sink, compiled
from headrace.testing.postgres import PostgresServer

PROOF_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender, once."""

    rows_per_second: float
    process_seconds: float
    cpu_per_million: float
    peak_mb: float
    requests: int
    wire_mb: float
    sink_cpu: float


def once(contender: Contender, rows: int) -> Sample:
    """Run a contender against a sink of its own."""
    with Sink(delay_ms=contender.delay_ms) as sink, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        finished = measure.run(contender.start(Path(folder), rows, sink.url))
        facts, arrived = contender.facts(finished, rows), sink.arrived()
    cpu = finished.cpu if facts.cpu is None else facts.cpu
    return Sample(
        rows_per_second=rows / facts.seconds,
        process_seconds=finished.seconds,
        cpu_per_million=cpu / rows * 1e6,
        peak_mb=finished.peak_mb,
        requests=arrived.requests,
        wire_mb=arrived.bytes / 1e6,
        sink_cpu=arrived.cpu_seconds,
    )


def prove(contender: Contender) -> None:
    """Raises RuntimeError if a contender does not deliver each of a few rows once."""
    with Sink(counting=True) as sink, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        contender.facts(measure.run(contender.start(Path(folder), PROOF_ROWS, sink.url)), PROOF_ROWS)
        calls = sink.arrived().calls
    if calls is None or calls < PROOF_ROWS or (calls > PROOF_ROWS and contender.name != "floor"):
        raise RuntimeError(f"{contender.name}: {calls} calls arrived for {PROOF_ROWS} rows")


def median(samples: list[Sample]) -> dict[str, float]:
    names = Sample.__dataclass_fields__
    return {name: round(statistics.median(getattr(sample, name) for sample in samples), 3) for name in names}


def postgresql(stack: ExitStack) -> Callable[[int], From]:
    """A PostgreSQL server of our own, on the same cores; started and filled when first asked for."""

    @cache
    def server() -> PostgresServer:
        return stack.enter_context(PostgresServer())

    @cache
    def holding(rows: int) -> From:
        here = server()
        name = here.create_database()
        load_postgres(here.url(name), rows)
        return headrace_run.from_postgresql(here.host, here.port, name, here.user, here.password)

    return holding


def measure_all(chosen: list[Contender], rounds: int) -> list[dict[str, Any]]:
    """Round after round, so that a busy moment of the machine does not strike one contender alone."""
    samples: dict[str, list[Sample]] = {contender.key: [] for contender in chosen}
    for number in range(1, rounds + 1):
        for contender in chosen:
            sample = once(contender, contender.rows)
            samples[contender.key].append(sample)
            print(f"round {number}: {contender.key:48} {sample.rows_per_second:12,.0f} rows/s", flush=True)
    return [
        {"name": c.name, "delay_ms": c.delay_ms, "rows": c.rows, "note": c.note, **median(samples[c.key])}
        | {"every_rows_per_second": [round(sample.rows_per_second) for sample in samples[c.key]]}
        for c in chosen
    ]


def circumstances(options: argparse.Namespace) -> dict[str, Any]:
    """What the figures depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "headrace": version("headrace"),
        "sink": "C" if compiled() else "Python (no C compiler: figures are too low)",
        "rows": options.rows,
        "rounds": options.rounds,
        "load_before": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    """Measure, print the table, write results/latest.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="30 million rows as well")
    parser.add_argument("--only", default="", help="only contenders whose name begins so; several by +")
    options = parser.parse_args()
    facts = circumstances(options)
    wanted = tuple(options.only.split("+"))
    with ExitStack() as stack:
        everybody = contenders(options.rows, postgresql(stack), full=options.full)
        chosen = [contender for contender in everybody if contender.key.startswith(wanted)]
        for contender in {contender.name: contender for contender in chosen if contender.rows <= options.rows}.values():
            prove(contender)
        results = {"circumstances": facts, "measurements": measure_all(chosen, options.rounds)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(results, indent=2) + "\n")
    print("\n" + report.markdown(results))


if __name__ == "__main__":
    main()
