"""Arrow columns as drivers give them → plain Arrow columns as the mapping takes them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from headrace.calls.batch import JSON_FIELD

Convert = Callable[[pa.Array], pa.Array]

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
_NANOSECONDS = 2**63 - 2  # never leave the calendar; the largest number stands for infinity
_FIRST_DAY = (date(1, 1, 1) - date(1970, 1, 1)).days
_LAST_DAY = (date(9999, 12, 31) - date(1970, 1, 1)).days


AS_IS = "{}"


@dataclass(frozen=True, slots=True)
class Faithful:
    """The way to read one column without loss."""

    expression: str = AS_IS  # what to ask the database for; {} stands for the column
    mark: Mapping[bytes, bytes] | None = None  # what its text is: JSON_FIELD, NUMERIC_FIELD, or just text


class PlainColumns:
    """Turns the batches of one result into plain columns, and counts in ``notes`` the values that were lost."""

    def __init__(
        self,
        given: pa.Schema,
        names: Sequence[str],
        ways: Sequence[Faithful],
        notes: Counter[str],
    ) -> None:
        columns = [
            _column(field.type, name, way.mark, notes) for field, name, way in zip(given, names, ways, strict=True)
        ]
        self._converts = [convert for _, convert in columns]
        self.schema = pa.schema(
            pa.field(name, kind, metadata=way.mark) for name, (kind, _), way in zip(names, columns, ways, strict=True)
        )

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = [convert(array) for convert, array in zip(self._converts, batch.columns, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _column(
    kind: pa.DataType, name: str, mark: Mapping[bytes, bytes] | None, notes: Counter[str]
) -> tuple[pa.DataType, Convert]:
    """The plain type of a column, and the way there."""
    if isinstance(kind, pa.BaseExtensionType):
        plain, convert = _column(kind.storage_type, name, mark, notes)
        return plain, lambda array: convert(array.storage)
    if mark is JSON_FIELD:
        return kind, _strict_json
    if pa.types.is_dictionary(kind):
        return kind.value_type, lambda array: array.dictionary_decode()
    if pa.types.is_null(kind) or pa.types.is_string_view(kind):
        return pa.string(), lambda array: array.cast(pa.string())
    if pa.types.is_interval(kind):
        return pa.string(), _spell_durations
    if pa.types.is_date32(kind):
        return kind, _within(_FIRST_DAY, _LAST_DAY, pa.int32(), _outside(name), notes)
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return kind, _within(-_NANOSECONDS, _NANOSECONDS, pa.int64(), _outside(name), notes)
    if pa.types.is_timestamp(kind):
        per_day = 86_400 * _PER_SECOND[kind.unit]
        return kind, _within(_FIRST_DAY * per_day, (_LAST_DAY + 1) * per_day - 1, pa.int64(), _outside(name), notes)
    if pa.types.is_time64(kind):
        per_day = 86_400 * (1_000_000 if kind.unit == "us" else 1_000_000_000)
        note = f"Column {name!r}: the time 24:00:00 has no clock and became null; cast the column to text to keep it."
        return kind, _within(0, per_day - 1, pa.int64(), note, notes)
    return kind, lambda array: array


def _outside(name: str) -> str:
    return (
        f"Column {name!r}: dates outside the years 1 to 9999 (such as infinity) became null; "
        "cast the column to text to keep them."
    )


def _within(first: int, last: int, integers: pa.DataType, note: str, notes: Counter[str]) -> Convert:
    """Values whose number lies outside [first, last] become null and are counted."""

    def convert(array: pa.Array) -> pa.Array:
        numbers = array.view(integers)
        found = pc.min_max(numbers)
        low, high = found["min"].as_py(), found["max"].as_py()
        if low is None or (first <= low and high <= last):
            return array
        good = pc.and_(pc.greater_equal(numbers, first), pc.less_equal(numbers, last))
        notes[note] += pc.sum(pc.invert(good)).as_py()
        return pc.if_else(good, array, pa.scalar(None, array.type))

    return convert


def _strict_json(array: pa.Array) -> pa.Array:
    """Some engines write NaN and Infinity into JSON; strict JSON has null there."""
    suspects = pc.match_substring_regex(array, "NaN|Infinity")
    if not pc.any(suspects).as_py():
        return array
    mended = [
        json.dumps(json.loads(text, parse_constant=lambda _: None), ensure_ascii=False)
        for text in array.filter(suspects).to_pylist()
    ]
    return pc.replace_with_mask(array, pc.fill_null(suspects, False), pa.array(mended, array.type))


def _spell_durations(array: pa.Array) -> pa.Array:
    return pa.array([None if value is None else iso_duration(*value) for value in array.to_pylist()], pa.string())


def iso_duration(months: int, days: int, nanoseconds: int) -> str:
    """An interval in ISO 8601: ``P1Y2M3DT4H5M6.5S``; each field carries its own sign, as SQL intervals do."""
    years, months = _split(months, 12)
    whole, fraction = _split(nanoseconds, 1_000_000_000)
    minutes, second = _split(whole, 60)
    hours, minutes = _split(minutes, 60)
    sign = "-" if nanoseconds < 0 else ""
    rest = f"{abs(second)}" + (f".{abs(fraction):09d}".rstrip("0") if fraction else "")
    day_part = "".join(f"{value}{unit}" for value, unit in ((years, "Y"), (months, "M"), (days, "D")) if value)
    time_part = "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M")) if value)
    if second or fraction:
        time_part += f"{sign}{rest}S"
    if not day_part and not time_part:
        return "PT0S"
    return f"P{day_part}" + (f"T{time_part}" if time_part else "")


def _split(value: int, unit: int) -> tuple[int, int]:
    """Whole units and the rest, both with the sign of ``value``."""
    whole, rest = divmod(abs(value), unit)
    return (whole, rest) if value >= 0 else (-whole, -rest)
