"""Time that passes only when nothing else can happen: hours of waiting in a moment, the same every time.

    async def story() -> None:
        await clock.sleep(3600)                # costs nothing

    simulate(story())

Threads are simulated too: what goes to one is done at once. A story in which every task waits for another, which
would hang for ever, fails instead.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

BEGIN = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)


def simulate(story: Coroutine[Any, Any, T]) -> T:
    """Run a story in virtual time and return its result."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(story)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to its next timer instead of waiting for it."""

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.elapsed

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], T], *args: *Arguments
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  whatever it is, it is for who waits
            future.set_exception(error)
        return future


class _Jumps(selectors.DefaultSelector):
    """A selector that never blocks; it counts the seconds for which it would have."""

    elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("Nothing can happen any more: every task waits for another.")
        self.elapsed += timeout
        return []


class FakeClock:
    """The time of the running loop, counted from `BEGIN`, and chance from a seed. A `headrace.ports.Clock`."""

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(seed)

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def random(self) -> float:
        return self._chance.random()
