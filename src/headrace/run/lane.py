"""A lane: one destination's own pace. Requests in flight, requests per second, waits that the destination demands.

A lane belongs to a destination, not to a run: several runs that deliver to the same account share it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from headrace.ports import Clock, Limits
from headrace.run.job import Job


class Lane:
    """Lets requests through one by one within the destination's limits."""

    def __init__(self, limits: Limits, clock: Clock, open_parts: int) -> None:
        self.limits = limits
        self._clock = clock
        at_once = 1 if limits.ordered else limits.in_flight
        self._in_flight = asyncio.Semaphore(at_once)
        # Batches sent, or about to be, and not yet settled. In order: none before the last one's answer is final.
        self.unsettled = asyncio.Semaphore(1 if limits.ordered else 2 * at_once)
        self.urgent_at = at_once
        self._gap = 1.0 / limits.rate if limits.rate else 0.0  # seconds between two requests, on average
        self._burst = min(1.0, self._gap * limits.in_flight)  # seconds a quiet lane may catch up at once
        self._next = clock.monotonic()
        self._held_until = 0.0
        self.parts = asyncio.Semaphore(1 if limits.ordered else open_parts)

    @asynccontextmanager
    async def turn(self, job: Job) -> AsyncIterator[None]:
        """Wait for a free request; raise `Stopped` if the run is to stop meanwhile."""
        async with self._in_flight:
            await self._wait(job)
            yield

    def hold(self, seconds: float) -> None:
        """Let nothing through for a while: the destination asked for it."""
        self._held_until = max(self._held_until, self._clock.monotonic() + seconds)

    async def _wait(self, job: Job) -> None:
        job.heed()
        while True:
            while (held := self._held()) > 0:
                await job.pause(self._clock, held)
            if not self._gap:
                return
            now = self._clock.monotonic()
            self._next = max(self._next, now - self._burst) + self._gap
            if self._next > now:
                await job.pause(self._clock, self._next - now)
            if self._held() <= 0:  # else the destination asked for a pause while we waited for our place
                return

    def _held(self) -> float:
        return self._held_until - self._clock.monotonic()
