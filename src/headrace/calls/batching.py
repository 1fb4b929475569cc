"""Cutting encoded calls into batches by count and bytes, without a loop over rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from headrace.calls.textjoin import offsets_of
from headrace.ports import Encoded, Limits

Ints = npt.NDArray[np.int64]


def lengths(encoded: Encoded) -> Ints:
    """Bytes of each call over all lanes; a null counts nothing."""
    total: Ints | None = None
    for texts in encoded.lanes.values():
        size = np.maximum(np.diff(offsets_of(texts)) - len(encoded.ending), 0)
        total = size if total is None else total + size
    assert total is not None, "a destination encodes into at least one lane"
    return total


def cut(positions: Ints, sizes: Ints, limits: Limits) -> Iterator[Ints]:
    """Consecutive runs of ``positions`` whose ``sizes`` (same length, bytes) fit one request each.

    A call that alone is over the limit gets a batch of its own: whether it is too large was judged before.
    """
    ends = np.cumsum(sizes + 1)  # each call and the separator after it
    room = limits.bytes - limits.overhead
    start, count = 0, len(positions)
    while start < count:
        before = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, before + room, side="right"))
        stop = min(max(stop, start + 1), start + limits.calls)
        yield positions[start:stop]
        start = stop
