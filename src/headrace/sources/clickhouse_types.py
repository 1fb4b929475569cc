"""How to read each type of ClickHouse without loss: what to ask the server for, and what its text is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.errors import QueryError
from headrace.sources.plain import Faithful

_TEXT = Faithful("toString({})")
_NUMERIC = Faithful("toString({})", NUMERIC_FIELD)
_JSON = Faithful("if(isNull({0}), null, toJSONString({0}))", JSON_FIELD)

# What Arrow has itself, and needs nothing; whatever is not told here goes as text.
_WAYS: dict[str, Faithful] = {
    **dict.fromkeys(
        ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64"), Faithful()
    ),
    **dict.fromkeys(("Bool", "String", "Nothing"), Faithful()),
    **dict.fromkeys(("Int128", "Int256", "UInt128", "UInt256"), _NUMERIC),
    "BFloat16": Faithful("toFloat32({})"),
    "Date": Faithful("toDate32({})"),
    "Date32": Faithful(),
    "DateTime": Faithful("toDateTime64({}, 0, 'UTC')"),
    "DateTime64": Faithful("toTimeZone({}, 'UTC')"),
    **dict.fromkeys(("Array", "Tuple", "Map", "Nested", "JSON", "Object", "Dynamic", "Variant"), _JSON),
    **dict.fromkeys(("Point", "Ring", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "Geometry"), _JSON),
    **{
        f"Interval{unit}": Faithful(f"concat('{before}', toString({{}}), '{after}')")
        for unit, before, after in (
            ("Second", "PT", "S"), ("Minute", "PT", "M"), ("Hour", "PT", "H"),
            ("Day", "P", "D"), ("Week", "P", "W"), ("Month", "P", "M"), ("Year", "P", "Y"),
        )
    },
}  # fmt: skip
_WRAPPED = re.compile(r"(?:Nullable|LowCardinality|SimpleAggregateFunction\(\w+, )\(?(.*)\)", re.DOTALL)


def faithful(name: str, kind: str) -> Faithful:
    """The way to read the column ``name`` of the type ``kind``. Raises `QueryError` for states of aggregates."""
    while wrapped := _WRAPPED.fullmatch(kind):
        kind = wrapped[1]
    word = kind.partition("(")[0]
    if word == "AggregateFunction":
        raise QueryError(
            f"The column {name!r} holds states of an aggregate function. Write finalizeAggregation({name}) or a -Merge "
            "function in the query."
        )
    if word == "Decimal":
        return Faithful() if int(kind[8:].partition(",")[0]) <= 38 else _NUMERIC
    return _WAYS.get(word, _TEXT)


class Texts:
    """Mends the text columns of batches: ClickHouse's text may be any bytes, Arrow's is UTF-8."""

    def __init__(self, names: Sequence[str], kinds: Sequence[str], notes: Counter[str]) -> None:
        self._names = names
        self._padded = ["FixedString" in kind for kind in kinds]
        self._notes = notes

    @staticmethod
    def schema(given: pa.Schema) -> pa.Schema:
        """The columns after mending, for columns before it."""
        return pa.schema([field.with_type(pa.string()) if pa.types.is_binary(field.type) else field for field in given])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = [self._mended(number, array) for number, array in enumerate(batch.columns)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema(batch.schema))

    def _mended(self, number: int, array: pa.Array) -> pa.Array:
        if pa.types.is_binary(array.type):
            array = array.view(pa.string())
        if not pa.types.is_string(array.type):
            return array
        try:
            array.validate(full=True)
        except pa.ArrowInvalid:
            array = self._replaced(self._names[number], array)
        return pc.utf8_rtrim(array, characters="\0") if self._padded[number] else array

    def _replaced(self, name: str, array: pa.Array) -> pa.Array:
        values = array.view(pa.binary()).to_pylist()
        texts = [None if value is None else value.decode(errors="replace") for value in values]
        note = f"Column {name!r}: bytes that are not UTF-8 became \N{REPLACEMENT CHARACTER}; read them with hex()."
        self._notes[note] += sum("\N{REPLACEMENT CHARACTER}" in (text or "") for text in texts)
        return pa.array(texts, pa.string())
