"""One Arrow scalar to one JSON value, text or moment in plain Python: slow, and plainly right."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor, isfinite
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from pyarrow import types

from headrace.model import MapOptions

# Characters with the Unicode property White_Space.
BLANKS = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
EPOCH = datetime.fromisoformat("1970-01-01")  # without a zone: what a wall clock shows
FIRST_MS = (datetime.fromisoformat("0001-01-01") - EPOCH) // timedelta(milliseconds=1)
LAST_MS = (datetime.fromisoformat("9999-12-31T23:59:59.999") - EPOCH) // timedelta(milliseconds=1)
LONE_TEXT = frozenset({"text", "json", "int", "float", "decimal", "numeric", "null"})  # what can be an event's name
NAMING = LONE_TEXT | {"timestamp", "date"}  # what can name a person

_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ]((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


class BadValue(Exception):
    """The value cannot be what its place demands."""


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number, exact: 12.50 equals 12.5 and 125e-1, and -0.0 does not equal 0."""

    text: str

    @classmethod
    def of(cls, text: str) -> Number:
        sign, digits, exponent = Decimal(text).as_tuple()
        assert isinstance(exponent, int), text
        written = "".join(map(str, digits)).lstrip("0")
        short = written.rstrip("0")
        minus = "-" if sign else ""
        return cls(f"{minus}{short}e{exponent + len(written) - len(short)}" if short else f"{minus}0")

    def plain(self) -> str:
        """Digits and a point, no exponent, no zeros at the end of a fraction."""
        return format(Decimal(self.text), "f")


def exact(text: str) -> Any:
    """JSON text as Python values with exact numbers. Raises ValueError where it is not JSON, or is half a character."""
    value = json.loads(text, parse_float=Number.of, parse_int=Number.of, parse_constant=_no_number)
    json.dumps(value, ensure_ascii=False, default=str).encode()
    return value


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def is_blank(text: str) -> bool:
    return all(character in BLANKS for character in text)


def kind_of(field: pa.Field[Any]) -> str:
    """What a column holds, in the words of these rules."""
    said: str = (field.metadata or {}).get(b"headrace", b"text").decode()
    type_ = field.type.value_type if types.is_dictionary(field.type) else field.type
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return said  # text, json or numeric
    for kind, is_kind in _KINDS:
        if is_kind(type_):
            return kind
    raise TypeError(f"no rule for {field.type}")


_KINDS = (
    ("null", types.is_null),
    ("bool", types.is_boolean),
    ("int", types.is_integer),
    ("float", types.is_floating),
    ("decimal", types.is_decimal),
    ("timestamp", types.is_timestamp),
    ("date", types.is_date),
    ("time", types.is_time),
    ("duration", types.is_duration),
    ("map", types.is_map),
    ("struct", types.is_struct),
    ("list", lambda t: types.is_list(t) or types.is_large_list(t) or types.is_fixed_size_list(t)),
    ("binary", lambda t: types.is_binary(t) or types.is_large_binary(t) or types.is_fixed_size_binary(t)),
    ("binary", types.is_binary_view),
)


# ------------------------------------------------------------------------------------------------------- JSON values


def json_value(scalar: pa.Scalar[Any], field: pa.Field[Any], options: MapOptions) -> Any:
    """A value as it stands in a body. Raises BadValue where JSON text is broken.

    NULL is None, and so is what JSON or ISO 8601 cannot say: NaN, infinities, years outside 0001 to 9999.
    """
    if not scalar.is_valid:
        return None
    if isinstance(scalar, pa.DictionaryScalar):
        return json_value(scalar.value, field.with_type(field.type.value_type), options)
    match kind_of(field):
        case "bool" | "text":
            return scalar.as_py()
        case "int":
            number = scalar.as_py()
            return str(number) if options.big_integers == "string" and abs(number) > 2**53 else Number.of(str(number))
        case "float":
            return Number.of(_float_text(scalar)) if isfinite(scalar.as_py()) else None
        case "decimal":
            return _decimal(format(scalar.as_py(), "f"), options)
        case "numeric":
            return _decimal(scalar.as_py(), options)
        case "json":
            try:
                return exact(scalar.as_py())
            except ValueError:
                raise BadValue from None
        case "binary":
            octets = scalar.as_py()
            return octets.hex() if options.binary == "hex" else base64.b64encode(octets).decode()
        case "list" | "struct" | "map":
            return _nested(scalar, field, options)
        case _:
            return _moment_text(scalar, field, options)


