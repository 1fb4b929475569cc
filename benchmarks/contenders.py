"""Who is measured, with how many rows: the floor, Headrace from each source, and the peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import floor, headrace_run
from benchmarks.generate import duckdb_file, parquet
from benchmarks.headrace_run import From
from benchmarks.measure import Command, Finished
from benchmarks.peers import dlt, drt

SLOW_MS = 50  # the answer of an API on the other side of the country


@dataclass(frozen=True, slots=True)
class Facts:
    """How long it took. Headrace: the whole process; peers: their own account, without the start of the interpreter."""

    seconds: float
    cpu: float | None = None  # None: that of the process


@dataclass(frozen=True, slots=True)
class Contender:
    """One line of the table. ``start`` takes an empty folder, the rows to send and the sink's address.

    ``facts`` raises RuntimeError if not every row was delivered.
    """

    name: str
    rows: int
    start: Callable[[Path, int, str], Command]
    facts: Callable[[Finished, int], Facts]
    delay_ms: int = 0
    note: str = ""

    @property
    def key(self) -> str:
        return f"{self.name} @{self.delay_ms}ms" if self.delay_ms else self.name


def contenders(rows: int, postgresql: Callable[[int], From], *, full: bool) -> list[Contender]:
    """All of them. ``postgresql`` gives a server that holds the rows; ``full`` adds 30 million rows."""
    own = [
        _headrace("Headrace, Parquet", rows, _parquet),
        _headrace("Headrace, Parquet, own messageIds", rows, _parquet_ids),
        _headrace("Headrace, DuckDB", rows, _duckdb),
        _headrace("Headrace, PostgreSQL", rows, postgresql),
        _headrace("Headrace, Parquet", rows, _parquet, SLOW_MS),
        _headrace("Headrace, DuckDB", rows, _duckdb, SLOW_MS),
    ]
    if full:
        own.append(_headrace("Headrace, Parquet, 30M rows", 30_000_000, _parquet))
        own.append(_headrace("Headrace, Parquet, own messageIds, 30M rows", 30_000_000, _parquet_ids))
    return [*_floors(rows), *own, *_peers(rows)]


def _floors(rows: int) -> list[Contender]:
    note = "ready bodies of 500 KB, gzip and POST"
    return [
        Contender("floor", 5 * rows, partial(_start_floor, rows, 2), _floor_facts, note=note),
        Contender("floor", rows, partial(_start_floor, rows, 16), _floor_facts, SLOW_MS, note),
    ]


def _peers(rows: int) -> list[Contender]:
    """The peers, with as many rows as they manage in some seconds."""
    per_row, per_batch = "one request per row, its default", "1,000 rows per request"
    return [
        _drt("drt, DuckDB", rows, 20_000, per_row),
        _drt("drt, DuckDB, batches", rows, 200_000, per_batch, batches=True),
        _drt("drt, DuckDB", rows, 500, per_row, SLOW_MS),
        _drt("drt, DuckDB, batches", rows, 100_000, per_batch, SLOW_MS, batches=True),
        _dlt("dlt, DuckDB", rows, 500_000),
        _dlt("dlt, DuckDB", rows, 500_000, SLOW_MS),
    ]


def _headrace(name: str, rows: int, source: Callable[[int], From], delay_ms: int = 0) -> Contender:
    def start(folder: Path, count: int, url: str) -> Command:
        return headrace_run.command(folder, source(count), url)

    def facts(finished: Finished, count: int) -> Facts:
        return Facts(headrace_run.seconds(finished, count))

    return Contender(name, rows, start, facts, delay_ms)


def _parquet(rows: int) -> From:
    return headrace_run.from_parquet(parquet(rows))


def _parquet_ids(rows: int) -> From:
    return headrace_run.from_parquet(parquet(rows, message_ids=True), message_ids=True)


def _duckdb(rows: int) -> From:
    return headrace_run.from_duckdb(duckdb_file(rows))


def _start_floor(file_rows: int, connections: int, _folder: Path, rows: int, url: str) -> Command:
    return floor.command(file_rows, rows, url, connections=connections)


def _floor_facts(finished: Finished, rows: int) -> Facts:
    report = floor.facts(finished)
    share = rows / report["rows"]  # it sends whole bodies, so a few rows more
    return Facts(report["seconds"] * share, report["cpu"] * share)


def _drt(name: str, file_rows: int, rows: int, note: str, delay_ms: int = 0, *, batches: bool = False) -> Contender:
    def start(folder: Path, count: int, url: str) -> Command:
        return drt.command(folder, file_rows, count, url, batches=batches)

    return Contender(
        name, min(rows, file_rows), start, lambda done, count: Facts(drt.seconds(done, count)), delay_ms, note
    )


def _dlt(name: str, file_rows: int, rows: int, delay_ms: int = 0) -> Contender:
    def start(folder: Path, count: int, url: str) -> Command:
        return dlt.command(folder, file_rows, count, url)

    note = "1,000 rows per request, 20 threads"
    return Contender(
        name, min(rows, file_rows), start, lambda done, count: Facts(dlt.seconds(done, count)), delay_ms, note
    )
