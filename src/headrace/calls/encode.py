"""A calls batch as the JSON that the Pipelines API, Segment and their kin share: one text per call, vectorised."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pyarrow as pa

from headrace.calls.batch import CallsBatch
from headrace.model import CallKind

_TEXT = (
    ("user_id", "userId"),
    ("anonymous_id", "anonymousId"),
    ("group_id", "groupId"),
    ("previous_id", "previousId"),
)
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
    kind = calls.kind
    pieces: list[pl.Expr] = [pl.lit(f'{{"type":"{kind.value}","messageId":'), quoted("message_id")]
    for name, wire in _TEXT:
        if calls.has(name):
            pieces.append(_optional(wire, name))
    if calls.has("name"):
        pieces.append(_optional("event" if kind is CallKind.TRACK else "name", "name"))
    if calls.has("category"):
        pieces.append(_optional("category", "category"))
    if calls.has("timestamp"):
        stamp = pl.col("timestamp").dt.replace_time_zone(None).dt.to_string(ISO_MILLIS)
        pieces.append(pl.concat_str(pl.lit(',"timestamp":"'), stamp, pl.lit('"')).fill_null(""))
    for name in ("context", "integrations"):
        if calls.has(name):
            pieces.append(pl.concat_str(pl.lit(f',"{name}":'), pl.col(name)).fill_null(""))
    for name, text in (constants or {}).items():
        pieces.append(pl.lit(f',"{name}":{text}'))
    if kind is CallKind.ALIAS:
        pieces.append(pl.lit("}" + ending))
    elif object_type and calls.has("object_type_id"):
        pieces += [pl.lit(f',"{kind.body}":'), _with_object_type(), pl.lit("}" + ending)]
    else:
        pieces += [pl.lit(f',"{kind.body}":'), pl.col("body"), pl.lit("}" + ending)]
    return text_array(frame(calls).select(pl.concat_str(pieces)).to_series())


def _optional(wire: str, name: str) -> pl.Expr:
    return pl.concat_str(pl.lit(f',"{wire}":'), quoted(name)).fill_null("")


def _with_object_type() -> pl.Expr:
    """The body with ``object_type_id`` put in front, where the call has one."""
    body = pl.col("body")
    rest = pl.when(body == "{}").then(pl.lit("}")).otherwise(pl.lit(",") + body.str.slice(1))
    put = pl.concat_str(pl.lit('{"object_type_id":'), quoted("object_type_id"), rest)
    return put.fill_null(body)
