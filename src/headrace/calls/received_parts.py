"""Received calls as calls batches: one kind each, as the stage holds them and destinations encode them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pyarrow as pa

from headrace.calls.batch import ENVELOPE, CallsBatch
from headrace.calls.received import Received, as_call
from headrace.model import CallKind, Failure, MapOptions

# Parts of one window are delivered in this order, so that who somebody is goes before what they did.
ORDER = (
    CallKind.IDENTIFY,
    CallKind.ALIAS,
    CallKind.GROUP,
    CallKind.PAGE,
    CallKind.SCREEN,
    CallKind.TRACK,
)
_TEXTS = ("user_id", "anonymous_id", "group_id", "previous_id", "name", "category", "object_type_id")
_OBJECTS = ("context", "integrations", "body")
_WIRE = ("type", "messageId", "userId", "anonymousId", "groupId", "timestamp", "context", "integrations")
_NO_EMAIL_IDENTITY = Failure(
    "missing_identifier",
    "The call has no 'userId' or 'anonymousId', and an e-mail address alone does not stand for a person here. Set "
    "email_identity in the sync to let it.",
    "userId",
)


def failure_of(call: Received, options: MapOptions) -> Failure | None:
    """Why a call is not delivered by a sync with these options; None for one that is."""
    if call.code or options.email_identity or call.kind != CallKind.IDENTIFY:
        return call.failure
    return None if call.user_id or call.anonymous_id else _NO_EMAIL_IDENTITY


def calls_batch(kind: CallKind, calls: Sequence[Received], first_row: int, as_of: int) -> CallsBatch:
    """Calls of one kind, numbered from ``first_row``."""
    columns: dict[str, pa.Array] = {
        "row": pa.array(range(first_row, first_row + len(calls)), pa.int64()),
        "message_id": pa.array([call.message_id for call in calls], pa.large_string()),
    }
    for name in _TEXTS:
        texts = [getattr(call, name) for call in calls]
        if any(text is not None for text in texts):
            columns[name] = pa.array(texts, pa.large_string())
    columns["timestamp"] = pa.array([call.timestamp for call in calls], pa.int64()).cast(ENVELOPE["timestamp"])
    for name in _OBJECTS:
        raws = [getattr(call, name) for call in calls]
        if name == "body" or any(raws):
            columns[name] = _json(raws, b"{}" if name == "body" else None)
    schema = pa.schema([(name, ENVELOPE[name]) for name in columns])
    return CallsBatch(kind, pa.RecordBatch.from_arrays(list(columns.values()), schema=schema), as_of, _meta(kind))


def as_text(call: Received) -> str:
    """The call as it came, for the error file: JSON of an object."""
    return (bytes(call.given) if call.given else msgspec.json.encode(as_call(call))).decode()


def _json(raws: Sequence[msgspec.Raw], nothing: bytes | None) -> pa.Array:
    texts = [bytes(raw) if raw else nothing for raw in raws]
    return pa.array(texts, pa.large_binary()).cast(pa.large_string())


def _meta(kind: CallKind) -> dict[str, list[list[object]]]:
    """Where each field of the call stands in it: by this a refused call is given back as it came."""
    own = {CallKind.TRACK: ("event",), CallKind.ALIAS: ("previousId",), CallKind.GROUP: ()}
    named = own.get(kind, () if kind is CallKind.IDENTIFY else ("name", "category"))
    body = () if kind is CallKind.ALIAS else (kind.body,)
    return {"columns": [[name, "string", [name]] for name in (*_WIRE, *named, *body)]}
