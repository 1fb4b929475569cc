"""Columns of SQL Server as its driver gives them → plain Arrow columns."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from headrace.calls.batch import JSON_FIELD
from headrace.errors import QueryError

# Types that the driver cannot give, and what to write instead; {0} stands for the column.
_CASTS = {
    "sql_variant": "CAST({0} AS nvarchar(4000))",
    "hierarchyid": "{0}.ToString()",
    "geography": "{0}.STAsText()",
    "geometry": "{0}.STAsText()",
}


def readable(columns: Sequence[tuple[str, str]]) -> None:
    """Raises `QueryError` for the first of the (name, type) that the driver cannot read."""
    for name, kind in columns:
        if kind in _CASTS:
            raise QueryError(
                f"The column {name!r} is of the type {kind}, which cannot be read as it is. "
                f"Write {_CASTS[kind].format(bracketed(name))} AS {bracketed(name)}."
            )


class Plain:
    """Turns the driver's batches into plain ones, with the columns' own names."""

    def __init__(self, given: pa.Schema, columns: Sequence[tuple[str, str]]) -> None:
        fields = [_field(field, kind) for field, (_, kind) in zip(given, columns, strict=True)]
        self.schema = pa.schema(fields)
        self._types = [field.type for field in fields]

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = [
            array if array.type == kind else array.cast(kind)
            for array, kind in zip(batch.columns, self._types, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _field(field: pa.Field, kind: str) -> pa.Field:
    plain = field.type
    if pa.types.is_timestamp(plain) and plain.tz:
        plain = pa.timestamp(plain.unit, "UTC")  # the driver says +00:00
    return pa.field(field.name, plain, metadata=JSON_FIELD if kind == "json" else None)


def bracketed(name: str) -> str:
    """An identifier as T-SQL writes it: [my column]."""
    return "[" + name.replace("]", "]]") + "]"


def literal(text: str) -> str:
    """Text as T-SQL writes it. A backslash before a line's end would join the lines, so they are kept apart."""
    quoted = text.replace("'", "''")
    for end in ("\r\n", "\n", "\r"):
        quoted = quoted.replace(f"\\{end}", f"\\' + N'{end}")
    return f"N'{quoted}'"
