"""Rows as JSON text, and back: what a call's row was, and how a row that was kept as text is mapped again.

Both ways are exact: numbers of any size and JSON inside JSON stay the text that they are.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import orjson
import pyarrow as pa

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD, CallsBatch, iso
from headrace.calls.placement import IDENTIFIERS
from headrace.calls.values import Column, is_text
from headrace.model import CallKind, Failure, MapOptions

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL = "null"
_LOST = '"NaN"'  # in place of a value that is at fault and that JSON could not hold
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # of a second
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENVELOPE = {name: IDENTIFIERS.get(name.lower(), name) for name in ("userId", "anonymousId", "groupId", "previousId")}
_ENVELOPE |= {"messageId": "message_id", "event": "name", "name": "name", "category": "category"}
_ENVELOPE |= {"objectTypeId": "object_type_id", "type": "type"}

# ----------------------------------------------------------------------------------------------- the row of a call


def row_texts(calls: CallsBatch) -> list[str]:
    """The rows that calls were made from, each as a JSON object: column → value, read back from where it had gone.

    Identifiers come back as the numbers they were; a value that the mapping left out comes back as null.
    """
    columns = [
        (orjson.dumps(name).decode(), kind, tuple(path)) for name, kind, path in (calls.meta or {}).get("columns", [])
    ]
    paths = {path for _, _, path in columns}
    names = calls.columns.schema.names
    found = []
    for values in zip(*(column.to_pylist() for column in calls.columns.columns), strict=True):
        call = _Call(calls.kind, {"type": calls.kind.value, **dict(zip(names, values, strict=True))})
        found.append("{" + ", ".join(f"{name}: {call.value(kind, path, paths)}" for name, kind, path in columns) + "}")
    return found


class _Call:
    """One call, and the JSON of any place in it."""

    def __init__(self, kind: CallKind, values: Mapping[str, Any]) -> None:
        self._kind, self._values = kind, values  # by the names of the calls batch
        self._objects: dict[str, dict[str, msgspec.Raw]] = {}

    def value(self, kind: str, path: tuple[str, ...], paths: set[tuple[str, ...]]) -> str:
        """The value of a column of type ``kind`` that had gone to ``path``."""
        head = path[0]
        if head in ("context", "integrations", self._kind.body):
            return self._within("body" if head == self._kind.body else head, path[1:])
        if head == "timestamp":
            moment = self._values.get("timestamp")
            return _NULL if moment is None else f'"{iso(moment)}"'
        if self._kind in (CallKind.PAGE, CallKind.SCREEN):
            if head in ("name", "category"):  # they stand in the properties too, and there as they were
                return self._within("body", path)
            if head == "event" and ("name",) in paths and not _blank(self._within("body", ("name",))):
                return _NULL
        text = self._values.get(_ENVELOPE[head])
        if text is None:
            return _NULL
        return text if "int" in kind and text.lstrip("-").isdigit() else orjson.dumps(text).decode()

    def _within(self, name: str, path: tuple[str, ...]) -> str:
        text: str | None = self._values.get(name)
        if text is None or not path:
            return text or _NULL
        if name not in self._objects:
            self._objects[name] = _fields.decode(text)
        here = self._objects[name]
        for segment in path[:-1]:
            below = here.get(segment)
            if below is None or not bytes(below).lstrip().startswith(b"{"):
                return _NULL
            here = _fields.decode(below)
        found = here.get(path[-1])
        return _NULL if found is None else bytes(found).decode()


def _blank(text: str) -> bool:
    return text == _NULL or (text.startswith('"') and not json.loads(text).strip())


# ------------------------------------------------------------------------------------------------- rows from their text


def rows_of_calls(texts: Sequence[str]) -> pa.RecordBatch:
    """Rows that `row_texts` wrote, to be mapped again to the calls they were: every column is JSON."""
    rows = [_decoded(text) for text in texts]
    names = list(rows[0]) if rows else []
    arrays = [pa.array([row.get(name) for row in rows], pa.large_string()) for name in names]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([_field(name, JSON_FIELD) for name in names]))


def rows_of_query(
    texts: Sequence[str], schema: pa.Schema, options: MapOptions, failures: Sequence[Failure]
) -> pa.RecordBatch:
    """Rows that `headrace.calls.mapping.rows_json` wrote with ``options``, as the query with ``schema`` gave them.

    ``failures`` say why each became no call: by them a value is restored that JSON could not hold. Lists and objects
    come back as JSON, which is how they are sent.
    """
    rows = [_decoded(text) for text in texts]
    arrays, fields = [], []
    for index, field in enumerate(schema):
        column = Column.of(index, field)
        values = [row.get(field.name) for row in rows]
        for position, failure in enumerate(failures):
            value = values[position]
            if failure.column == field.name and failure.code == "bad_json" and value is not None:
                values[position] = _unquoted(value)
            elif failure.column == field.name and value is None:
                values[position] = _LOST
        array, made = _typed(values, column, options)
        arrays.append(array)
        fields.append(made)
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _decoded(text: str) -> dict[str, str | None]:
    """Column → JSON text; None for null."""
    values = {name: bytes(raw).decode() for name, raw in _fields.decode(text).items()}
    return {name: None if value == _NULL else value for name, value in values.items()}


def _typed(values: list[str | None], column: Column, options: MapOptions) -> tuple[pa.Array, pa.Field]:
    types, kind = pa.types, column.type
    if column.json:
        return pa.array(values, pa.large_string()), _field(column.name, JSON_FIELD)
    if column.numeric or types.is_decimal(kind):
        return _each(values, _unquoted, pa.large_string()), _field(column.name, NUMERIC_FIELD)
    for fits, read, target in (
        (is_text, _unquoted, pa.large_string()),
        (types.is_boolean, lambda value: value == "true", kind),
        (types.is_integer, lambda value: int(_unquoted(value)), kind),
        (types.is_floating, lambda value: float(_unquoted(value)), pa.float64()),
        (types.is_timestamp, _milliseconds, pa.timestamp("ms", "UTC")),
        (types.is_date, _days, pa.date32()),
        (types.is_time, lambda value: _of_day(_unquoted(value), kind.unit), kind),
        (types.is_duration, lambda value: _interval(_unquoted(value), kind.unit), kind),
        (_is_binary, lambda value: _bytes(_unquoted(value), options), pa.large_binary()),
    ):
        if fits(kind):
            return _each(values, read, target), pa.field(column.name, target)
    return pa.array(values, pa.large_string()), _field(column.name, JSON_FIELD)


def _milliseconds(value: str) -> int:
    if value == _LOST:
        return 1 << 62
    return (datetime.fromisoformat(_unquoted(value)) - _EPOCH) // timedelta(milliseconds=1)


def _days(value: str) -> int:
    return (1 << 31) - 1 if value == _LOST else (date.fromisoformat(_unquoted(value)) - _EPOCH.date()).days


def _of_day(text: str, unit: str) -> int:
    hours, minutes, seconds = text.split(":")
    return int((int(hours) * 3600 + int(minutes) * 60 + Decimal(seconds)) * _TICKS[unit])


def _interval(text: str, unit: str) -> int:
    sign, seconds = text.removesuffix("S").split("PT")
    return int(Decimal(sign + seconds) * _TICKS[unit])


def _each(values: list[str | None], read: Callable[[str], Any], target: pa.DataType) -> pa.Array:
    return pa.array([None if value is None else read(value) for value in values], target)


def _field(name: str, says: Mapping[bytes, bytes]) -> pa.Field:
    return pa.field(name, pa.large_string(), metadata=says)


def _unquoted(value: str) -> str:
    """The text of a JSON string; a number as it is."""
    return str(json.loads(value)) if value.startswith('"') else value


def _is_binary(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    )  # fmt: skip


def _bytes(text: str, options: MapOptions) -> bytes:
    return bytes.fromhex(text) if options.binary == "hex" else base64.b64decode(text)
