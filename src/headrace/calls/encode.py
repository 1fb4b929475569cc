"""A calls batch as the JSON that the Pipelines API, Segment and their kin share: one text per call, vectorised."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa

from headrace.calls.batch import CallsBatch
from headrace.model import CallKind

ISO_MILLIS = "%Y-%m-%dT%H:%M:%S%.3fZ"


def frame(calls: CallsBatch) -> pl.DataFrame:
    """The calls batch as a polars frame, zero-copy."""
    result = pl.from_arrow(calls.columns)
    assert isinstance(result, pl.DataFrame)
    return result


def text_array(series: pl.Series) -> pa.LargeStringArray:
    """A text column of polars as one Arrow array with 64-bit offsets."""
    array = series.to_arrow(compat_level=pl.CompatLevel.oldest())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.cast(pa.large_string())


def quoted(name: str) -> pl.Expr:
    """A text column as JSON strings, quotes and escapes included; null stays null."""
    encoded = pl.struct(pl.col(name).alias("v")).struct.json_encode()  # {"v":…}
    return pl.when(pl.col(name).is_not_null()).then(encoded.str.strip_prefix('{"v":').str.strip_suffix("}"))


def pipelines_json(
    calls: CallsBatch, *, constants: Mapping[str, str] | None = None, ending: str = "", object_type: bool = False
) -> pa.LargeStringArray:
    """One JSON object per call, keys in the API's spelling, absent fields left out.

    ``constants`` are further top-level fields, name → JSON text, the same for every call; each text ends with
    ``ending`` (see `headrace.ports.Encoded`). ``object_type`` writes the type of a group's object into its traits,
    as Customer.io reads it.
    """
    kind, pieces = calls.kind, [pl.lit(f'{{"type":"{calls.kind.value}"')]
    for name, wire in _fields(kind):
        if calls.has(name):
            pieces += _field(calls, name, f',"{wire}":')
    for name, text in (constants or {}).items():
        pieces.append(pl.lit(f',"{name}":{text}'))
    if kind is not CallKind.ALIAS:
        body = _with_object_type() if object_type and calls.has("object_type_id") else pl.col("body")
        pieces += [pl.lit(f',"{kind.body}":'), body]
    return text_array(frame(calls).select(pl.concat_str([*pieces, pl.lit("}" + ending)])).to_series())


def _fields(kind: CallKind) -> list[tuple[str, str]]:
    return [
        ("message_id", "messageId"),
        ("user_id", "userId"),
        ("anonymous_id", "anonymousId"),
        ("group_id", "groupId"),
        ("previous_id", "previousId"),
        ("name", "event" if kind is CallKind.TRACK else "name"),
        ("category", "category"),
        ("timestamp", "timestamp"),
        ("context", "context"),
        ("integrations", "integrations"),
    ]


def _field(calls: CallsBatch, name: str, head: str) -> list[pl.Expr]:
    """The pieces of one field: its head and its JSON; nothing for calls without it."""
    column = calls.columns.column(name)
    if name in ("context", "integrations"):
        before, value, after = head, pl.col(name), ""
    elif name == "timestamp":
        before, after = head + '"', '"'
        value = pl.col(name).dt.replace_time_zone(None).dt.to_string(ISO_MILLIS)
    elif _harmless(column):
        before, value, after = head + '"', pl.col(name), '"'
    else:
        before, value, after = head, quoted(name), ""
    pieces = [pl.lit(before), value, *([pl.lit(after)] if after else [])]
    return [pl.concat_str(pieces).fill_null("")] if column.null_count else pieces


def _harmless(column: pa.LargeStringArray) -> bool:
    """Whether no text of a column has a character that JSON escapes: then quotes around it are enough.

    Judged over the buffer at once: bytes of UTF-8 beyond ASCII are never quotes, backslashes or controls.
    """
    data = column.buffers()[2]
    if data is None:
        return True
    octets = np.frombuffer(data, np.uint8)
    return not bool(((octets < 0x20) | (octets == 0x22) | (octets == 0x5C)).any())


def _with_object_type() -> pl.Expr:
    """The body with ``object_type_id`` put in front, where the call has one."""
    body = pl.col("body")
    rest = pl.when(body == "{}").then(pl.lit("}")).otherwise(pl.lit(",") + body.str.slice(1))
    put = pl.concat_str(pl.lit('{"object_type_id":'), quoted("object_type_id"), rest)
    return put.fill_null(body)