def _float_text(scalar: pa.Scalar[Any]) -> str:
    """The shortest digits that give the same value again in the column's own precision."""
    narrow = {pa.float16(): np.float16, pa.float32(): np.float32}.get(scalar.type)
    return str(narrow(scalar.as_py())) if narrow else repr(scalar.as_py())


def _decimal(text: str, options: MapOptions) -> Any:
    if not Decimal(text).is_finite():
        return None
    return text if options.decimals == "string" else Number.of(text)


def _nested(scalar: Any, field: pa.Field[Any], options: MapOptions) -> Any:
    if types.is_struct(field.type):
        return {
            child.name: json_value(value, child, options)
            for child, value in zip(field.type, scalar.values(), strict=True)
        }
    if types.is_map(field.type):
        pairs = (tuple(pair.values()) for pair in scalar.values)
        return {
            _key(key, field.type.key_field): json_value(value, field.type.item_field, options) for key, value in pairs
        }
    return [json_value(element, field.type.value_field, options) for element in scalar.values]


def _key(scalar: pa.Scalar[Any], field: pa.Field[Any]) -> str:
    value = json_value(scalar, field, MapOptions())
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.plain() if isinstance(value, Number) else str(value)


# -------------------------------------------------------------------------------------------------------------- time


def _moment_text(scalar: Any, field: pa.Field[Any], options: MapOptions) -> str | None:
    match kind_of(field):
        case "timestamp" | "date":
            try:
                moment = (
                    _timestamp_ms(scalar, field, options) if types.is_timestamp(field.type) else _day_ms(scalar, field)
                )
            except BadValue:
                return None
            return iso_ms(moment) if types.is_timestamp(field.type) else iso_ms(moment)[:10]
        case "time":
            seconds, fraction = _seconds(scalar.value, field)
            return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"
        case "duration":
            seconds, fraction = _seconds(abs(scalar.value), field)
            return f"{'-' if scalar.value < 0 else ''}PT{seconds}{fraction}S"
    raise TypeError(f"no rule for {field.type}")


def _seconds(ticks: int, field: pa.Field[Any]) -> tuple[int, str]:
    """Whole seconds, and the rest as ``.5`` without zeros at its end."""
    seconds, rest = divmod(ticks, PER_SECOND[field.type.unit])
    digits = f"{rest * 10**9 // PER_SECOND[field.type.unit]:09d}".rstrip("0")
    return seconds, f".{digits}" if digits else ""


def _day_ms(scalar: Any, field: pa.Field[Any]) -> int:
    """Milliseconds from 1970 to the beginning of a day."""
    days = scalar.value if types.is_date32(field.type) else scalar.value // 86_400_000
    return _checked(days * 86_400_000)


def _timestamp_ms(scalar: Any, field: pa.Field[Any], options: MapOptions) -> int:
    """Milliseconds since 1970 in UTC, floored."""
    ms = scalar.value * 1000 // PER_SECOND[field.type.unit]
    return _checked(ms if field.type.tz else _utc_ms(ms, options.timezone))


def _utc_ms(local_ms: int, zone: str) -> int:
    """What a wall clock shows, in UTC: the earlier moment of two; a time the clock skipped is moved on by the gap."""
    wall = EPOCH + timedelta(milliseconds=_checked(local_ms))
    offset = wall.replace(tzinfo=ZoneInfo(zone), fold=0).utcoffset()
    assert offset is not None
    return local_ms - offset // timedelta(milliseconds=1)


