"""What Mixpanel's tests share: single calls, and what they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from headrace.destinations.mixpanel.encode import encode
from headrace.destinations.mixpanel.words import Wording
from headrace.model import CallKind, Failure, Secret
from headrace.ports import Encoded
from headrace.testing.samples import calls_batch

SIMPLIFIED = Wording(Secret("T"), True, "company", True, "Loaded a Page", "Loaded a Screen")
ORIGINAL = replace(SIMPLIFIED, simplified=False)
MOMENT = datetime(2026, 11, 23, 15, 30, 0, 123_000, tzinfo=UTC)
MILLIS = 1_795_447_800_123
RESERVED = ("time", "distinct_id", "$insert_id", "$user_id", "$device_id", "token")


def encoded(kind: CallKind, wording: Wording = SIMPLIFIED, **columns: Sequence[Any]) -> Encoded:
    return encode(calls_batch(kind, columns), wording)


def texts(kind: CallKind, wording: Wording = SIMPLIFIED, **values: Any) -> dict[str, str]:
    """What one valid call says, by lane."""
    result = encoded(kind, wording, **{name: [value] for name, value in values.items()})
    assert not result.invalid
    said = {lane: column[0].as_py() for lane, column in result.lanes.items()}
    return {lane: text.removesuffix(",") for lane, text in said.items() if text is not None}


def properties(kind: CallKind = CallKind.TRACK, wording: Wording = SIMPLIFIED, **values: Any) -> dict[str, Any]:
    """The properties of the event that one call becomes."""
    event = orjson.loads(texts(kind, wording, **{"user_id": "u", "name": "E", **values})["import"])
    return dict(event["properties"])


def failure(kind: CallKind, wording: Wording = SIMPLIFIED, **values: Any) -> Failure:
    """Why one call is invalid."""
    result = encoded(kind, wording, **{name: [value] for name, value in values.items()})
    assert list(result.invalid) == [0]
    return result.invalid[0]
