"""The types of Databricks: how to ask for each, and the Arrow column that comes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from headrace.calls.batch import JSON_FIELD
from headrace.sources.plain import AS_IS, Faithful

_KINDS: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(), "byte": pa.int8(),
    "smallint": pa.int16(), "short": pa.int16(),
    "int": pa.int32(), "integer": pa.int32(),
    "bigint": pa.int64(), "long": pa.int64(),
    "float": pa.float32(), "real": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(), "char": pa.string(), "varchar": pa.string(), "void": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}  # fmt: skip
_NESTED = frozenset({"array", "map", "struct", "variant"})
_JSON = Faithful("to_json({}, map('ignoreNullFields', 'false'))", JSON_FIELD)
_VARIANT = Faithful("to_json({})", JSON_FIELD)
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a query: its name, how to ask for it, and the type it then has."""

    name: str
    way: Faithful
    type: pa.DataType


def column(name: str, kind: str) -> Column:
    """The column ``name`` of the type ``kind``, as DESCRIBE QUERY writes it."""
    kind = kind.lower()
    word = re.split(r"[(<\s]", kind)[0]
    if found := _DECIMAL.match(kind):
        return Column(name, Faithful(), pa.decimal128(int(found[1]), int(found[2])))
    if word in _KINDS:
        return Column(name, Faithful(), _KINDS[word])
    if word in _NESTED:
        return Column(name, _VARIANT if word == "variant" else _JSON, pa.string())
    return Column(name, Faithful("cast({} as string)"), pa.string())  # intervals, and types to come


def as_is(columns: Sequence[Column]) -> bool:
    """Whether the query can run as it was written."""
    return all(one.way.expression == AS_IS for one in columns)


def typed(batch: pa.RecordBatch, fields: pa.Schema) -> pa.RecordBatch:
    """A batch with the types of ``fields``, whatever equal types its columns came in."""
    arrays = [
        array if array.type == field.type else array.cast(field.type)
        for array, field in zip(batch.columns, fields, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=fields)
