"""The first half of a run: read the query's rows, map them to calls, stage them as parts.

Nothing is sent. A crash in here starts the extraction anew; the parts it left are overwritten.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from collections.abc import Mapping as Mapping_
from contextlib import aclosing
from dataclasses import dataclass, field

import pyarrow as pa

from headrace.aio import in_thread
from headrace.calls import failures
from headrace.calls.mapping import Mapped, Mapping
from headrace.errors import QueryError
from headrace.model import Delivery, Part, Settled, SyncState
from headrace.ports import Source, Staged
from headrace.query import render
from headrace.run.job import House, Job

_LEDGER_EVERY = 0.5  # seconds between two entries of finished parts


@dataclass(slots=True)
class _Progress:
    """What the extraction has found so far."""

    parts: list[Part] = field(default_factory=list)
    unwritten: list[Part] = field(default_factory=list)  # staged, not yet in the ledger
    notes: Counter[str] = field(default_factory=Counter)
    written_at: float = 0.0


async def extract(house: House, job: Job) -> None:
    """Stage the whole result of the query. Raises `RunFailed` errors; the caller ends the run."""
    await house.store.extract_anew(job.id, job.attempt)
    await house.stage.discard(job.id)
    job.tally.phase = "extracting"
    sql = render(job.sync.query, last_sync_time=cursor_of(job), limit=job.sync.limits.query)
    source = house.open_source(job.sync.source)
    try:
        as_of = math.floor((await source.now()).timestamp())
        progress, mapping = await _stage_all(house, job, source, sql, as_of)
        progress.notes.update(source.notes)
    finally:
        await source.close()
    await house.store.add_parts(job.id, job.attempt, progress.unwritten)
    columns = tuple((column.name, str(column.type)) for column in mapping.columns)
    before = await house.store.sync_state(job.sync.name)
    if not job.tally.extracted:  # without rows, some databases cannot tell the types of columns
        columns = before.columns or columns
    warnings = [*mapping.warnings, *_counted(progress.notes), *changes(before, columns)]
    deliveries = await _to_deliver(house, job, progress.parts, "message_id" in mapping.placement.envelope)
    staged = Staged(as_of, columns, tuple(warnings), deliveries)
    job.notices += warnings
    await house.store.staged(job.id, job.attempt, staged)


def cursor_of(job: Job) -> int:
    """The value of ``last_sync_time`` in the run's query."""
    return max(0, job.run.cursor - job.sync.lookback)


async def _stage_all(house: House, job: Job, source: Source, sql: str, as_of: int) -> tuple[_Progress, Mapping]:
    """Read, map and stage side by side: a few parts in the air, the driver never far ahead."""
    progress = _Progress(written_at=house.clock.monotonic())
    mapping: Mapping | None = None
    room = asyncio.Semaphore(house.mappers)
    rows, seq = 0, 0
    # Closed whatever happens: an open reader is a statement that still runs in the database.
    async with aclosing(source.read(sql)) as batches, asyncio.TaskGroup() as group:
        async for batch in _parts(batches, house.part_rows, house.part_bytes):
            job.heed()
            if mapping is None:
                mapping = Mapping(batch.schema, job.sync.call, job.sync.options, job.sync.limits)
            _within_limit(job, rows + batch.num_rows)
            if batch.num_rows:
                await room.acquire()
                work = group.create_task(_part(house, job, mapping, batch, seq, rows + 1, as_of, progress))
                work.add_done_callback(lambda _: room.release())
                seq += 1
            rows += batch.num_rows
            await _enter(house, job, progress)
    assert mapping is not None, "a source yields at least one batch"
    progress.parts.sort(key=lambda part: part.seq)
    return progress, mapping


def _within_limit(job: Job, rows: int) -> None:
    if rows > job.sync.limits.records:
        raise QueryError(
            f"The query of sync {job.sync.name!r} returns more than {job.sync.limits.records:,} rows; nothing "
            "was sent. Narrow it with {{last_sync_time}}, or raise limits.records.",
            code="too_many_records",
        )


async def _part(
    house: House, job: Job, mapping: Mapping, batch: pa.RecordBatch, seq: int, first_row: int, as_of: int,
    progress: _Progress,
) -> None:  # fmt: skip
    """One part: map its rows, write its calls and its invalid rows."""
    mapped = await in_thread(mapping.map, batch, first_row, job.id, as_of)
    size = await house.stage.write(job.id, seq, mapped.calls) if len(mapped.calls) else 0
    if len(mapped.calls) and "message_id" in mapping.placement.envelope:
        await house.seen.note(job.id, seq, mapped.calls.columns.column("message_id"))
    name = await _write_failures(house, job, seq, mapped) if mapped.failures else None
    part = Part(seq, first_row, batch.num_rows, len(mapped.calls), size, name)
    progress.parts.append(part)
    progress.unwritten.append(part)
    progress.notes.update(mapped.notes)
    job.tally.extracted += batch.num_rows
    job.tally.unmapped += batch.num_rows - len(mapped.calls)


async def _write_failures(house: House, job: Job, seq: int, mapped: Mapped) -> str:
    rows = [failures.Failed(row, None, failure, mapped.rows[row]) for row, failure in sorted(mapped.failures.items())]
    name = f"rows-{job.attempt:04d}-{seq:06d}"
    await house.errors.write(job.id, name, await in_thread(failures.table, rows))
    return name


async def _enter(house: House, job: Job, progress: _Progress) -> None:
    """Tell the ledger about finished parts now and then, so that others can see the extraction grow."""
    now = house.clock.monotonic()
    if progress.unwritten and now - progress.written_at >= _LEDGER_EVERY:
        parts, progress.unwritten = progress.unwritten, []
        progress.written_at = now
        await house.store.add_parts(job.id, job.attempt, parts)


async def _to_deliver(house: House, job: Job, parts: list[Part], own_ids: bool) -> list[Delivery]:
    """One delivery per part and destination, calls that are duplicates already marked.

    Ids that we derived ourselves (from run and row) cannot have come before: nothing to look for.
    """
    filled = [part for part in parts if part.calls]
    window = job.sync.deduplicate_for
    deliveries = []
    for destination in job.run.destinations:
        repeated: Mapping_[int, Sequence[int]] = {}
        if own_ids and window and filled:
            since = math.floor(house.clock.now().timestamp()) - window
            repeated = await house.seen.claim(job.id, destination, [part.seq for part in filled], since)
        for part in filled:
            outcomes = None
            if positions := repeated.get(part.seq):
                marks = bytearray(part.calls)
                for position in positions:
                    marks[position] = Settled.DUPLICATE
                outcomes = bytes(marks)
            deliveries.append(Delivery(part.seq, destination, part.calls, outcomes))
    return deliveries


async def _parts(batches: AsyncIterator[pa.RecordBatch], rows: int, size: int) -> AsyncIterator[pa.RecordBatch]:
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


def _counted(notes: Counter[str]) -> list[str]:
    return [
        f"{sentence} ({count:,} {'value' if count == 1 else 'values'})" for sentence, count in sorted(notes.items())
    ]


def changes(before: SyncState, columns: tuple[tuple[str, str], ...]) -> list[str]:
    """What is different from the columns of the last settled run, in sentences."""
    if not before.columns:
        return []
    old, new = dict(before.columns), dict(columns)
    found = [f"The column {name!r} is new since the last run." for name in new if name not in old]
    found += [f"The column {name!r} is gone since the last run." for name in old if name not in new]
    found += [
        f"The column {name!r} was {old[name]} in the last run and is {new[name]} now."
        for name in new
        if name in old and old[name] != new[name]
    ]
    return found
