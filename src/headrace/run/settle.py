"""Settling: outcomes become durable, many at once: a few times a second, and sooner when much is in flight.

A batch counts as in flight until it is settled; that bounds what a crash can send twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from headrace.aio import first, in_thread
from headrace.calls import failures
from headrace.calls.batch import CallsBatch
from headrace.calls.failures import Failed
from headrace.model import Delivery, Failure, Settled
from headrace.run.job import House, Job

NAMES = {
    Settled.PENDING: "pending",
    Settled.DELIVERED: "delivered",
    Settled.DUPLICATE: "duplicate",
    Settled.INVALID: "invalid",
    Settled.REJECTED: "rejected",
}
_EVERY = 0.25  # seconds


@dataclass(slots=True)
class Progress:
    """One part on its way to one destination: an outcome per call, and the failures not yet written."""

    seq: int
    destination: str
    outcomes: npt.NDArray[np.uint8]
    errors: tuple[str, ...] = ()
    failed: list[Failed] = field(default_factory=list)
    dirty: bool = False

    def mark(self, positions: npt.NDArray[np.int64], outcome: int) -> None:
        self.outcomes[positions] = outcome
        self.dirty = True

    @property
    def done(self) -> bool:
        return bool((self.outcomes != Settled.PENDING).all())


class Settler:
    """Collects the progress of one run and writes it down: error files first, then the ledger."""

    def __init__(self, house: House, job: Job) -> None:
        self._house, self._job = house, job
        self._open: dict[tuple[int, str], Progress] = {}
        self._files = 0
        self._writing = asyncio.Lock()
        self._error: Exception | None = None
        self._waiting: list[Callable[[], None]] = []  # called when what is known now has become durable
        self._urgent = asyncio.Event()

    def begin(self, delivery: Delivery) -> Progress:
        """Take a delivery up where the ledger says it stands."""
        known = delivery.outcomes
        outcomes = np.frombuffer(known, np.uint8).copy() if known else np.zeros(delivery.calls, np.uint8)
        progress = Progress(delivery.seq, delivery.destination, outcomes, delivery.errors)
        self._open[delivery.seq, delivery.destination] = progress
        return progress

    def failed(self, progress: Progress, calls: CallsBatch, found: Mapping[int, Failure], outcome: int) -> None:
        """Note calls, by position, that were not taken."""
        if found:
            positions = np.fromiter(found, np.int64)
            progress.mark(positions, outcome)
            progress.failed += failures.of_calls(calls, found, progress.destination)
            self.count(progress.destination, outcome, len(found))

    def then(self, settled: Callable[[], None], *, urgent_at: int) -> None:
        """Call ``settled`` once all that is noted by now is durable; hurry when that many calls are waiting."""
        if self._error is not None:  # nothing becomes durable any more; who waits for room shall find that out
            settled()
            return
        self._waiting.append(settled)
        if len(self._waiting) >= urgent_at:
            self._urgent.set()

    def delivered(self, progress: Progress, positions: npt.NDArray[np.int64]) -> None:
        progress.mark(positions, Settled.DELIVERED)
        self.count(progress.destination, Settled.DELIVERED, len(positions))

    def count(self, destination: str, outcome: int, calls: int) -> None:
        self._job.tally.settled[destination][NAMES[outcome]] += calls

    async def end(self, progress: Progress) -> None:
        """Write what is open of a part, and forget it."""
        await self.flush()
        self._open.pop((progress.seq, progress.destination), None)

    async def keep_flushing(self) -> None:
        """Write what came in, until cancelled."""
        with contextlib.suppress(Exception):  # it stopped the job, and the parts in work will raise it again
            while True:
                await first(self._house.clock.sleep(_EVERY), self._urgent.wait())
                self._urgent.clear()
                await self.flush()

    async def flush(self) -> None:
        """Make everything noted so far durable. Once that has failed, it fails for good: what is known is in doubt."""
        async with self._writing:
            waiting, self._waiting = self._waiting, []
            try:
                if self._error is not None:
                    raise self._error
                await self._flush()
            except Exception as error:
                self._error = error
                self._job.stop.set()
                raise
            finally:
                for settled in waiting:
                    settled()

    async def _flush(self) -> None:
        at = math.floor(self._house.clock.now().timestamp())
        # Outcomes and failures are taken together, before anything is awaited: they must tell the same.
        taken = [_take(progress) for progress in self._open.values() if progress.dirty]
        for progress, _, rows in taken:
            if rows:
                progress.errors = (*progress.errors, await self._write_failures(rows))
        deliveries = [
            Delivery(progress.seq, progress.destination, len(outcomes), outcomes, at, progress.errors)
            for progress, outcomes, _ in taken
        ]
        if deliveries:
            await self._house.store.settle(self._job.id, self._job.attempt, deliveries)

    async def _write_failures(self, rows: list[Failed]) -> str:
        self._files += 1
        name = f"calls-{self._job.attempt:04d}-{self._files:06d}"
        await self._house.errors.write(self._job.id, name, await in_thread(failures.table, rows))
        return name


def _take(progress: Progress) -> tuple[Progress, bytes, list[Failed]]:
    rows, progress.failed, progress.dirty = progress.failed, [], False
    return progress, progress.outcomes.tobytes(), rows
