"""Measures what Headrace's sources add to their drivers: each against the best loop over the driver alone.

Both fetch the same query into Arrow, in turn and in processes of their own, on the same cores as the database.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks import measure, report_sources
from benchmarks.databases import DATABASES, Database, Place
from benchmarks.places import HERE, RESULTS
from benchmarks.run import circumstances


@dataclass(frozen=True, slots=True)
class Sample:
    rows: int
    seconds: float
    cpu: float
    grown_mb: float


def once(who: str, place: Place) -> Sample:
    """One reader, once."""
    facts = json.dumps({"type": place.type, "settings": place.settings, "sql": place.sql})
    words = [sys.executable, "-m", "benchmarks.reading", who, facts]
    return Sample(**json.loads(measure.run(measure.Command(words, HERE.parent, place.environment)).output))


def compared(database: Database, rows: int, rounds: int, stack: ExitStack) -> dict[str, Any]:
    """Both readers over the same rows, round after round: medians."""
    place = database.open(stack, rows)
    samples: dict[str, list[Sample]] = {"plain": [], "headrace": []}
    for number in range(1, rounds + 1):
        for who, found in samples.items():
            found.append(once(who, place))
            if found[-1].rows != rows:
                raise RuntimeError(f"{database.name}: {who} read {found[-1].rows:,} rows of {rows:,}")
            speed = rows / found[-1].seconds
            print(f"round {number}: {database.name:12} {rows:10,} {who:9} {speed:12,.0f} rows/s", flush=True)
    figures = {who: _median(found) for who, found in samples.items()}
    return {"name": database.name, "note": database.note, "rows": rows, **figures}


def _median(samples: list[Sample]) -> dict[str, float]:
    return {
        "rows_per_second": statistics.median(sample.rows / sample.seconds for sample in samples),
        "cpu_per_million": statistics.median(sample.cpu / sample.rows * 1e6 for sample in samples),
        "grown_mb": statistics.median(sample.grown_mb for sample in samples),
    }


def main() -> None:
    """Measure, print the table, write results/sources.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="1000000,5000000", help="how many; several by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="only sources whose name begins so; several by +")
    options = parser.parse_args()
    facts = circumstances(options)
    wanted = tuple(options.only.split("+"))
    measurements = []
    for database in DATABASES:
        for rows in map(int, options.rows.split(",")):
            if database.name.startswith(wanted) and rows <= (database.most or rows):
                with ExitStack() as stack:
                    measurements.append(compared(database, rows, options.rounds, stack))
    results = {"circumstances": facts, "measurements": measurements}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sources.json").write_text(json.dumps(results, indent=2) + "\n")
    print("\n" + report_sources.markdown(results))


if __name__ == "__main__":
    main()
