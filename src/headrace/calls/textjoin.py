"""Joining the texts of a column: the body of a request, where possible without a copy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Positions = Sequence[int] | npt.NDArray[np.int64]


def joined(texts: pa.LargeStringArray, positions: Positions, separator: bytes, ending: bytes) -> bytes | memoryview:
    """The texts at ascending ``positions`` joined by ``separator``; nulls are left out.

    Where every text already ends with the separator, the texts' own buffer is the answer, without a copy.
    """
    first, last = int(positions[0]), int(positions[-1])
    whole = last - first + 1 == len(positions)
    taken = texts.slice(first, len(positions)) if whole else texts.take(pa.array(np.asarray(positions, np.int64)))
    if taken.null_count:
        taken = taken.drop_null()
    if len(taken) == 0:
        return b""
    data, offsets = _buffer(taken), offsets_of(taken)
    if ending == separator:
        return data[offsets[0] : offsets[-1] - len(ending)]
    cuts = offsets.tolist()
    return separator.join([data[a : b - len(ending)] for a, b in pairwise(cuts)])


def offsets_of(texts: pa.LargeStringArray) -> npt.NDArray[np.int64]:
    """The 64-bit offsets of a text column into its buffer; one more than there are texts."""
    raw = np.frombuffer(texts.buffers()[1], np.int64)
    return raw[texts.offset : texts.offset + len(texts) + 1]


def _buffer(texts: pa.LargeStringArray) -> memoryview:
    data = texts.buffers()[2]
    return memoryview(b"") if data is None else memoryview(data)
