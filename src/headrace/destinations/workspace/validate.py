"""Calls a workspace can never take, found before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from headrace.calls.batch import CallsBatch
from headrace.destinations.workspace.records import Call, email_of, read_calls
from headrace.destinations.workspace.semantic import is_semantic, lacking
from headrace.model import CallKind, Failure


def invalid(calls: CallsBatch) -> dict[int, Failure]:
    """By position: semantic events that lack a part, and identify calls that name nobody."""
    if calls.kind is CallKind.TRACK:
        return dict(_judged(calls, _semantic_positions(calls), lacking))
    if calls.kind is CallKind.IDENTIFY:
        return dict(_judged(calls, _unnamed_positions(calls), _nameless))
    return {}


def _judged(
    calls: CallsBatch, positions: list[int], judge: Callable[[Call], Failure | None]
) -> Iterator[tuple[int, Failure]]:
    for position, call in zip(positions, read_calls(calls.take(positions)), strict=True):
        try:
            failure = judge(call)
        except orjson.JSONDecodeError as error:
            failure = Failure("bad_json", f"The call's JSON cannot be read: {error}. Mend the text in that row.")
        if failure is not None:
            yield position, failure


def _semantic_positions(calls: CallsBatch) -> list[int]:
    """Where the rare semantic events stand; names are compared once each."""
    names = calls.column("name")
    if names is None:
        return []
    distinct = pc.unique(names)
    special = distinct.filter(pa.array(is_semantic(distinct.to_pylist()), pa.bool_()))
    positions: list[int] = pc.indices_nonzero(pc.is_in(names, special)).to_pylist()
    return positions


def _unnamed_positions(calls: CallsBatch) -> list[int]:
    """Where neither userId nor anonymousId is given."""
    unnamed = pa.array([True] * len(calls)) if len(calls) else pa.array([], pa.bool_())
    for name in ("user_id", "anonymous_id"):
        column = calls.column(name)
        if column is not None:
            unnamed = pc.and_(unnamed, pc.is_null(column))
    positions: list[int] = pc.indices_nonzero(unnamed).to_pylist()
    return positions


def _nameless(call: Call) -> Failure | None:
    if email_of(orjson.loads(call.body)):
        return None
    message = "The call names nobody: it has no userId, no anonymousId and no traits.email as text. Select one of them."
    return Failure("missing_identifier", message, "userId")
