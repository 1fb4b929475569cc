"""Rows of text, as drivers without Arrow give them → Arrow columns, with no Python work per value.

Such a driver is told not to convert: each value stays the bytes that came over the wire, and None for NULL. A
column's bytes become an Arrow array at once, and Arrow parses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

FETCH_ROWS = 1_024  # more at a time are slower: the rows no longer fit the processor's cache
BATCH_BYTES = 16 * 2**20

Convert = Callable[[pa.Array], pa.Array]


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of a result: its plain Arrow type, and the way there from ``wire``, the type of its raw values."""

    name: str
    type: pa.DataType
    convert: Convert | None = None  # None: `cast`
    mark: Mapping[bytes, bytes] | None = None  # JSON_FIELD, NUMERIC_FIELD
    wire: pa.DataType = pa.string()  # noqa: RUF009  immutable

    def array(self, raw: pa.Array) -> pa.Array:
        """The plain values of raw ones."""
        if self.convert is not None:
            return self.convert(raw)
        return raw if self.type == self.wire else raw.cast(self.type)


def schema(columns: Iterable[TextColumn]) -> pa.Schema:
    return pa.schema([pa.field(column.name, column.type, metadata=column.mark) for column in columns])


def batches(
    columns: Sequence[TextColumn], rows: Iterable[Sequence[Sequence[bytes | str | None]]], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Chunks of rows as record batches of about ``batch_rows``, fewer where rows are wide.

    Raises `pa.ArrowInvalid` for text that is no value.
    """
    waiting: list[list[pa.Array]] = [[] for _ in columns]
    count = size = 0
    for chunk in rows:
        for column, arrays, values in zip(columns, waiting, zip(*chunk, strict=True), strict=True):
            arrays.append(pa.array(values, column.wire))
            size += arrays[-1].nbytes
        count += len(chunk)
        del chunk  # its rows are freed before the next ones are made
        if count >= batch_rows or size >= BATCH_BYTES:
            yield _batch(columns, waiting)
            waiting, count, size = [[] for _ in columns], 0, 0
    if count:
        yield _batch(columns, waiting)


def _batch(columns: Sequence[TextColumn], waiting: Sequence[Sequence[pa.Array]]) -> pa.RecordBatch:
    """Many rows at once through each conversion: it costs as much to begin one as to convert a thousand values."""
    arrays = [column.array(pa.concat_arrays(raw)) for column, raw in zip(columns, waiting, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema(columns))
