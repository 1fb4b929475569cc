"""Failed rows for people and programs: as CSV, JSON lines or Parquet, a piece at a time in bounded memory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headrace.calls.failures import SCHEMA

REASON = ("row", "destination", "code", "column", "message")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PIECE = 1000  # rows of a piece of CSV


def records(tables: Iterable[pa.Table]) -> Iterator[dict[str, Any]]:
    """Each failed row of tables of `headrace.calls.failures.SCHEMA`: the reason, and the row's values."""
    for table in tables:
        for record in table.to_pylist():
            yield {**{name: record[name] for name in REASON}, "values": json.loads(record["values"])}


def as_csv(tables: Iterable[pa.Table]) -> Iterator[bytes]:
    """One column per column of the query, behind the reason; text that a spreadsheet would run is disarmed."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    names: list[str] | None = None
    for count, record in enumerate(records(tables), start=1):
        if names is None:
            names = list(record["values"])
            writer.writerow([*REASON, *map(_cell, names)])
        writer.writerow([_cell(value) for value in (*_reason(record), *(record["values"].get(n) for n in names))])
        if count % _PIECE == 0:
            yield _taken(text)
    yield _taken(text)


def as_json_lines(tables: Iterable[pa.Table]) -> Iterator[bytes]:
    """One object on each line."""
    for table in tables:
        lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records([table])]
        yield "".join(lines).encode("utf-8", "replace")


def as_parquet(tables: Iterable[pa.Table]) -> Iterator[bytes]:
    """The tables as they are kept."""
    pieces = _Pieces()
    with pq.ParquetWriter(pa.PythonFile(pieces, mode="w"), SCHEMA, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table.cast(SCHEMA))
            yield pieces.take()
    yield pieces.take()


FORMATS: Mapping[str, tuple[Callable[[Iterable[pa.Table]], Iterator[bytes]], str]] = {
    "csv": (as_csv, "text/csv; charset=utf-8"),
    "jsonl": (as_json_lines, "application/x-ndjson"),
    "parquet": (as_parquet, "application/vnd.apache.parquet"),
}
"""By the ending of a file's name: what writes it, and its media type."""


def _reason(record: Mapping[str, Any]) -> Iterator[Any]:
    return (record[name] for name in REASON)


def _cell(value: object) -> object:
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "'" + text if text.startswith(_FORMULA) else text


def _taken(text: io.StringIO) -> bytes:
    """What was written, which is then forgotten."""
    piece = text.getvalue().encode("utf-8", "replace")
    text.seek(0)
    text.truncate()
    return piece


class _Pieces(io.RawIOBase):
    """A file that hands out what is written to it, and keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(self._pieces[-1])

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken
