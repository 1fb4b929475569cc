"""One batch, sent until its outcome is known: retried, split, or given up with the cause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.errors import DestinationDenied, DestinationDown, Unreachable
from headrace.exchange import noted
from headrace.model import Failure
from headrace.ports import Batch, Clock, Destination, Reply, Verdict
from headrace.retry import RetryPolicy, wait
from headrace.run.job import Job
from headrace.run.keep import Lookout
from headrace.run.lane import Lane

Positions = npt.NDArray[np.int64]
Known = Callable[[Positions, Mapping[int, Failure]], None]  # told the calls that are in, and those refused
_NONE: Positions = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends batches of one run to one destination."""

    name: str
    destination: Destination
    lane: Lane
    job: Job
    clock: Clock
    retry: RetryPolicy

    async def send(self, batch: Batch, known: Known, lookout: Lookout | None = None) -> None:
        """Deliver the batch, and tell ``known`` what became of its calls as soon as it is certain.

        ``lookout`` sees what went over HTTP, should it want to. Raises `DestinationDenied` or `DestinationDown` when
        delivering makes no sense any more, and `Stopped`.
        """
        left = [batch]  # a stack rather than recursion: a destination may refuse thousands of calls one by one
        while left:
            batch = left.pop()
            reply = await self._until_answered(batch, lookout)
            left += [_some(batch, again) for again in self._told(batch, reply, known)]

    def _told(self, batch: Batch, reply: Reply, known: Known) -> list[Positions]:
        """Tell what a final answer makes certain; returns what is to be sent again, the last first."""
        positions = np.asarray(batch.positions, np.int64)
        failed = {int(positions[index]): failure for index, failure in reply.failed.items()}
        others = np.delete(positions, list(reply.failed))
        if reply.verdict is Verdict.ACCEPTED:
            known(others, failed)
            return []
        if failed:  # it said which: the others go again without them
            known(_NONE, failed)
            return [others] if len(others) else []
        if len(batch) == 1:
            known(_NONE, {int(positions[0]): Failure(reply.code or "refused", _sentence(self.name, reply))})
            return []
        # Refused as a whole for one bad call or for its size: halves, until the bad call is alone.
        return np.array_split(positions, 2)[::-1]

    async def _until_answered(self, batch: Batch, lookout: Lookout | None) -> Reply:
        """Send until the answer is final: accepted or refused."""
        began, tries = self.clock.monotonic(), 0
        while True:
            tries += 1
            async with self.lane.turn(self.job):
                reply = await self._once(batch, lookout)
            if reply.verdict is Verdict.DENIED:
                raise DestinationDenied(
                    f"The destination {self.name!r} refuses us: {reply.reason}. Check its credentials and address.",
                    code=reply.code or None,
                )
            if reply.verdict is not Verdict.RETRY:
                self.job.tally.waiting.pop(self.name, None)
                return reply
            delay = wait(self.retry, tries, self.clock.random(), reply.after)
            tried = self.clock.monotonic() - began
            if tried + delay > self.retry.give_up_after:
                raise DestinationDown(
                    f"The destination {self.name!r} did not take a batch in {tries} tries over {tried:.0f} s: "
                    f"{reply.reason}. Run the sync again when it works.",
                )
            if reply.after is not None:
                self.lane.hold(delay)
            self.job.tally.waiting[self.name] = f"try {tries + 1} in {delay:.1f} s: {reply.reason}"
            await self.job.pause(self.clock, delay)

    async def _once(self, batch: Batch, lookout: Lookout | None) -> Reply:
        if lookout is None or not lookout.wants(batch.positions):
            return await self._sent(batch)
        with noted() as exchanges:
            reply = await self._sent(batch)
        lookout.note(batch.positions, exchanges)
        return reply

    async def _sent(self, batch: Batch) -> Reply:
        try:
            return await self.destination.send(batch)
        except Unreachable as error:
            return Reply(Verdict.RETRY, code=error.code, reason=error.message)


def _some(batch: Batch, positions: Positions) -> Batch:
    return Batch(batch.calls, batch.encoded, positions, batch.number)


def _sentence(name: str, reply: Reply) -> str:
    return f"The destination {name!r} refused the call: {reply.reason or reply.code}"
