"""Calls to test destinations with: ordinary ones, bare ones, and ones full of awkward text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa

from headrace.calls.batch import ENVELOPE, CallsBatch
from headrace.model import CallKind

AS_OF = 1_795_449_600  # Unix seconds: 2026-11-23T16:00:00Z
MOMENT = datetime(2026, 11, 23, 15, 30, 0, 123_000, tzinfo=UTC)

AWKWARD = (
    'quote " and backslash \\',
    "newline \n tab \t null \x00 bell \x07 delete \x7f",
    "line separators \u2028 \u2029 and a mark \ufeff",
    "Zoë 木村 🚀 e\u0301 \U0010ffff",
    "</script><script>alert(1)</script>",
    "{{last_sync_time}} ${NAME} %s {0}",
    "-",
)
"""Texts that break careless encoders: one per call of `awkward_calls`."""


def calls_batch(kind: CallKind, columns: Mapping[str, Sequence[Any]], *, as_of: int = AS_OF) -> CallsBatch:
    """A calls batch from columns by name; ``row``, ``message_id`` and ``body`` are filled in where not given."""
    count = len(next(iter(columns.values())))
    given: dict[str, Sequence[Any]] = {
        "row": range(1, count + 1),
        "message_id": [f"message-{number:04d}" for number in range(count)],
        "body": ["{}"] * count,
        **columns,
    }
    arrays = {name: pa.array(given[name], ENVELOPE[name]) for name in ENVELOPE if name in given}
    return CallsBatch(kind, pa.RecordBatch.from_pydict(arrays), as_of)


def sample_calls(kind: CallKind, n: int = 10) -> CallsBatch:
    """Ordinary calls: ``user-0000``… (``group-0000``… for groups), with everything a call of its kind can have."""
    numbers = range(n)
    columns = {
        **_bare_columns(kind, n),
        "timestamp": [MOMENT] * n,
        "context": [orjson.dumps({"ip": "192.0.2.1"}).decode()] * n,
        "body": [
            orjson.dumps({"email": f"{k}@example.com", "visits": k, "paid": k % 2 == 0, "tags": ["a", None]}).decode()
            for k in numbers
        ],
    }
    if kind is not CallKind.ALIAS:
        columns["anonymous_id"] = [None if k % 2 else f"anonymous-{k:04d}" for k in numbers]
    if kind in (CallKind.PAGE, CallKind.SCREEN):
        columns["category"] = ["shop"] * n
    if kind is CallKind.GROUP:
        columns["object_type_id"] = [None if k % 2 else "2" for k in numbers]
    return calls_batch(kind, columns)


def bare_calls(kind: CallKind, n: int = 3) -> CallsBatch:
    """Calls with only what their kind must have: every optional column is absent."""
    return calls_batch(kind, _bare_columns(kind, n))


def awkward_calls(kind: CallKind) -> CallsBatch:
    """One call for each text of `AWKWARD`: as its identity, as its name, and inside its body."""
    columns = _bare_columns(kind, len(AWKWARD))
    columns[identity_column(kind)] = list(AWKWARD)
    if "name" in columns:
        columns["name"] = list(AWKWARD)
    columns["body"] = [orjson.dumps({"text": text, text: {"nested": [text]}}).decode() for text in AWKWARD]
    return calls_batch(kind, columns)


def identity_column(kind: CallKind) -> str:
    """The column that says whom or what a call is about."""
    return "group_id" if kind is CallKind.GROUP else "user_id"


def _bare_columns(kind: CallKind, n: int) -> dict[str, Sequence[Any]]:
    """The columns without which there is no call of this kind."""
    numbers = range(n)
    columns: dict[str, Sequence[Any]] = {"user_id": [f"user-{k:04d}" for k in numbers]}
    if kind is CallKind.GROUP:
        columns["group_id"] = [f"group-{k:04d}" for k in numbers]
    if kind is CallKind.ALIAS:
        columns["previous_id"] = [f"before-{k:04d}" for k in numbers]
    if kind is CallKind.TRACK:
        columns["name"] = ["Order Completed"] * n
    if kind in (CallKind.PAGE, CallKind.SCREEN):
        columns["name"] = ["Pricing"] * n
    return columns
