"""The second half of a run: one part to one destination."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

import numpy as np

from headrace.aio import in_thread
from headrace.calls.batch import CallsBatch
from headrace.calls.batching import cut, lengths
from headrace.model import Delivery, Failure, Settled
from headrace.ports import Batch, Encoded, Limits
from headrace.run.job import House, Job
from headrace.run.keep import Lookout
from headrace.run.send import Positions, Sender
from headrace.run.settle import Progress, Settler


async def deliver(house: House, job: Job, sender: Sender, settler: Settler, delivery: Delivery) -> None:
    """Send what is still pending of a part, and settle it.

    A crash in here costs nothing but the batches in flight, which are sent again with the same messageIds.
    """
    async with sender.lane.parts:
        job.heed()
        progress = settler.begin(delivery)
        calls = await house.stage.read(job.id, delivery.seq)
        encoded, sizes = await in_thread(_encode, sender, calls)
        limits = sender.destination.limits
        _leave_out(settler, progress, calls, encoded, _too_large(sizes, limits, sender.name))
        pending = np.flatnonzero(progress.outcomes == Settled.PENDING)
        try:
            batches = cut(pending, sizes[pending], limits)
            await _send_all(sender, settler, progress, calls, encoded, batches, Lookout.of(job, delivery))
        finally:
            await settler.end(progress)


def _encode(sender: Sender, calls: CallsBatch) -> tuple[Encoded, Positions]:
    encoded = sender.destination.encode(calls)
    return encoded, lengths(encoded)


def _too_large(sizes: Positions, limits: Limits, name: str) -> dict[int, Failure]:
    """Calls over the destination's own limit, which a row within the row limits can still be."""
    return {
        position: Failure(
            "call_too_large",
            f"The call takes {int(sizes[position]):,} bytes; the destination {name!r} takes at most "
            f"{limits.call_bytes:,} per call. Select less in the query.",
        )
        for position in np.flatnonzero(sizes > limits.call_bytes).tolist()
    }


def _leave_out(
    settler: Settler, progress: Progress, calls: CallsBatch, encoded: Encoded, too_large: dict[int, Failure]
) -> None:
    """Settle calls that this destination can never take, unless they are settled already."""
    invalid = {**too_large, **encoded.invalid}
    still = {p: failure for p, failure in invalid.items() if progress.outcomes[p] == Settled.PENDING}
    settler.failed(progress, calls, still, Settled.INVALID)


async def _send_all(
    sender: Sender, settler: Settler, progress: Progress, calls: CallsBatch, encoded: Encoded,
    batches: Iterator[Positions], lookout: Lookout,
) -> None:  # fmt: skip
    """Send the batches side by side. A batch keeps its place in the lane until it is settled."""
    lane = sender.lane
    errors: list[Exception] = []

    def known(taken: Positions, refused: Mapping[int, Failure]) -> None:
        settler.delivered(progress, taken)
        settler.failed(progress, calls, refused, Settled.REJECTED)

    async def one(positions: Positions, number: int) -> None:
        try:
            await sender.send(Batch(calls, encoded, positions, number), known, lookout)
        except Exception as error:  # noqa: BLE001  the first one is raised, when all batches have come to rest
            errors.append(error)
        finally:  # also when cancelled: other runs share the lane
            settler.then(lane.unsettled.release, urgent_at=lane.urgent_at)

    tasks: set[asyncio.Task[None]] = set()
    try:
        for number, positions in enumerate(batches):
            await lane.unsettled.acquire()
            if errors:
                lane.unsettled.release()
                break
            task = asyncio.create_task(one(positions, number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
    except asyncio.CancelledError:  # whoever carries the run is being ended: nothing of it may go on
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    if errors:
        raise errors[0]