def _checked(ms: int) -> int:
    if not FIRST_MS <= ms <= LAST_MS:
        raise BadValue  # not in the years 0001 to 9999
    return ms


def iso_ms(ms: int) -> str:
    """``2026-01-02T03:04:05.678Z``."""
    return (EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds") + "Z"


def instant_ms(scalar: pa.Scalar[Any], field: pa.Field[Any], options: MapOptions) -> int | None:
    """The moment a ``timestamp`` column names, as milliseconds since 1970. Raises BadValue where it names none."""
    if not scalar.is_valid:
        return None
    if isinstance(scalar, pa.DictionaryScalar):
        return instant_ms(scalar.value, field.with_type(field.type.value_type), options)
    kind = kind_of(field)
    if kind == "timestamp":
        return _timestamp_ms(scalar, field, options)
    if kind == "date":
        return _checked(_utc_ms(_day_ms(scalar, field), options.timezone))
    if kind not in ("text", "json", "int", "float", "decimal", "numeric"):
        raise BadValue
    value = json_value(scalar, field, MapOptions())
    if isinstance(value, Number):
        return _checked(_unix_ms(Decimal(value.text)))
    if value is None and kind == "json":
        return None
    if not isinstance(value, str):
        raise BadValue
    return None if is_blank(value) else _checked(_text_ms(value, options.timezone))


def _unix_ms(number: Decimal) -> int:
    """Unix seconds, milliseconds, microseconds or nanoseconds, told apart by their size."""
    size = abs(number)
    if size >= 10**30:
        raise BadValue
    unit = "s" if size < 10**11 else "ms" if size < 10**14 else "us" if size < 10**17 else "ns"
    return floor(Fraction(number) * 1000 / PER_SECOND[unit])


def _text_ms(text: str, zone: str) -> int:
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return _unix_ms(Decimal(text))
    found = _ISO.fullmatch(text)
    if not found:
        raise BadValue
    day, clock, fraction, offset = found.groups()
    try:
        wall = datetime.fromisoformat(f"{day}T{clock or '00:00:00'}")
        ahead = datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").utcoffset() if offset else None
    except ValueError:
        raise BadValue from None
    local_ms = (wall - EPOCH) // timedelta(milliseconds=1) + int((fraction or "").ljust(3, "0")[:3])
    return _utc_ms(local_ms, zone) if ahead is None else local_ms - ahead // timedelta(milliseconds=1)


# ------------------------------------------------------------------------------------------------- text and booleans


def text_value(
    scalar: pa.Scalar[Any], field: pa.Field[Any], options: MapOptions, only: frozenset[str] = NAMING
) -> str | None:
    """An identifier or a name as text; None where it is missing. Raises BadValue for what can be neither.

    ``only``: the kinds of column that will do.
    """
    kind = kind_of(field)
    if not scalar.is_valid:
        return None
    if kind not in only:
        raise BadValue
    value = json_value(scalar, field, MapOptions(timezone=options.timezone))
    if isinstance(value, Number):
        return value.plain()
    if value is None or (isinstance(value, str) and is_blank(value)):
        return None
    if not isinstance(value, str):
        raise BadValue
    return value


def boolean(scalar: pa.Scalar[Any], field: pa.Field[Any]) -> bool | None:
    """What ``_update`` says. Raises BadValue where it is neither yes nor no."""
    if not scalar.is_valid:
        return None
    value = json_value(scalar, field, MapOptions())
    if value is None and kind_of(field) == "json":
        return None
    if isinstance(value, bool):
        return value
    word = value.plain() if isinstance(value, Number) else value.lower() if isinstance(value, str) else None
    if kind_of(field) == "binary" or word not in _WORDS:
        raise BadValue
    return _WORDS[word]


_WORDS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}
