"""The command `headrace errors`: failed rows on the screen, as JSON lines, or in a file."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.table import Table
from rich.text import Text

from headrace.app import opened
from headrace.calls.failures import SCHEMA
from headrace.cli import show
from headrace.cli.runs import chosen_run
from headrace.errors import UsageError

_SHOWN = 20
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def show_failures(project: Path, wanted: str, output: Path | None, json_output: bool) -> int:
    """Print the failed rows of a run, or write them to a file whose ending says how."""
    async with opened(project, os.environ) as app:
        run = await chosen_run(app, wanted)
        tables = await app.failures(run)
        if output is not None:
            _write(tables, output)
        elif json_output:
            for failed in records(tables):
                show.print_json_line(failed)
        else:
            _print(run.id, tables)
    return 0


def records(tables: Iterator[pa.Table]) -> Iterator[dict[str, Any]]:
    """Each failed row as `--json` tells it."""
    for table in tables:
        for record in table.to_pylist():
            yield {
                "row": record["row"],
                "destination": record["destination"],
                "code": record["code"],
                "column": record["column"],
                "message": record["message"],
                "values": json.loads(record["values"]),
            }


def _print(run_id: str, tables: Iterator[pa.Table]) -> None:
    shown: list[dict[str, Any]] = []
    groups: Counter[tuple[str, str]] = Counter()
    for record in records(tables):
        groups[record["destination"] or "all", record["code"]] += 1
        if len(shown) < _SHOWN:
            shown.append(record)
    if not shown:
        show.out.print(Text(f"No row failed in the run {run_id}."))
        return
    summary = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("rows", "destination", "code"):
        summary.add_column(name, justify="right" if name == "rows" else "left")
    for (destination, code), count in groups.most_common():
        summary.add_row(f"{count:,}", destination, code)
    show.out.print(summary, "")
    for record in shown:
        for line in show.failed_row(record):
            show.out.print(line)
    if sum(groups.values()) > len(shown):
        show.out.print(Text(f"… and {sum(groups.values()) - len(shown):,} more. Write all with: -o failed.csv"))


def _write(tables: Iterator[pa.Table], output: Path) -> None:
    writers = {".csv": _write_csv, ".jsonl": _write_json, ".ndjson": _write_json, ".parquet": _write_parquet}
    writer = writers.get(output.suffix.lower())
    if writer is None:
        raise UsageError(f"The file {str(output)!r} has no known ending. Use .csv, .jsonl, .ndjson or .parquet.")
    try:
        count = writer(tables, output)
    except OSError as error:
        raise UsageError(f"The file {str(output)!r} cannot be written: {error.strerror}.") from error
    show.err.print(Text(f"Wrote {count:,} failed row{'s' if count != 1 else ''} to {output}."))


def _write_csv(tables: Iterator[pa.Table], output: Path) -> int:
    """One column per column of the query, behind the reason; text that a spreadsheet would run is disarmed."""
    count = 0
    with open(output, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for count, record in enumerate(records(tables), start=1):
            if count == 1:
                names = list(record["values"])
                writer.writerow(["row", "destination", "code", "column", "message", *names])
            reason = [record[name] for name in ("row", "destination", "code", "column", "message")]
            writer.writerow([_cell(value) for value in [*reason, *(record["values"].get(n) for n in names)]])
    return count


def _cell(value: object) -> object:
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "'" + text if text.startswith(_FORMULA) else text


def _write_json(tables: Iterator[pa.Table], output: Path) -> int:
    count = 0
    with open(output, "w", encoding="utf-8") as file:
        for record in records(tables):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count


def _write_parquet(tables: Iterator[pa.Table], output: Path) -> int:
    count = 0
    with pq.ParquetWriter(output, SCHEMA, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table.cast(SCHEMA))
            count += table.num_rows
    return count
