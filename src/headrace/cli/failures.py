"""The command `headrace errors`: failed rows on the screen, as JSON lines, or in a file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.table import Table
from rich.text import Text

from headrace.app import opened
from headrace.calls.failure_files import FORMATS, records
from headrace.cli import show
from headrace.cli.runs import chosen_run
from headrace.errors import UsageError

_SHOWN = 20


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
            print_failures(run.id, records(tables))
    return 0


def print_failures(run_id: str, failed: Iterable[Mapping[str, Any]]) -> None:
    """How many rows failed where and why, and the first of them."""
    shown: list[Mapping[str, Any]] = []
    groups: Counter[tuple[str, str]] = Counter()
    for record in failed:
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


def format_of(output: Path) -> str:
    """The format that a file's ending names. Raises `UsageError`."""
    ending = {"ndjson": "jsonl"}.get(name := output.suffix.lower().removeprefix("."), name)
    if ending not in FORMATS:
        raise UsageError(f"The file {str(output)!r} has no known ending. Use .csv, .jsonl, .ndjson or .parquet.")
    return ending


def _write(tables: Iterator[pa.Table], output: Path) -> None:
    written, _ = FORMATS[format_of(output)]
    count = 0

    def counted() -> Iterator[pa.Table]:
        nonlocal count
        for table in tables:
            count += table.num_rows
            yield table

    try:
        with open(output, "wb") as file:
            file.writelines(written(counted()))
    except OSError as error:
        raise UsageError(f"The file {str(output)!r} cannot be written: {error.strerror}.") from error
    show.err.print(Text(f"Wrote {count:,} failed row{'s' if count != 1 else ''} to {output}."), soft_wrap=True)
