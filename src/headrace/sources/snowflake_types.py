"""Snowflake's columns, as its driver gives them → plain Arrow columns."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from headrace.calls.batch import JSON_FIELD
from headrace.errors import QueryError
from headrace.sources.plain import Faithful, PlainColumns

Convert = Callable[[pa.Array], pa.Array]

_JSON = frozenset({"variant", "object", "array", "map", "geography", "geometry", "vector"})
_INT64_DIGITS = 18  # every number of so many digits is an int64
# A string, which may hold anything, or a word that Snowflake writes where JSON has null.
_NOT_JSON = re.compile(r'("(?:[^"\\]|\\.)*")|-?\b(?:undefined|NaN|Infinity|inf)\b')


class Columns:
    """Turns the batches of one result into plain columns named as ``described``; counts in ``notes`` what was lost."""

    def __init__(self, given: pa.Schema, described: pa.Schema, notes: Counter[str]) -> None:
        steps = [_column(field, _kind(name), name.name, notes) for field, name in zip(given, described, strict=True)]
        self._converts = [convert for _, convert in steps]
        self._between = pa.schema([pa.field(str(number), kind) for number, (kind, _) in enumerate(steps)])
        ways = [Faithful(mark=JSON_FIELD if _kind(field) in _JSON else None) for field in described]
        self._plain = PlainColumns(self._between, described.names, ways, notes)
        self.schema = self._plain.schema

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = [convert(array) for convert, array in zip(self._converts, batch.columns, strict=True)]
        return self._plain(pa.RecordBatch.from_arrays(arrays, schema=self._between))


def _kind(field: pa.Field) -> str:
    """Snowflake's own name of a column's type."""
    kind: bytes = (field.metadata or {}).get(b"SNOWFLAKE_TYPE", b"text")
    return kind.decode().lower()


def _column(field: pa.Field, kind: str, name: str, notes: Counter[str]) -> tuple[pa.DataType, Convert]:
    """What a column becomes, and the way there. A result without rows has other Arrow types than one with some."""
    given = field.type
    if kind in _JSON:
        if pa.types.is_string(given):
            return given, _strict(name, notes)
        return pa.string(), _written
    if pa.types.is_decimal(given) and given.scale == 0 and given.precision <= _INT64_DIGITS:
        return _cast(pa.int64())
    if kind == "time":
        return _cast(pa.time64("ns"))
    if kind == "timestamp_ntz":
        return _cast(pa.timestamp("us"))
    if kind in ("timestamp_ltz", "timestamp_tz"):
        return _cast(pa.timestamp("us", "UTC"))
    if pa.types.is_nested(given):
        raise QueryError(
            f"The column {name!r} has the type {kind.upper()}, which cannot be read without loss. "
            "Cast it to VARCHAR or NUMBER in the query.",
        )
    return given, lambda array: array


def _cast(kind: pa.DataType) -> tuple[pa.DataType, Convert]:
    # a type that stays is not touched; to a coarser unit nothing is lost that the call could hold
    return kind, lambda array: array if array.type == kind else array.cast(kind, safe=pa.types.is_integer(kind))


def _strict(name: str, notes: Counter[str]) -> Convert:
    """Snowflake's JSON text has undefined, NaN and Infinity where JSON has null."""

    def convert(array: pa.Array) -> pa.Array:
        suspects = pc.fill_null(pc.match_substring_regex(array, "undefined|NaN|[iI]nf"), False)
        if not pc.any(suspects).as_py():
            return array
        found = [
            _NOT_JSON.subn(lambda match: match[1] or "null", text)[0] for text in array.filter(suspects).to_pylist()
        ]
        changed = sum(a != b for a, b in zip(found, array.filter(suspects).to_pylist(), strict=True))
        if changed:
            notes[f"Column {name!r}: undefined, NaN and Infinity within JSON became null."] += changed
        return pc.replace_with_mask(array, suspects, pa.array(found, array.type))

    return convert


def _written(array: pa.Array) -> pa.Array:
    """Nested Arrow values (a VECTOR) as JSON text."""
    texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in array.to_pylist()]
    return pa.array(texts, pa.string())
