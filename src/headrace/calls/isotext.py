"""Moments as ISO 8601 text, a column at a time: ``2026-01-02T03:04:05.678Z``.

Days repeat, so each is written once; the time of day is looked up digit pair by digit pair. Four times as fast as
formatting each moment.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_TEXT = np.dtype(
    [("day", "S10"), ("T", "S1"), ("hour", "S2"), ("c1", "S1"), ("minute", "S2"), ("c2", "S1"), ("second", "S2"),
     ("dot", "S1"), ("millis", "S3"), ("Z", "S1")]
)  # fmt: skip
_WIDTH = _TEXT.itemsize
_TWO = np.array([f"{n:02d}" for n in range(60)], "S2")
_THREE = np.array([f"{n:03d}" for n in range(1000)], "S3")
_DAY = 86_400_000  # milliseconds


def iso_texts(moments: pa.Array) -> pa.LargeStringArray:
    """A ``timestamp[ms, UTC]`` column of the years 1 to 9999 as text; null stays null."""
    if moments.null_count:
        written = iso_texts(moments.fill_null(0))
        return pc.if_else(moments.is_valid(), written, pa.scalar(None, pa.large_string()))
    ticks = np.frombuffer(moments.buffers()[1], np.int64)[moments.offset : moments.offset + len(moments)]
    if not len(ticks):
        return pa.array([], pa.large_string())
    days = ticks // _DAY
    rest = (ticks - days * _DAY).astype(np.int32)
    seconds = rest // 1000
    out = np.empty(len(ticks), _TEXT)
    out["day"], out["T"], out["Z"] = _days(days), b"T", b"Z"
    out["hour"], out["minute"], out["second"] = _TWO[seconds // 3600], _TWO[seconds // 60 % 60], _TWO[seconds % 60]
    out["c1"], out["c2"], out["dot"], out["millis"] = b":", b":", b".", _THREE[rest % 1000]
    offsets = np.arange(0, _WIDTH * len(ticks) + 1, _WIDTH, dtype=np.int64)
    return pa.LargeStringArray.from_buffers(len(ticks), pa.py_buffer(offsets), pa.py_buffer(out))


def _days(days: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.bytes_]]:
    """Each day as ``YYYY-MM-DD``, written once per distinct day."""
    distinct, where = np.unique(days, return_inverse=True)
    return np.datetime_as_string(distinct.astype("datetime64[D]")).astype("S10")[where]
