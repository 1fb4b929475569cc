"""The calls batch: one call per row, as columns of text. What the stage holds and destinations encode.

An Arrow record batch with some of these columns; a column that no row could fill is absent.

    row           int64         number of the row in its run, from 1; ascending
    message_id    large_string  never null
    user_id, anonymous_id, group_id, previous_id
                  large_string  null where the row gives none
    name          large_string  the event of a track call, the name of a page or screen
    category      large_string  of a page or screen
    object_type_id  large_string  of a group, where the body does not already hold ``object_type_id``
    timestamp     timestamp[ms, UTC]
    context, integrations
                  large_string  JSON text of an object; null where the row gives none
    body          large_string  JSON text of an object: traits or properties; never null

Schema metadata (`CallsBatch.wrap` writes it) makes a part describe itself: kind, as_of, and the placement of the
source's columns, by which `headrace errors` gives a refused call's row back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from headrace.calls.textjoin import Positions
from headrace.model import CallKind

# Field metadata by which a source says that text is more than text.
JSON_FIELD = {b"headrace": b"json"}  # valid JSON text
NUMERIC_FIELD = {b"headrace": b"numeric"}  # a decimal number of any size; also NaN, Infinity, -Infinity

ENVELOPE: Mapping[str, pa.DataType] = {
    "row": pa.int64(),
    "message_id": pa.large_string(),
    "user_id": pa.large_string(),
    "anonymous_id": pa.large_string(),
    "group_id": pa.large_string(),
    "previous_id": pa.large_string(),
    "name": pa.large_string(),
    "category": pa.large_string(),
    "object_type_id": pa.large_string(),
    "timestamp": pa.timestamp("ms", tz="UTC"),
    "context": pa.large_string(),
    "integrations": pa.large_string(),
    "body": pa.large_string(),
}

_WIRE = {
    "message_id": "messageId",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "previous_id": "previousId",
    "category": "category",
}


@dataclass(frozen=True, slots=True)
class CallsBatch:
    """Calls of one kind. ``as_of`` (Unix seconds) is the moment the query saw, for APIs that demand a time."""

    kind: CallKind
    columns: pa.RecordBatch
    as_of: int = 0
    meta: Mapping[str, Any] | None = None

    def __len__(self) -> int:
        return int(self.columns.num_rows)

    def has(self, name: str) -> bool:
        return name in self.columns.schema.names

    def column(self, name: str) -> pa.Array | None:
        """A column, or None where no row could fill it."""
        return self.columns.column(name) if self.has(name) else None

    def take(self, positions: Positions) -> CallsBatch:
        taken = self.columns.take(pa.array(positions, pa.int64()))
        return CallsBatch(self.kind, taken, self.as_of, self.meta)

    def dicts(self, positions: Positions | None = None) -> Iterator[dict[str, Any]]:
        """Each call as the Pipelines API spells it: ``type``, ``userId``, … , ``traits`` or ``properties``."""
        columns = self.columns if positions is None else self.columns.take(pa.array(positions, pa.int64()))
        names = columns.schema.names
        for values in zip(*(column.to_pylist() for column in columns.columns), strict=True):
            yield _call(self.kind, dict(zip(names, values, strict=True)))

    def wrap(self) -> pa.RecordBatch:
        """The columns with kind, as_of and meta in the schema's metadata, for the stage."""
        head = {"kind": self.kind.value, "as_of": self.as_of, "meta": self.meta or {}}
        return self.columns.replace_schema_metadata({b"headrace": json.dumps(head).encode()})

    @classmethod
    def unwrap(cls, columns: pa.RecordBatch) -> CallsBatch:
        head = json.loads(columns.schema.metadata[b"headrace"])
        return cls(CallKind(head["kind"]), columns, head["as_of"], head["meta"])


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: ``2026-01-02T03:04:05.678Z``."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _call(kind: CallKind, values: Mapping[str, Any]) -> dict[str, Any]:
    call: dict[str, Any] = {"type": kind.value}
    for name, wire in _WIRE.items():
        if values.get(name) is not None:
            call[wire] = values[name]
    if values.get("name") is not None:
        call["event" if kind is CallKind.TRACK else "name"] = values["name"]
    if values.get("timestamp") is not None:
        call["timestamp"] = iso(values["timestamp"])
    for name in ("context", "integrations"):
        if values.get(name) is not None:
            call[name] = json.loads(values[name])
    if kind is not CallKind.ALIAS:
        call[kind.body] = json.loads(values["body"])
    return call
