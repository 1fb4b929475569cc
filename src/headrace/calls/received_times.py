"""When a received call happened: timestamps in every spelling that clients use, and clocks that are wrong.

A client tells when it sent a request (``sentAt``). Where that is far from our own clock, the client's clock is wrong,
and by as much its timestamps are: they are moved by the difference, ``receivedAt - (sentAt - timestamp)``. A
difference below a minute is the network's delay and moves nothing, so that a call that is sent again has the same
timestamp; one of more than a day is no clock but a request that was kept and sent again.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from headrace.calls.timestamps import moments

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
_DELAY, _KEPT = 60_000, 86_400_000  # milliseconds: differences that no clock explains
_FIRST = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // MILLISECOND
_LAST = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - EPOCH) // MILLISECOND
_DATED = re.compile(r"\d{4}-\d\d-\d\d")


def moment(value: Any) -> int | None:
    """Milliseconds since 1970 of ISO 8601 text or Unix time; None for null and blank text. Raises `ValueError`."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        found = _dated(text) if _DATED.match(text) else None
        return _read(text) if found is None else found
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("neither text nor a number")  # noqa: TRY004  the caller wants one error for all
    return _read(repr(value))


def corrected(timestamp: int, sent_at: int | None, received_at: int) -> int:
    """The timestamp by our clock."""
    if sent_at is None:
        return timestamp
    difference = received_at - sent_at
    moved = timestamp + difference
    return moved if _DELAY < abs(difference) <= _KEPT and _FIRST <= moved <= _LAST else timestamp


def _dated(text: str) -> int | None:
    """The usual spellings, quickly."""
    try:
        found = datetime.fromisoformat(text)
        zoned = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except ValueError:
        return None
    milliseconds = (zoned - EPOCH) // MILLISECOND
    return milliseconds if _FIRST <= milliseconds <= _LAST else None  # its zone may lead out of the calendar


def _read(text: str) -> int:
    """All that the mapping of rows reads, by the same rules."""
    found = moments(pl.Series([text], dtype=pl.String), "UTC").to_physical().to_list()[0]
    if found is None:
        raise ValueError("no moment")
    return int(found) // 1000
