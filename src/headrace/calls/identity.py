"""Identifiers and names: any column as text that says who or what, or as *bad* where it cannot."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import polars as pl
import pyarrow as pa

from headrace.calls.jsontext import strip_zeros
from headrace.calls.timestamps import native
from headrace.calls.values import Column, Work, dates, in_digits, iso_text, trimmed


def identifier(work: Work, column: Column, *, moments: bool = True) -> tuple[pl.Expr, pl.Expr | None]:
    """The column as identifier text (null where it is missing: null, blank, NaN), and where it is of no use.

    Numbers become decimal text without exponent or trailing zeros. Booleans, bytes, lists and objects are bad;
    so are dates and timestamps, unless ``moments`` are taken as ISO text.
    """
    types, kind, col = pa.types, column.type, pl.col(column.key)
    if column.json:
        texts, bad = from_json(work.frame[column.key])
        return work.add(texts), work.add(bad)
    if column.numeric:
        return work.add(digits(work.frame[column.key])), None
    if column.text or types.is_null(kind):
        return pl.when(col.str.strip_chars() != "").then(col), None
    if types.is_integer(kind):
        return col.cast(pl.String), None
    if types.is_decimal(kind):
        return trimmed(col.cast(pl.String)), None
    if types.is_floating(kind):
        return work.add(digits(work.frame[column.key])), None
    if moments and types.is_timestamp(kind):
        return work.add(iso_text(native(work.frame[column.key], work.options.timezone))), None
    if moments and types.is_date(kind):
        return work.add(dates(work.frame[column.key]).cast(pl.String)), None
    filled = pl.Series(work.batch.column(column.index).is_valid())
    return pl.lit(None, pl.String), work.add(filled)


def digits(column: pl.Series) -> pl.Series:
    """Floats and numerics of any size as plain decimal text: exact, no exponent; null for NaN and what is no number."""
    texts = [None if text is None else in_digits(text) for text in column.cast(pl.String).to_list()]
    return pl.Series([strip_zeros(text) if text else None for text in texts], dtype=pl.String)


def from_json(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """JSON texts and numbers are identifiers; objects, arrays and booleans are not; ``null`` is missing."""
    texts: list[str | None] = []
    bad: list[bool] = []
    for text in column.to_list():
        found, wrong = (None, False) if text is None else _one_json(text)
        texts.append(found)
        bad.append(wrong)
    return pl.Series(texts, dtype=pl.String), pl.Series(bad, dtype=pl.Boolean)


def _one_json(text: str) -> tuple[str | None, bool]:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None, True
    if value is None:
        return None, False
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None, True
    if isinstance(value, str):
        return (value if value.strip() else None), False
    return strip_zeros(f"{Decimal(text.strip()):f}"), False
