"""Mapped rows become parts: written to the stage, entered into the ledger, and planned for every destination."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from headrace.aio import in_thread
from headrace.calls import failures
from headrace.calls.mapping import Mapped
from headrace.model import Delivery, Part, Settled
from headrace.run.job import House, Job
from headrace.store_port import Staged

_LEDGER_EVERY = 0.5  # seconds between two entries of finished parts

Outcomes = Mapping[tuple[int, str], bytes]
"""What is settled before anything is sent: part number and destination → one `Settled` byte per call."""


@dataclass(slots=True)
class Progress:
    """What the extraction has found so far."""

    parts: list[Part] = field(default_factory=list)
    unwritten: list[Part] = field(default_factory=list)  # staged, not yet in the ledger
    notes: Counter[str] = field(default_factory=Counter)  # sentence → values
    known: dict[tuple[int, str], bytes] = field(default_factory=dict)  # see `Outcomes`
    written_at: float = 0.0
    next_seq: int = 0
    rows: int = 0  # that have their place in a part

    def next_part(self, rows: int) -> tuple[int, int]:
        """Number and first row of the next part, which gets so many rows."""
        seq, first_row = self.next_seq, self.rows + 1
        self.next_seq += 1
        self.rows += rows
        return seq, first_row


async def stage_mapped(
    house: House, job: Job, seq: int, first_row: int, rows: int, mapped: Mapped, progress: Progress, own_ids: bool,
    schema: pa.Schema | None = None,
) -> Part:  # fmt: skip
    """Write one part: its calls, their messageIds where rows bring their own, and its invalid rows.

    ``rows`` counts what was read for it, from row number ``first_row``; ``schema`` is the query's, and kept with the
    invalid rows so that they can be mapped again.
    """
    size = await house.stage.write(job.id, seq, mapped.calls) if len(mapped.calls) else 0
    if len(mapped.calls) and own_ids:
        job.own_ids = True
        await house.seen.note(job.id, seq, mapped.calls.columns.column("message_id"))
    name = await _write_failures(house, job, seq, mapped, schema) if mapped.failures else None
    part = Part(seq, first_row, rows, len(mapped.calls), size, name)
    progress.parts.append(part)
    progress.unwritten.append(part)
    progress.notes.update(mapped.notes)
    job.tally.extracted += rows
    job.tally.unmapped += rows - len(mapped.calls)
    return part


async def _write_failures(house: House, job: Job, seq: int, mapped: Mapped, schema: pa.Schema | None) -> str:
    rows = [failures.Failed(row, None, failure, mapped.rows[row]) for row, failure in sorted(mapped.failures.items())]
    name = f"rows-{job.attempt:04d}-{seq:06d}"
    await house.errors.write(job.id, name, await in_thread(failures.table, rows, schema))
    return name


async def leave_nothing(house: House, job: Job) -> None:
    """Remove what an earlier worker of the run may have staged."""
    if job.attempt > 1:
        await house.stage.discard(job.id)


async def enter(house: House, job: Job, progress: Progress, *, last: bool = False) -> None:
    """Tell the ledger about finished parts now and then, so that others can see the extraction grow.

    ``last``: before messageIds are claimed, which a worker that was replaced must not do. Raises `Fenced` for it.
    """
    now = house.clock.monotonic()
    if last or (progress.unwritten and now - progress.written_at >= _LEDGER_EVERY):
        parts, progress.unwritten = progress.unwritten, []
        progress.written_at = now
        await house.store.add_parts(job.id, job.attempt, parts)


async def conclude(house: House, job: Job, progress: Progress, staged: Staged) -> None:
    """Tell the ledger that all is staged, together with the parts that it does not know yet."""
    parts, progress.unwritten = progress.unwritten, []
    await house.store.staged(job.id, job.attempt, replace(staged, parts=parts))
    job.staged, job.parts = staged, sorted(progress.parts, key=lambda part: part.seq)


async def to_deliver(
    house: House, job: Job, parts: Sequence[Part], own_ids: bool, already: Outcomes | None = None
) -> list[Delivery]:
    """One delivery per part and destination, calls that are duplicates already marked.

    Ids that we derived ourselves (from run and row) cannot have come before: nothing to look for. ``already`` holds
    outcomes that are known from the start for other reasons.
    """
    filled = [part for part in sorted(parts, key=lambda part: part.seq) if part.calls]
    window = job.sync.deduplicate_for
    deliveries = []
    for destination in job.run.destinations:
        repeated: Mapping[int, Sequence[int]] = {}
        if own_ids and window and filled:
            since = math.floor(house.clock.now().timestamp()) - window
            repeated = await house.seen.claim(job.id, destination, [part.seq for part in filled], since)
        for part in filled:
            outcomes = (already or {}).get((part.seq, destination))
            if positions := repeated.get(part.seq):
                marks = bytearray(outcomes or bytes(part.calls))
                for position in positions:
                    marks[position] = Settled.DUPLICATE
                outcomes = bytes(marks)
            deliveries.append(Delivery(part.seq, destination, part.calls, outcomes))
    return deliveries
