"""Columns of values as JSON, a whole column at a time.

Each column of a query becomes a `Value`: either an expression that polars writes as JSON inside a struct (``plain``),
or an expression that already is JSON text (``plain`` False). Types follow one table:

    integer, boolean, text          as they are        decimal, NUMERIC      exact number, no trailing zeros
    float                           number; NaN, ±Inf → null, counted       JSON          embedded
    timestamp                       …T…:….mmmZ, UTC    date, time, duration  ISO 8601
    binary                          base64 or hex      list, struct, map     nested
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Literal

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from headrace.calls import jsontext
from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.calls.isotext import iso_texts
from headrace.calls.timestamps import native
from headrace.model import MapOptions

_NUMBER = r"^-?(0|[1-9]\d*)(\.\d+)?$"
_PLAIN = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary(), pa.float16(): pa.float32()}
_LONGEST_NUMBER = 2_000  # digits; beyond, an exponent is kept
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, in days since 1970


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the query, and what it is beyond its Arrow type."""

    index: int
    name: str
    type: pa.DataType
    json: bool
    numeric: bool

    @classmethod
    def of(cls, index: int, field: pa.Field) -> Column:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        said = (field.metadata or {}).get(b"headrace")
        numeric = said == NUMERIC_FIELD[b"headrace"] or _beyond(kind)
        return cls(index, field.name, kind, said == JSON_FIELD[b"headrace"], numeric)

    @property
    def key(self) -> str:
        """Its name in the working frame; the query's own names may repeat or collide."""
        return f"c{self.index}"

    @property
    def text(self) -> bool:
        return is_text(self.type) and not self.json and not self.numeric


@dataclass(frozen=True, slots=True)
class Value:
    """JSON of one column. ``bad`` marks values that are not what the column says; ``odd`` those sent as null."""

    text: pl.Expr
    plain: bool
    bad: pl.Expr | None = None
    odd: pl.Expr | None = None


@dataclass(slots=True)
class Work:
    """One batch being mapped: the working frame, to which computed columns are added, and its Arrow original."""

    batch: pa.RecordBatch
    frame: pl.DataFrame
    options: MapOptions
    odd: Counter[str] = field(default_factory=Counter)  # column → values sent as null, found on the way
    added: int = 0

    def add(self, series: pl.Series) -> pl.Expr:
        """Put a computed column into the frame and name it."""
        name = f"w{self.added}"
        self.added += 1
        self.frame = self.frame.with_columns(series.alias(name))
        return pl.col(name)


def _beyond(kind: pa.DataType) -> bool:
    """Decimals that polars cannot hold."""
    return bool(pa.types.is_decimal256(kind) or (pa.types.is_decimal(kind) and kind.scale < 0))


