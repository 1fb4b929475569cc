"""BigQuery's columns, as either of its APIs gives them in Arrow → plain Arrow columns, nothing lost.

What Arrow alone does not say stands in the schema that BigQuery tells of a query: that text is JSON, for instance.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from google.cloud.bigquery import SchemaField

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.sources.plain import Convert, Faithful, PlainColumns, iso_duration

_MARKS: Mapping[str, Mapping[bytes, bytes]] = {"JSON": JSON_FIELD, "BIGNUMERIC": NUMERIC_FIELD}
_INTERVAL = re.compile(r"(-?)(\d+)-(\d+) (-?\d+) (-?)(\d+):(\d+):(\d+)(?:\.(\d{1,9}))?")


class Columns:
    """Turns batches with the columns of ``fields`` into plain ones; ``given`` is the schema that they come with."""

    def __init__(self, fields: Sequence[SchemaField], given: pa.Schema, notes: Counter[str]) -> None:
        self._converts: list[Convert] = []
        wanted = []
        for field, column in zip(fields, given, strict=True):
            target = _plain(column, field)
            wanted.append(target)
            self._converts.append(_convert(column.type, target.type, field))
        self._wanted = pa.schema(wanted)
        ways = [Faithful(mark=field.metadata) for field in wanted]
        self._plain = PlainColumns(self._wanted, self._wanted.names, ways, notes)
        self.schema = self._plain.schema

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = [convert(array) for convert, array in zip(self._converts, batch.columns, strict=True)]
        return self._plain(pa.RecordBatch.from_arrays(arrays, schema=self._wanted))


def _plain(given: pa.Field, said: SchemaField) -> pa.Field:
    """The field that a column becomes: its type, its mark, and those of all that is within."""
    if said.mode == "REPEATED":
        item = SchemaField("item", said.field_type, fields=said.fields)
        inner = _plain(given.type.value_field, item)
        return pa.field(said.name, pa.list_(inner))
    kind = given.type
    if pa.types.is_struct(kind) and said.fields:
        inner = [_plain(kind.field(number), field) for number, field in enumerate(said.fields)]
        return pa.field(said.name, pa.struct(inner))
    if pa.types.is_struct(kind):  # a RANGE; its ends are of one type and need no mark
        return pa.field(said.name, kind)
    if pa.types.is_decimal256(kind) or pa.types.is_interval(kind) or pa.types.is_null(kind):
        kind = pa.string()
    return pa.field(said.name, kind, metadata=_MARKS.get(said.field_type))


def _convert(given: pa.DataType, wanted: pa.DataType, said: SchemaField) -> Convert:
    if said.field_type == "INTERVAL" and not pa.types.is_list(given):
        return _spelled if pa.types.is_string(given) else _durations
    if pa.types.is_list(given):
        inner = _convert(given.value_type, wanted.value_type, said)
        return lambda array: _list(array, inner, wanted)
    if pa.types.is_struct(given) and said.fields:
        converts = [
            _convert(one.type, other.type, field) for one, other, field in zip(given, wanted, said.fields, strict=True)
        ]
        return lambda array: _struct(array, converts, wanted)
    return lambda array: array if array.type == wanted else array.cast(wanted)


def _list(array: pa.ListArray, inner: Convert, wanted: pa.DataType) -> pa.Array:
    offsets = array.offsets
    values = array.values.slice(offsets[0].as_py(), offsets[-1].as_py() - offsets[0].as_py())
    return pa.ListArray.from_arrays(pc.subtract(offsets, offsets[0]), inner(values), type=wanted, mask=array.is_null())


def _struct(array: pa.StructArray, converts: Sequence[Convert], wanted: pa.DataType) -> pa.Array:
    children = [convert(child) for convert, child in zip(converts, array.flatten(), strict=True)]
    return pa.StructArray.from_arrays(children, fields=list(wanted), mask=array.is_null())


def _durations(array: pa.Array) -> pa.Array:
    return pa.array([None if value is None else iso_duration(*value) for value in array.to_pylist()], pa.string())


def _spelled(array: pa.Array) -> pa.Array:
    """Intervals as REST writes them, ``1-2 3 4:5:6.5``, in ISO 8601."""
    return pa.array([None if text is None else _iso(text) for text in array.to_pylist()], pa.string())


def _iso(text: str) -> str:
    found = _INTERVAL.fullmatch(text)
    if found is None:
        return text
    sign, years, months, days, minus, hours, minutes, seconds, fraction = found.groups()
    ticks = (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
    return iso_duration(int(f"{sign}{int(years) * 12 + int(months)}"), int(days), -ticks if minus else ticks)
