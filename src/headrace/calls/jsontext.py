"""JSON as text: judging it, merging objects, and writing the values that are too deep for the fast way.

The fast way (`headrace.calls.values`) writes whole columns at once. What stands here goes value by value, and only
for columns that need it: nested types with dates, decimals or maps inside, and objects that two columns share.
"""

from __future__ import annotations

import base64
import math
import re
import threading
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import orjson
import polars as pl
import pyarrow as pa

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD, iso
from headrace.model import MapOptions

_local = threading.local()
_DEEPEST = 200  # arrays and objects within one another
_BRACKETS, _STRINGS = re.compile(r"[\[{\]}]"), re.compile(r'"(?:[^"\\]|\\.)*"')
_TRAILING_COMMA = r",\s*[\]}]"
_raw = msgspec.json.Decoder(msgspec.Raw)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EXACT_TO = 2**53


def valid(texts: pl.Series) -> pl.Series:
    """Which texts are JSON; null stays null."""
    return _judged(texts, "json_valid(t)").cast(pl.Boolean)


def kinds(texts: pl.Series) -> pl.Series:
    """What each JSON text is: ``OBJECT``, ``ARRAY``, ``VARCHAR``, …; null where it is null or no JSON."""
    return _judged(texts, "CASE WHEN json_valid(t) THEN json_type(t) END").cast(pl.String)


def _judged(texts: pl.Series, judgement: str) -> pl.Series:
    if len(texts) == texts.null_count():
        return pl.Series([None] * len(texts))
    con = getattr(_local, "duckdb", None)
    if con is None:
        import duckdb  # 11 MB that most services never need

        con = _local.duckdb = duckdb.connect(":memory:", config={"threads": 1})
    frame = texts.alias("t").to_frame().to_arrow()  # DuckDB finds it by this name
    found = pl.Series(con.sql(f"SELECT {judgement} AS k FROM frame").to_arrow_table()["k"])
    del frame
    for position in _doubtful(texts).arg_true():
        if not strictly_valid(texts[position]):
            found[position] = False if found.dtype == pl.Boolean else None
    return found


def _doubtful(texts: pl.Series) -> pl.Series:
    """DuckDB's parser takes NaN, Infinity and trailing commas; text that holds such is judged once more, strictly."""
    named = texts.str.contains("NaN", literal=True) | texts.str.contains("Infinity", literal=True)
    doubtful = named | texts.str.contains(_TRAILING_COMMA)
    if (texts.str.len_bytes() > _DEEPEST).any():
        doubtful = doubtful | (texts.str.count_matches(r"[\[{]") > _DEEPEST)
    return doubtful.fill_null(False)


def strictly_valid(text: str) -> bool:
    """Whether the text is JSON by RFC 8259, and not nested so deep that readers of JSON would give up."""
    try:
        _raw.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return _depth(text) <= _DEEPEST


def _depth(text: str) -> int:
    depth = deepest = 0
    for sign in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if sign in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def merge(base: str | None, over: str | None) -> str | None:
    """Two JSON objects as one; the keys of ``over`` win, objects under the same key are merged in turn."""
    if base is None or over is None:
        return over if base is None else base
    merged = _object.decode(base)
    for key, value in _object.decode(over).items():
        there = merged.get(key)
        if there is None or not (_is_object(there) and _is_object(value)):
            merged[key] = value
        else:
            merged[key] = msgspec.Raw((merge(bytes(there).decode(), bytes(value).decode()) or "").encode())
    return msgspec.json.encode(merged).decode()


def _is_object(raw: msgspec.Raw) -> bool:
    return bytes(raw).lstrip()[:1] == b"{"


def strip_zeros(number: str) -> str:
    """An exact decimal without trailing fractional zeros: ``12.50`` → ``12.5``, ``5.00`` → ``5``."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def duration(nanos: int) -> str:
    """ISO 8601: ``PT1.5S``, negative ``-PT1.5S``."""
    seconds, rest = divmod(abs(nanos), 1_000_000_000)
    return f"{'-' if nanos < 0 else ''}PT{strip_zeros(f'{seconds}.{rest:09d}')}S"


Write = Callable[[Any], str]


class Writer:
    """Writes Python values of Arrow types as JSON text, value by value. ``odd`` is called for each NaN or infinity."""

    def __init__(self, options: MapOptions, odd: Callable[[], None]) -> None:
        self._options, self._odd = options, odd

    def of(self, kind: pa.DataType, metadata: Mapping[bytes, bytes] | None = None) -> Write:
        """A function from a value of the type to its JSON text; None gives ``null``."""
        said = (metadata or {}).get(b"headrace")
        if said == JSON_FIELD[b"headrace"]:
            write: Write = lambda value: value if strictly_valid(value) else _text(value)  # noqa: E731
        elif said == NUMERIC_FIELD[b"headrace"]:
            write = lambda value: self._number(Decimal(value))  # noqa: E731
        else:
            write = self._of(kind)
        return lambda value: "null" if value is None else write(value)

    def _of(self, kind: pa.DataType) -> Write:
        types = pa.types
        if types.is_boolean(kind):
            return lambda value: "true" if value else "false"
        if types.is_integer(kind):
            return self._integer
        if types.is_floating(kind):
            return self._float
        if types.is_decimal(kind):
            return self._number
        if types.is_timestamp(kind):
            return self._moment
        if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
            return self._binary
        if types.is_map(kind):
            return self._map(kind)
        if types.is_struct(kind):
            return self._struct(kind)
        if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
            item = self.of(kind.value_type, kind.value_field.metadata)
            return lambda value: "[" + ",".join(map(item, value)) + "]"
        if types.is_dictionary(kind):
            return self._of(kind.value_type)
        return lambda value: _text(_plain(value))

    def _integer(self, value: int) -> str:
        return f'"{value}"' if self._options.big_integers == "string" and abs(value) > _EXACT_TO else str(value)

    def _float(self, value: float) -> str:
        if math.isfinite(value):
            return orjson.dumps(value).decode()
        self._odd()
        return "null"

    def _number(self, value: Decimal) -> str:
        if not value.is_finite():
            self._odd()
            return "null"
        return f'"{value:f}"' if self._options.decimals == "string" else strip_zeros(f"{value:f}")

    def _moment(self, value: datetime) -> str:
        if value.tzinfo is None:
            value = value.replace(tzinfo=ZoneInfo(self._options.timezone))
        return f'"{iso(value)}"'

    def _binary(self, value: bytes) -> str:
        return f'"{value.hex() if self._options.binary == "hex" else base64.b64encode(value).decode()}"'

    def _map(self, kind: pa.MapType) -> Write:
        item = self.of(kind.item_type, kind.item_field.metadata)
        return lambda pairs: "{" + ",".join(f"{_text(_plain(k))}:{item(v)}" for k, v in dict(pairs).items()) + "}"

    def _struct(self, kind: pa.StructType) -> Write:
        fields = [(_text(f.name), f.name, self.of(f.type, f.metadata)) for f in kind]
        return lambda value: "{" + ",".join(f"{key}:{write(value[name])}" for key, name, write in fields) + "}"


def _text(value: str) -> str:
    return orjson.dumps(value).decode()


def _plain(value: object) -> str:
    if isinstance(value, timedelta):
        return duration(value // timedelta(microseconds=1) * 1000)
    if isinstance(value, time):
        return strip_zeros(value.isoformat())
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
