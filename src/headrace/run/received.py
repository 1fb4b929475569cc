"""The first half of a run whose calls were received over HTTP: journals become parts.

What came since the sync's cursor, the number of the last journal that it delivered, is staged in windows: within one,
calls of one kind go into one part, and who somebody is goes before what they did.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from headrace.aio import in_thread
from headrace.calls.mapping import Mapped
from headrace.calls.received import Received, from_lines
from headrace.calls.received_parts import ORDER, as_text, calls_batch, failure_of
from headrace.errors import HeadraceError, StageFull
from headrace.journal import Journal
from headrace.model import CallKind, Failure
from headrace.run.job import House, Job
from headrace.run.staging import Progress, conclude, enter, leave_nothing, stage_mapped, to_deliver
from headrace.store_port import Staged


async def extract_received(house: House, job: Job) -> None:
    """Stage what the sync's source received since its last run. Raises `RunFailed` errors; the caller ends the run."""
    if house.journals is None:
        raise HeadraceError("This process receives no calls. Start the service: headrace serve", code="no_journals")
    await house.store.extract_anew(job.id, job.attempt)
    await leave_nothing(house, job)
    job.tally.phase = "extracting"
    waiting = await house.store.journals(job.sync.source, after=job.run.cursor)
    journals = list(_within(waiting, job.sync.limits.records))
    staging = _Staging(house, job, math.floor(house.clock.now().timestamp()), house.clock.monotonic())
    for journal in journals:
        job.heed()
        lines = await house.journals.read(journal)
        await staging.take(await in_thread(_calls, journal, lines), len(lines))
    await staging.flush()
    progress = staging.progress
    await enter(house, job, progress, last=True)
    deliveries = await to_deliver(house, job, progress.parts, own_ids=True)
    as_of = journals[-1].seq if journals else job.run.cursor
    await conclude(house, job, progress, Staged(as_of, (), (), deliveries))


def _within(journals: Sequence[Journal], calls: int) -> Iterator[Journal]:
    """As many as one run takes, at least one; the next run takes the others."""
    for number, journal in enumerate(journals):
        calls -= journal.calls
        if number and calls < 0:
            return
        yield journal


def _calls(journal: Journal, lines: bytes) -> list[Received]:
    try:
        return from_lines(lines)
    except ValueError as error:
        raise StageFull(
            f"The journal {journal.name!r} of the source {journal.source!r} is damaged: {error}. Put it back from a "
            "backup.",
            code="stage_failed",
        ) from error


@dataclass(slots=True)
class _Staging:
    """Calls on their way into parts: a window of them in memory at most."""

    house: House
    job: Job
    as_of: int
    began: float
    window: list[tuple[Received, Failure | None]] = field(default_factory=list)
    bytes: int = 0
    rows: int = 0
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.progress = Progress(written_at=self.began)

    async def take(self, calls: list[Received], size: int) -> None:
        """Add the calls of a journal of ``size`` bytes; stage what makes a window."""
        house, options = self.house, self.job.sync.options
        each = size // max(1, len(calls))
        for call in calls:
            self.window.append((call, failure_of(call, options)))
            self.bytes += each
            if len(self.window) >= house.part_rows or self.bytes >= house.part_bytes:
                await self.flush()

    async def flush(self) -> None:
        """Stage the window: a part for each kind of call in it, and one for what is no call."""
        window, self.window, self.bytes = self.window, [], 0
        for kind in ORDER:
            await self._part(kind, [call for call, failure in window if failure is None and call.kind == kind], [])
        wrong = [(call, failure) for call, failure in window if failure is not None]
        await self._part(ORDER[0], [], wrong)
        await enter(self.house, self.job, self.progress)

    async def _part(self, kind: CallKind, calls: list[Received], wrong: Sequence[tuple[Received, Failure]]) -> None:
        rows = len(calls) + len(wrong)
        if not rows:
            return
        first = self.rows + 1
        mapped = await in_thread(_mapped, kind, calls, wrong, first, self.as_of)
        seq = len(self.progress.parts)
        await stage_mapped(self.house, self.job, seq, first, rows, mapped, self.progress, own_ids=True)
        self.rows += rows


def _mapped(
    kind: CallKind, calls: Sequence[Received], wrong: Iterable[tuple[Received, Failure]], first: int, as_of: int
) -> Mapped:
    failures = {first + number: found for number, found in enumerate(wrong)}
    return Mapped(
        calls_batch(kind, calls, first, as_of),
        {row: failure for row, (_, failure) in failures.items()},
        {row: as_text(call) for row, (call, _) in failures.items()},
        {},
    )
