"""Where a run's rows come from: its query, the failed rows of another run, or rows that failed before, read again.

An `Intake` cuts them into portions; the extraction maps and stages each as one part.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from headrace.calls.batch import CallsBatch
from headrace.calls.mapping import Mapped


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows for one part, and how they become calls. Both functions run in a thread.

    ``map`` is given the number of the first row. ``known`` is given the part's calls and that number, and tells by
    destination what is settled before anything is sent: one `Settled` byte per call.
    """

    rows: int
    map: Callable[[int], Mapped]
    schema: pa.Schema | None  # the query's own; None where ``values`` of failed rows are not as a query gave them
    own_ids: bool  # whether rows bring their own messageIds, which may have come before
    known: Callable[[CallsBatch, int], Mapping[str, bytes]] | None = None


@dataclass(slots=True)
class Findings:
    """What an intake knows once all of its portions were taken."""

    as_of: int = 0  # the source's clock just before the query, Unix seconds
    columns: tuple[tuple[str, str], ...] = ()  # name and type
    own_ids: bool = False
    notes: Mapping[str, int] = field(default_factory=dict)  # sentence → values
    warnings: tuple[str, ...] = ()


class Intake(Protocol):
    """A source of portions. It is asked once; whoever stops early closes the generator."""

    found: Findings

    def portions(self) -> AsyncGenerator[Portion, None]:
        """The rows, in order. Raises `RunFailed` errors."""
        ...


async def recut(batches: AsyncIterator[pa.RecordBatch], rows: int, size: int) -> AsyncIterator[pa.RecordBatch]:
    """Re-cut a stream into batches of ``rows`` rows, fewer where ``size`` bytes are reached before.

    The first batch is passed on even when it is empty: it knows the columns.
    """
    waiting: list[pa.RecordBatch] = []
    count, weight, seen = 0, 0, False
    async for batch in batches:
        start = 0
        while batch.num_rows - start + count >= rows:
            waiting.append(batch.slice(start, rows - count))
            start += rows - count
            seen = True
            yield _one(waiting)
            waiting, count, weight = [], 0, 0
        rest = batch.slice(start)
        if rest.num_rows or not (seen or waiting):
            waiting.append(rest)
            count += rest.num_rows
            weight += rest.nbytes
        if weight >= size:
            seen = True
            yield _one(waiting)
            waiting, count, weight = [], 0, 0
    if waiting:
        yield _one(waiting)


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
