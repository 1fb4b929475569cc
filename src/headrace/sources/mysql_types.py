"""Columns of MySQL and MariaDB, as the server describes them → the plain columns that they become."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from headrace.calls import jsontext
from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.sources.text_rows import Convert, TextColumn

# Numbers of types on the wire, and flags of columns.
_TINY, _SHORT, _LONG, _FLOAT, _DOUBLE, _NULL, _TIMESTAMP, _LONGLONG, _INT24 = range(1, 10)
_DATE, _TIME, _DATETIME, _YEAR = 10, 11, 12, 13
_DECIMAL, _BIT, _JSON, _NEWDECIMAL = 0, 16, 245, 246
_LONGTEXT, _TEXT = 251, 252  # as an expression, and as a column, which with a length is a shorter text
_UNSIGNED, _ZEROFILL, _BIN = 32, 64, 128

_INTEGERS = {
    _TINY: (pa.int8(), pa.uint8()),
    _SHORT: (pa.int16(), pa.uint16()),
    _INT24: (pa.int32(), pa.uint32()),
    _LONG: (pa.int32(), pa.uint32()),
    _LONGLONG: (pa.int64(), pa.uint64()),
    _YEAR: (pa.int16(), pa.int16()),
}
_FLOATS = {_FLOAT: pa.float32(), _DOUBLE: pa.float64()}
_MOMENT = pa.timestamp("us")
_UTC = pa.timestamp("us", "UTC")


def columns(result: Any, booleans: bool, notes: Counter[str]) -> list[TextColumn]:
    """The columns of a driver's result. ``notes`` counts values that have no equal."""
    return [
        _column(name, kind, length, flags, binary is bytes, booleans, notes)
        for (name, kind, _, length, *_), flags, binary in zip(
            result.describe(), result.field_flags(), result.converter, strict=True
        )
    ]


def _column(
    name: str, kind: int, length: int, flags: int, binary: bool, booleans: bool, notes: Counter[str]
) -> TextColumn:
    if kind == _TINY and length == 1 and not flags & _UNSIGNED and booleans:
        return TextColumn(name, pa.bool_(), _truth(name, notes))
    if kind in _INTEGERS:
        return TextColumn(name, _INTEGERS[kind][bool(flags & _UNSIGNED)])
    if kind in _FLOATS:
        return TextColumn(name, _FLOATS[kind])
    if kind in (_DECIMAL, _NEWDECIMAL):
        return TextColumn(name, pa.string(), _without_zeros if flags & _ZEROFILL else None, NUMERIC_FIELD)
    if kind == _BIT:
        return TextColumn(name, pa.bool_() if length == 1 else pa.uint64(), _bits(length), wire=pa.binary())
    if kind == _DATE:
        return TextColumn(name, pa.date32(), _dates(name, pa.date32(), date.fromisoformat, notes))
    if kind == _DATETIME:
        return TextColumn(name, _MOMENT, _dates(name, _MOMENT, datetime.fromisoformat, notes))
    if kind == _TIMESTAMP:
        to_moments = _dates(name, _MOMENT, datetime.fromisoformat, notes)
        return TextColumn(name, _UTC, lambda texts: to_moments(texts).cast(_UTC))
    if kind == _JSON:
        return TextColumn(name, pa.string(), mark=JSON_FIELD)
    if kind in (_TIME, _NULL) or not binary:
        if flags & _BIN and not flags & _UNSIGNED and kind not in (_TIME, _NULL):
            return TextColumn(
                name, pa.string(), _json(scalars=kind == _LONGTEXT or (kind == _TEXT and length < 0)), JSON_FIELD
            )
        return TextColumn(name, pa.string())
    return TextColumn(name, pa.binary(), wire=pa.binary())


def _truth(name: str, notes: Counter[str]) -> Convert:
    note = (
        f"Column {name!r}: a TINYINT(1) holds other numbers than 0 and 1, which became true; set `booleans` to false."
    )

    def convert(texts: pa.Array) -> pa.Array:
        other = pc.sum(pc.invert(pc.is_in(texts, pa.array(["0", "1"])))).as_py() or 0
        if other > texts.null_count:
            notes[note] += other - texts.null_count
        return pc.not_equal(texts, "0")

    return convert


def _without_zeros(texts: pa.Array) -> pa.Array:
    """ZEROFILL is how a number is shown; JSON has no such numbers."""
    return pc.replace_substring_regex(texts, "^0+([0-9])", r"\1")


def _bits(length: int) -> Convert:
    def convert(values: pa.Array) -> pa.Array:
        numbers = [None if value is None else int.from_bytes(value) for value in values.to_pylist()]
        return pa.array(numbers, pa.uint64()).cast(pa.bool_() if length == 1 else pa.uint64())

    return convert


def _dates(name: str, kind: pa.DataType, read: Callable[[str], date], notes: Counter[str]) -> Convert:
    note = (
        f"Column {name!r}: dates that no calendar has (such as 0000-00-00) became null; cast the column to CHAR "
        "to keep them."
    )

    def or_none(text: str | None) -> date | None:
        if text is None:
            return None
        try:
            return read(text)
        except ValueError:
            notes[note] += 1
            return None

    def convert(texts: pa.Array) -> pa.Array:
        earliest = pc.min(texts).as_py()
        if earliest is None or earliest >= "0001":
            try:
                return texts.cast(kind)
            except pa.ArrowInvalid:
                pass
        return pa.array([or_none(text) for text in texts.to_pylist()], kind)

    return convert


def _json(*, scalars: bool) -> Convert:
    """Text that may be JSON, which in MariaDB is a LONGTEXT with the collation utf8mb4_bin. All other text is quoted.

    Of shorter texts with that collation only objects and lists count: "007" and "5" are names as often as numbers.
    """

    json_begins = r"^\s*[\[{]"
    special = r'["\\\x00-\x1f]'  # what is more than letters between quotes

    def convert(texts: pa.Array) -> pa.Array:
        is_json = jsontext.valid(pl.Series(texts)).to_arrow()
        if not scalars:
            is_json = pc.and_(is_json, pc.match_substring_regex(texts, json_begins))
        if pc.all(is_json).as_py():
            return texts
        quoted = pc.binary_join_element_wise('"', texts, '"', "")
        odd = pc.fill_null(pc.and_(pc.invert(is_json), pc.match_substring_regex(texts, special)), False)
        spelled = pa.array(
            [json.dumps(text, ensure_ascii=False) for text in texts.filter(odd).to_pylist()], pa.string()
        )
        return pc.if_else(is_json, texts, pc.replace_with_mask(quoted, odd, spelled))

    return convert
