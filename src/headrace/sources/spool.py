"""Rows of values whose types are not known before the last row: put aside on disk, then given as columns."""

from __future__ import annotations

import marshal
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from headrace.calls.batch import NUMERIC_FIELD
from headrace.errors import QueryError, StageFull

_IN_MEMORY = 32 * 1024 * 1024  # bytes; a larger result goes to disk
_NUMBERS = {int, float}


@dataclass(frozen=True, slots=True)
class _Column:
    field: pa.Field
    convert: Callable[[Sequence[Any]], Sequence[Any]] | None = None


class Columns:
    """The spooled rows as Arrow; ``batches`` may be called once and then closes the spool."""

    def __init__(self, spool: Spool, columns: Sequence[_Column]) -> None:
        self.schema = pa.schema([column.field for column in columns])
        self._spool = spool
        self._columns = columns

    def batches(self) -> Generator[pa.RecordBatch, None, None]:
        try:
            for rows in self._spool.rows():
                values = zip(*rows, strict=True)
                arrays = [
                    pa.array(column.convert(cells) if column.convert else cells, column.field.type)
                    for column, cells in zip(self._columns, values, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        finally:
            self._spool.close()


class Spool:
    """Keeps rows of int, float, str, bytes and None in ``folder`` until all are there. Raises `StageFull`."""

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self._names = names
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(folder))  # noqa: SIM115  # closed by close
        self._kinds: list[set[type]] = [set() for _ in names]
        self._lengths: list[int] = []

    def add(self, rows: list[tuple[Any, ...]]) -> None:
        for kinds, cells in zip(self._kinds, zip(*rows, strict=True), strict=True):
            kinds.update(map(type, cells))
        try:
            self._lengths.append(self._file.write(marshal.dumps(rows)))
        except OSError as error:
            raise StageFull(
                f"The result does not fit on the disk of the state folder: {error.strerror}. Free space."
            ) from error

    def columns(self, notes: Counter[str]) -> Columns:
        """All rows, each column with the one type that holds its values. Raises `QueryError` where there is none."""
        return Columns(
            self, [_column(name, kinds, notes) for name, kinds in zip(self._names, self._kinds, strict=True)]
        )

    def rows(self) -> Iterator[list[tuple[Any, ...]]]:
        """What was added, in order."""
        self._file.seek(0)
        for length in self._lengths:
            yield marshal.loads(self._file.read(length))  # noqa: S302  # written above, by nobody else

    def close(self) -> None:
        self._file.close()


def _column(name: str, kinds: set[type], notes: Counter[str]) -> _Column:
    kinds = kinds - {type(None)}
    if kinds == {int}:
        return _Column(pa.field(name, pa.int64()))
    if kinds == {float}:
        return _Column(pa.field(name, pa.float64()))
    if kinds == {bytes}:
        return _Column(pa.field(name, pa.binary()))
    if kinds == _NUMBERS:
        return _Column(
            pa.field(name, pa.string(), metadata=NUMERIC_FIELD), lambda cells: [_number(cell) for cell in cells]
        )
    if bytes in kinds:
        raise QueryError(
            f"Column {name!r} holds BLOBs among other values. Select hex({name}) or CAST({name} AS TEXT) instead.",
            code="mixed_types",
        )
    if kinds <= {str}:
        return _Column(pa.field(name, pa.string()))
    note = f"Column {name!r} holds numbers among text, so they became text; CAST them in the query to decide otherwise."

    def spelled(cells: Sequence[Any]) -> list[Any]:
        notes[note] += sum(type(cell) in _NUMBERS for cell in cells)
        return [cell if cell is None else str(cell) for cell in cells]

    return _Column(pa.field(name, pa.string()), spelled)


def _number(value: float | None) -> str | None:
    if value is None:
        return None
    text = repr(value)
    return text.replace("inf", "Infinity") if "inf" in text else text
