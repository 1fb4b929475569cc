"""A calls batch as the JSON that the Pipelines API, Segment and their kin share: one text per call, vectorised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from headrace.calls.batch import CallsBatch
from headrace.calls.isotext import iso_texts
from headrace.model import CallKind


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
    kind, pieces = calls.kind, [_text(f'{{"type":"{calls.kind.value}"')]
    for name, wire in _fields(kind):
        if calls.has(name):
            pieces += _field(calls.columns.column(name), name, f',"{wire}":')
    for name, text in (constants or {}).items():
        pieces.append(_text(f',"{name}":{text}'))
    if kind is not CallKind.ALIAS:
        with_type = object_type and calls.has("object_type_id")
        body = text_array(frame(calls).select(_with_object_type()).to_series()) if with_type else calls.column("body")
        pieces += [_text(f',"{kind.body}":'), body]
    return _joined([*pieces, _text("}" + ending)])


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


def _field(column: pa.Array, name: str, head: str) -> list[pa.Array | pa.Scalar]:
    """The pieces of one field: its head and its JSON; empty for calls without it."""
    if name in ("context", "integrations"):
        before, value, after = head, column, ""
    elif name == "timestamp":
        before, value, after = head + '"', iso_texts(column), '"'
    elif _harmless(column):
        before, value, after = head + '"', column, '"'
    else:
        before, value, after = head, text_array(pl.Series("v", column).to_frame().select(quoted("v")).to_series()), ""
    pieces = [_text(before), value, _text(after)]
    # One missing piece makes the joined field null, and a null field is no text at all.
    return [pc.binary_join_element_wise(*pieces, _text(""))] if column.null_count else pieces


def _text(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def _joined(pieces: Sequence[pa.Array | pa.Scalar]) -> pa.LargeStringArray:
    return pc.binary_join_element_wise(*pieces, _text(""), null_handling="replace", null_replacement="")


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
