"""Redshift's types, as the text that comes over the wire → plain Arrow columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.sources.text_rows import Convert, TextColumn

_BOOLEAN, _NUMERIC, _TIME, _SUPER, _VARBYTE = 16, 1700, 1083, 4000, 6551
_JSON = frozenset({_SUPER, 114, 3802})
_AS_PARSED = {20: pa.int64(), 21: pa.int16(), 23: pa.int32(), 26: pa.int64(), 700: pa.float32(), 701: pa.float64()}
_MOMENTS = {1082: pa.date32(), 1114: pa.timestamp("us"), 1184: pa.timestamp("us", "UTC")}


def column(name: str, oid: int, notes: Counter[str]) -> TextColumn:
    """The way to read a column of the type ``oid``. What has no place in its plain type is counted in ``notes``."""
    if oid in _AS_PARSED:
        return TextColumn(name, _AS_PARSED[oid])
    if oid in _MOMENTS:
        kind = _MOMENTS[oid]
        note = (
            f"Column {name!r}: dates outside the years 1 to 9999 became null; cast the column to varchar to keep them."
        )
        return TextColumn(name, kind, _possible(r"^\d{4}-[^B]*$", lambda text: text.cast(kind), note, notes))
    if oid == _TIME:
        note = (
            f"Column {name!r}: the time 24:00:00 has no clock and became null; cast the column to varchar to keep it."
        )
        return TextColumn(name, pa.time64("us"), _possible("^([01]|2[0-3])", _time, note, notes))
    if oid == _BOOLEAN:
        return TextColumn(name, pa.bool_(), lambda text: pc.equal(text, "t"))
    if oid == _VARBYTE:
        return TextColumn(name, pa.binary(), _from_hex)
    if oid == _NUMERIC:
        return TextColumn(name, pa.string(), mark=NUMERIC_FIELD)
    return TextColumn(name, pa.string(), mark=JSON_FIELD if oid in _JSON else None)


def _possible(pattern: str, parse: Callable[[pa.Array], pa.Array], note: str, notes: Counter[str]) -> Convert:
    """Texts that do not fit the ``pattern`` become null and are counted. It is looked at only if parsing fails."""

    def convert(text: pa.Array) -> pa.Array:
        try:
            return parse(text)
        except pa.ArrowInvalid:
            good = pc.match_substring_regex(text, pattern)
            notes[note] += pc.sum(pc.invert(good)).as_py()
            return parse(pc.if_else(good, text, None))

    return convert


def _time(text: pa.Array) -> pa.Array:
    moments = pc.binary_join_element_wise("1970-01-01", text, " ").cast(pa.timestamp("us"))
    return moments.cast(pa.time64("us"))


def _from_hex(text: pa.Array) -> pa.Array:
    return pa.array([None if value is None else bytes.fromhex(value) for value in text.to_pylist()], pa.binary())
