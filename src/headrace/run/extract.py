"""The first half of a run: read its rows, map them to calls, stage them as parts.

Nothing is sent. A crash in here starts the extraction anew; the parts it left are overwritten.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing

from headrace.aio import in_thread
from headrace.run.again import Wanted
from headrace.run.intake import Intake, Portion
from headrace.run.job import House, Job
from headrace.run.rows_again import AgainRows
from headrace.run.rows_query import QueryRows
from headrace.run.rows_resend import ResendRows
from headrace.run.rows_resend_received import ResendReceived
from headrace.run.staging import Progress, conclude, enter, leave_nothing, stage_mapped, to_deliver
from headrace.store_port import Staged


async def extract(house: House, job: Job) -> None:
    """Stage all rows of the run. Raises `RunFailed` errors; the caller ends the run."""
    await house.store.extract_anew(job.id, job.attempt)
    await leave_nothing(house, job)
    job.tally.phase = "extracting"
    progress = Progress(written_at=house.clock.monotonic())
    intakes = await _intakes(house, job)
    for intake in intakes:
        await _stage_all(house, job, intake, progress)
        progress.notes.update(intake.found.notes)
    found = intakes[0].found
    if found.own_ids:
        await enter(house, job, progress, last=True)
    warnings = [*_counted(progress.notes), *(warning for intake in intakes for warning in intake.found.warnings)]
    deliveries = await to_deliver(house, job, progress.parts, found.own_ids, progress.known)
    job.notices += warnings
    staged = Staged(found.as_of, found.columns, tuple(warnings), deliveries)
    await conclude(house, job, progress, staged)


async def _intakes(house: House, job: Job) -> list[Intake]:
    """Where the run's rows come from, one after the other; the first says what the run saw."""
    if job.run.kind == "resend":
        return [ResendReceived(house, job) if job.sync.call is None else ResendRows(house, job)]
    wanted = await Wanted.of(house, job)
    if not wanted:
        return [QueryRows(house, job)]
    return [QueryRows(house, job, wanted.meet), AgainRows(house, job, wanted)]


async def _stage_all(house: House, job: Job, intake: Intake, progress: Progress) -> None:
    """Read, map and stage side by side: a few parts in the air, the driver never far ahead."""
    room = asyncio.Semaphore(house.mappers)
    async with aclosing(intake.portions()) as portions, asyncio.TaskGroup() as group:
        async for portion in portions:
            job.heed()
            await room.acquire()
            seq, first_row = progress.next_part(portion.rows)
            work = group.create_task(_part(house, job, portion, seq, first_row, progress))
            work.add_done_callback(lambda _: room.release())
            await enter(house, job, progress)


async def _part(house: House, job: Job, portion: Portion, seq: int, first_row: int, progress: Progress) -> None:
    """One part: map its rows, write its calls and its invalid rows."""
    mapped = await in_thread(portion.map, first_row)
    await stage_mapped(
        house, job, seq, first_row, portion.rows, mapped, progress, portion.own_ids, schema=portion.schema
    )
    if portion.known is not None:
        known = await in_thread(portion.known, mapped.calls, first_row)
        progress.known.update({(seq, destination): outcomes for destination, outcomes in known.items()})


def _counted(notes: Counter[str]) -> list[str]:
    return [
        f"{sentence} ({count:,} {'value' if count == 1 else 'values'})" for sentence, count in sorted(notes.items())
    ]
