"""Moments of any spelling, as UTC: native timestamps, dates, ISO text, and Unix numbers of any magnitude."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl

# Microseconds of 0001-01-01T00:00:00Z and of the moment before 10000-01-01T00:00:00Z: what ISO 8601 can spell.
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
_DAY, _END_OF_2099 = 86_400_000_000, 4_102_444_799_999_999
_ISO = (
    r"^\s*(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2})(?::(\d{2}))?(?:[.,](\d{1,9}))?)?"
    r"\s*(?:([Zz])|([+-])(\d{2})(?::?(\d{2}))?)?\s*$"
)
_NUMBER = r"^\s*[+-]?\d+(\.\d*)?\s*$"


def moments(column: pl.Series, zone: str) -> pl.Series:
    """The column as ``Datetime(us, UTC)``, floored; null where it is null, blank, unreadable or out of range."""
    kind = column.dtype
    if kind == pl.String:
        found = _from_text(column, zone)
    elif kind == pl.Date:
        days = column.to_physical().cast(pl.Int64)
        found = localized((days * 86_400_000_000).cast(pl.Datetime("us")), zone)
    elif isinstance(kind, pl.Datetime):
        found = native(column, zone)
    elif kind.is_decimal():
        found = _from_number(column.cast(pl.String).cast(pl.Float64))
    elif kind.is_numeric():
        found = _from_number(column)
    else:
        found = pl.Series(column.name, [None] * len(column), pl.Datetime("us", "UTC"))
    return _in_range(found)


def _in_range(moments: pl.Series) -> pl.Series:
    ticks = moments.to_physical()
    return moments.set((ticks < _FIRST) | (ticks > _LAST), None)


def native(column: pl.Series, zone: str) -> pl.Series:
    """A native timestamp column as ``Datetime(us, UTC)``, floored; ``zone`` is that of naive ones."""
    kind = column.dtype
    assert isinstance(kind, pl.Datetime)
    micros = {"ns": pl.col("t") // 1000, "us": pl.col("t"), "ms": pl.col("t") * 1000}[kind.time_unit]
    reach = _LAST // 1000 + 86_400_000 if kind.time_unit == "ms" else _LAST + 86_400_000_000
    ticks = column.to_physical().alias("t").to_frame().select(
        pl.when(pl.lit(kind.time_unit == "ns") | pl.col("t").is_between(-reach, reach)).then(micros)
    )  # fmt: skip
    moved = ticks.to_series().cast(pl.Datetime("us"))
    found = localized(moved, zone) if kind.time_zone is None else moved.dt.replace_time_zone("UTC")
    return _in_range(found)


def localized(column: pl.Series, zone: str) -> pl.Series:
    """Naive local times as UTC. An ambiguous one takes the earlier, one in a gap moves forward by the gap."""
    if zone == "UTC":
        return column.dt.replace_time_zone("UTC")
    known = column.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    found = known.dt.convert_time_zone("UTC")
    # Polars knows the zones' rules up to 2099; what it does not know, or what lies in a gap, goes one by one.
    ticks = column.to_physical()
    spelled = (ticks >= _FIRST + _DAY) & (ticks <= _LAST - _DAY)  # what Python's datetime can hold, in any zone
    gaps = (spelled & (found.is_null() | (ticks > _END_OF_2099))).fill_null(False).arg_true()
    if len(gaps):
        place = ZoneInfo(zone)
        moved = [_shift(local, place) for local in column.gather(gaps).to_list()]
        found = found.scatter(gaps, pl.Series(moved, dtype=found.dtype))
    return found


def _shift(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _from_number(column: pl.Series) -> pl.Series:
    """Unix seconds, milliseconds, microseconds or nanoseconds, told apart by magnitude."""
    if column.dtype.is_float():
        column = column.set(~column.is_finite(), None)
    n = pl.col("n")
    size = n.abs() if column.dtype.is_float() else n.cast(pl.Float64).abs()
    micros = (
        pl.when(size < 1e11)
        .then(_scaled(n, column, 1_000_000))
        .when(size < 1e14)
        .then(_scaled(n, column, 1_000))
        .when(size < 1e17)
        .then(_scaled(n, column, 1))
        .otherwise((n // 1000).cast(pl.Int64, strict=False))
    )
    return column.alias("n").to_frame().select(micros.cast(pl.Datetime("us", "UTC"))).to_series().alias(column.name)


def _scaled(n: pl.Expr, column: pl.Series, factor: int) -> pl.Expr:
    if column.dtype.is_float():
        return (n * factor).floor().cast(pl.Int64, strict=False)
    return n.cast(pl.Int64, strict=False) * factor


def _from_text(column: pl.Series, zone: str) -> pl.Series:
    text = column.alias("t")
    parsed = text.to_frame().select(pl.col("t").str.extract_groups(_ISO).struct.unnest())
    names = ["date", "minute", "second", "fraction", "zulu", "sign", "hours", "minutes"]
    parsed.columns = names
    col = pl.col
    clock = pl.concat_str(col("date"), pl.lit("T"), col("minute").fill_null("00:00"), pl.lit(":"),
                          col("second").fill_null("00"))  # fmt: skip
    local = clock.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    micros = col("fraction").str.pad_end(9, "0").str.head(6).cast(pl.Int64).fill_null(0)
    offset = col("hours").cast(pl.Int64) * 60 + col("minutes").cast(pl.Int64).fill_null(0)
    offset = pl.when(col("sign") == "-").then(-offset).otherwise(offset)
    offset = pl.when(col("hours").cast(pl.Int64).is_between(0, 23)).then(offset)
    fields = parsed.select(
        local=local + pl.duration(microseconds=micros),
        zoned=col("zulu").is_not_null() | col("sign").is_not_null(),
        offset=pl.when(col("zulu").is_not_null()).then(0).otherwise(offset),
    )
    fixed = fields.select((col("local") - pl.duration(minutes=col("offset"))).dt.replace_time_zone("UTC")).to_series()
    floating = localized(fields["local"], zone)
    number = text.str.contains(_NUMBER)
    if not number.any():
        unix = pl.Series([None] * len(text), dtype=pl.Datetime("us", "UTC"))
    else:
        unix = _from_numeric_text(text, number)
    found = pl.DataFrame({"z": fields["zoned"], "n": number, "f": fixed, "l": floating, "u": unix})
    pick = pl.when("n").then("u").when("z").then("f").otherwise("l")
    return found.select(pick).to_series().alias(column.name)


def _from_numeric_text(text: pl.Series, number: pl.Series) -> pl.Series:
    """Whole numbers stay exact; fractions go through floats."""
    stripped = text.str.strip_chars()
    whole = _from_number(stripped.cast(pl.Int64, strict=False))
    fraction = _from_number(stripped.cast(pl.Float64, strict=False))
    frame = pl.DataFrame({"w": whole, "f": fraction, "n": number})
    return frame.select(pl.when("n").then(pl.coalesce("w", "f"))).to_series()