def is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def in_plain_types(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch without types that not everything here can take: views as plain ones, huge decimals as text."""
    types = [_PLAIN.get(kind, pa.string() if _beyond(kind) else kind) for kind in batch.schema.types]
    if types == batch.schema.types:
        return batch
    arrays = [array.cast(kind) for array, kind in zip(batch.columns, types, strict=True)]
    fields = [f.with_type(kind) for f, kind in zip(batch.schema, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def frame_of(batch: pa.RecordBatch, columns: list[Column], options: MapOptions) -> pl.DataFrame:
    """The batch as a polars frame with safe column names, zero-copy but for dictionaries."""
    arrays = [
        array.dictionary_decode() if pa.types.is_dictionary(array.type) else array.cast(pa.large_string())
        if pa.types.is_null(array.type) else array
        for array in batch.columns
    ]  # fmt: skip
    kept = [(c.key, a) for c, a in zip(columns, arrays, strict=True) if not _deep(c.type, options)]
    table = pa.Table.from_arrays([a for _, a in kept], names=[name for name, _ in kept])
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame if kept else pl.DataFrame({"rows": pl.zeros(batch.num_rows, eager=True)})


def value(work: Work, column: Column) -> Value:
    """How one column is written as JSON."""
    if column.json:
        return _json(work, column)
    if column.numeric:
        return _numeric(work, column)
    if pa.types.is_nested(column.type):
        return _nested(work, column)
    if pa.types.is_temporal(column.type):
        return _temporal(work, column)
    return _simple_value(work, column)


def _simple_value(work: Work, column: Column) -> Value:
    types, kind, col, options = pa.types, column.type, pl.col(column.key), work.options
    if types.is_floating(kind):
        floats = work.frame[column.key]
        if floats.is_finite().all():
            return Value(col, plain=True)
        return _perhaps_odd(work, column, floats.set(~floats.is_finite(), None))
    if types.is_decimal(kind):
        text = col.cast(pl.String)
        if options.decimals == "string":
            return Value(text, plain=True)
        cut = text.str.strip_chars_end("0").str.strip_chars_end(".")
        return Value(cut if kind.scale > 0 else text, plain=False)
    if types.is_integer(kind) and options.big_integers == "string" and kind.bit_width == 64:
        big = (col > 2**53) | (col < -(2**53)) if types.is_signed_integer(kind) else col > 2**53
        text = col.cast(pl.String)
        return Value(pl.when(big).then(pl.concat_str(pl.lit('"'), text, pl.lit('"'))).otherwise(text), plain=False)
    if _is_binary(kind):
        return Value(col.bin.encode("hex" if options.binary == "hex" else "base64"), plain=True)
    return Value(col, plain=True)


def _temporal(work: Work, column: Column) -> Value:
    types, kind, series = pa.types, column.type, work.frame[column.key]
    if types.is_timestamp(kind):
        return _perhaps_odd(work, column, iso_text(native(series, work.options.timezone)))
    if types.is_date(kind):
        return _perhaps_odd(work, column, dates(series))
    if types.is_time(kind):
        return Value(trimmed(pl.col(column.key).dt.to_string("%H:%M:%S%.9f")), plain=True)
    return Value(work.add(_durations(series)), plain=True)


def _nested(work: Work, column: Column) -> Value:
    if _deep(column.type, work.options):
        return _deep_value(work, column)
    work.odd[column.name] += _not_finite(work.batch.column(column.index))
    return Value(pl.col(column.key), plain=True)


def _not_finite(array: pa.Array) -> int:
    """How many floats deep in lists are NaN or infinite."""
    while pa.types.is_nested(array.type):
        array = array.flatten()
    return int(pc.sum(pc.invert(pc.is_finite(array))).as_py() or 0) if pa.types.is_floating(array.type) else 0


def _perhaps_odd(work: Work, column: Column, written: pl.Series) -> Value:
    """A value whose column has become ``written``; what is null only there could not be written."""
    col = work.add(written)
    lost = written.null_count() > work.frame[column.key].null_count()
    return Value(col, plain=True, odd=pl.col(column.key).is_not_null() & col.is_null() if lost else None)


def iso_text(moments: pl.Series) -> pl.Series:
    """UTC moments as ``YYYY-MM-DDTHH:MM:SS.mmmZ``."""
    millis = (moments.to_physical() // 1000).cast(pl.Datetime("ms", "UTC")).to_arrow()
    return pl.Series(iso_texts(millis.combine_chunks() if isinstance(millis, pa.ChunkedArray) else millis))


def trimmed(text: pl.Expr) -> pl.Expr:
    """Numbers without trailing fractional zeros; whole numbers as they are."""
    cut = text.str.strip_chars_end("0").str.strip_chars_end(".")
    return pl.when(text.str.contains(".", literal=True)).then(cut).otherwise(text)


def _json(work: Work, column: Column) -> Value:
    col = pl.col(column.key)
    valid = jsontext.valid(work.frame[column.key])
    return Value(col, plain=False, bad=None if valid.all() else work.add(~valid.fill_null(True)))


def dates(column: pl.Series) -> pl.Series:
    """Dates that ISO 8601 can spell; others become null, and would be the end of polars."""
    days = column.to_physical() if column.dtype == pl.Date else column.to_physical() // 86_400_000
    return days.set((days < _FIRST_DAY) | (days > _LAST_DAY), None).cast(pl.Int32).cast(pl.Date)


def _numeric(work: Work, column: Column) -> Value:
    given = work.frame[column.key]
    plain = given.str.contains(_NUMBER)
    if plain.all():
        bad, col, odd = None, pl.col(column.key), None
    else:  # exponents, NaN, infinities: one by one
        numbers = [text if ok or text is None else in_digits(text) for text, ok in zip(given, plain, strict=True)]
        bad = work.add(pl.Series([number is False for number in numbers], dtype=pl.Boolean))
        col = work.add(pl.Series([number or None for number in numbers], dtype=pl.String))
        odd = pl.col(column.key).is_not_null() & col.is_null() & ~bad
    if work.options.decimals == "string":  # as the source gave it
        return Value(pl.when(col.is_not_null()).then(pl.col(column.key)), plain=True, bad=bad, odd=odd)
    return Value(trimmed(col), plain=False, bad=bad, odd=odd)


def in_digits(number: str) -> str | Literal[False] | None:
    """A number's digits; None if it is not finite, False if it is no number."""
    try:
        value = Decimal(number)
    except InvalidOperation:
        return False
    if not value.is_finite():
        return None
    _, digits, exponent = value.as_tuple()
    short = isinstance(exponent, int) and abs(exponent) + len(digits) <= _LONGEST_NUMBER
    return f"{value:f}" if short else str(value)


def _durations(series: pl.Series) -> pl.Series:
    assert isinstance(series.dtype, pl.Duration)
    nanos = {"ns": 1, "us": 1_000, "ms": 1_000_000}[series.dtype.time_unit]
    ticks = series.to_physical().to_list()
    return pl.Series([None if t is None else jsontext.duration(t * nanos) for t in ticks], dtype=pl.String)


def _deep_value(work: Work, column: Column) -> Value:
    def count() -> None:
        work.odd[column.name] += 1

    write = jsontext.Writer(work.options, count).of(column.type)
    texts = [None if v is None else write(v) for v in work.batch.column(column.index).to_pylist()]
    return Value(work.add(pl.Series(texts, dtype=pl.String)), plain=False)


def _is_binary(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    )  # fmt: skip


def _deep(kind: pa.DataType, options: MapOptions) -> bool:
    """Nested types that polars would not write as the table above says: they go value by value."""
    return bool(pa.types.is_nested(kind)) and not _simple(kind, options)


def _simple(kind: pa.DataType, options: MapOptions) -> bool:
    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind):
        return not kind.value_field.metadata and _simple(kind.value_type, options)
    if types.is_integer(kind):
        return options.big_integers == "number"
    return bool(types.is_boolean(kind) or types.is_floating(kind) or types.is_date32(kind) or is_text(kind))
