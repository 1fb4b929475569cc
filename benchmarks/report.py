"""The last results as Markdown: ``python -m benchmarks.report > FILE``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.places import RESULTS

Results = dict[str, Any]
Line = dict[str, Any]

PARQUET, IDS, DUCKDB = "Headrace, Parquet", "Headrace, Parquet, own messageIds", "Headrace, DuckDB"


def markdown(results: Results) -> str:
    """The circumstances, the table, the ratios and what was aimed at."""
    lines = results["measurements"]
    facts = results["circumstances"]
    head = (
        f"{facts['cores']} cores ({facts['cpu']}), Python {facts['python']}, Headrace {facts['headrace']}, "
        f"median of {facts['rounds']} rounds; sink and databases run on the same cores."
    )
    parts = [head, "\n".join(_table(lines)), "\n".join(_ratios(lines)), "\n".join(_aims(lines))]
    return "\n\n".join(part for part in parts if part)


def _table(lines: list[Line]) -> Iterator[str]:
    yield "| | answers after | rows sent | rows/s | CPU s per 1M rows | peak MB | requests | on the wire MB |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for line in sorted(lines, key=lambda line: (line["delay_ms"], -line["rows_per_second"])):
        note = f" ({line['note']})" if line["note"] else ""
        yield (
            f"| {line['name']}{note} | {line['delay_ms']} ms | {line['rows']:,} | {_rough(line['rows_per_second'])} "
            f"| {line['cpu_per_million']:,.1f} | {line['peak_mb']:,.0f} | {line['requests']:,.0f} "
            f"| {line['wire_mb']:,.0f} |"
        )


def _ratios(lines: list[Line]) -> Iterator[str]:
    pairs = [
        (PARQUET, "floor", 0),
        (DUCKDB, "drt, DuckDB", 0),
        (DUCKDB, "drt, DuckDB, batches", 0),
        (DUCKDB, "dlt, DuckDB", 0),
        (PARQUET, "floor", 50),
        (DUCKDB, "drt, DuckDB", 50),
        (DUCKDB, "drt, DuckDB, batches", 50),
        (DUCKDB, "dlt, DuckDB", 50),
    ]
    found = [(pair, _ratio(lines, *pair)) for pair in pairs]
    if any(ratio is not None for _, ratio in found):
        yield "| ratio of rows/s | answers after | |"
        yield "|---|---:|---:|"
    for (mine, other, delay), ratio in found:
        if ratio is not None:
            yield f"| {mine} : {other} | {delay} ms | {_times(ratio)} |"


def _aims(lines: list[Line]) -> Iterator[str]:
    """Each aim whose figures are there, with what came out."""
    aims: list[tuple[str, float | None, Callable[[float], bool], str]] = [
        ("Parquet: 500,000 rows/s", _speed(lines, PARQUET), lambda x: x >= 500_000, "{:,.0f}"),
        ("PostgreSQL: 200,000 rows/s", _speed(lines, "Headrace, PostgreSQL"), lambda x: x >= 200_000, "{:,.0f}"),
        ("20 × drt", _ratio(lines, DUCKDB, "drt, DuckDB", 0), lambda x: x >= 20, "{:,.1f}"),
        ("20 × drt in batches", _ratio(lines, DUCKDB, "drt, DuckDB, batches", 0), lambda x: x >= 20, "{:,.1f}"),
        ("50 × drt, 50 ms", _ratio(lines, DUCKDB, "drt, DuckDB", 50), lambda x: x >= 50, "{:,.1f}"),
        ("50 × drt in batches, 50 ms", _ratio(lines, DUCKDB, "drt, DuckDB, batches", 50), lambda x: x >= 50, "{:,.1f}"),
        ("peak memory under 700 MB", _peak(lines, PARQUET), lambda x: x < 700, "{:,.0f} MB"),
        ("the same with 30M rows", _peak(lines, f"{PARQUET}, 30M rows"), lambda x: x < 700, "{:,.0f} MB"),
        ("own messageIds: under 1.5 GB", _peak(lines, IDS), lambda x: x < 1500, "{:,.0f} MB"),
        ("the same with 30M rows", _peak(lines, f"{IDS}, 30M rows"), lambda x: x < 1500, "{:,.0f} MB"),
    ]
    if any(figure is not None for _, figure, _, _ in aims):
        yield "| aim | measured | |"
        yield "|---|---:|---|"
    for aim, figure, met, form in aims:
        if figure is not None:
            yield f"| {aim} | {form.format(figure)} | {'met' if met(figure) else 'missed'} |"


def _find(lines: list[Line], name: str, delay_ms: int = 0) -> Line | None:
    return next((line for line in lines if (line["name"], line["delay_ms"]) == (name, delay_ms)), None)


def _speed(lines: list[Line], name: str, delay_ms: int = 0) -> float | None:
    line = _find(lines, name, delay_ms)
    return None if line is None else float(line["rows_per_second"])


def _peak(lines: list[Line], name: str) -> float | None:
    line = _find(lines, name)
    return None if line is None else float(line["peak_mb"])


def _ratio(lines: list[Line], mine: str, other: str, delay_ms: int) -> float | None:
    ours, theirs = _speed(lines, mine, delay_ms), _speed(lines, other, delay_ms)
    return None if ours is None or theirs is None else ours / theirs


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} ×" if ratio >= 10 else f"{ratio:.2f} ×"


def _rough(figure: float) -> str:
    """Three digits are all that such a measurement is worth."""
    return f"{float(f'{figure:.3g}'):,.0f}" if figure >= 100 else f"{figure:.1f}"


if __name__ == "__main__":
    print(markdown(json.loads((RESULTS / "latest.json").read_text())))
