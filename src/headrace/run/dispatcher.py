"""The dispatcher: carries every live run that nobody holds, the oldest first, a few side by side.

A run waits in the ledger, not here: queued by the scheduler, the API or another process, or left behind by a process
that died. Of several dispatchers the run's lock lets one have it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from headrace.aio import first
from headrace.errors import Fenced, HeadraceError
from headrace.model import Run
from headrace.ports import Clock
from headrace.retry import RetryPolicy, wait
from headrace.run.job import Job
from headrace.store_port import Store

log = logging.getLogger(__name__)

GRACE = 30  # seconds that runs get to come to rest
LOOK_EVERY = 1.0  # seconds between two looks for runs that wait
_ELSEWHERE = 2.0  # seconds until a run that another process holds is tried again
_TROUBLE = RetryPolicy(base=2.0, cap=60.0)


class Engine(Protocol):
    """What carries a run, see `headrace.engines.embedded.EmbeddedEngine`."""

    async def take_up(self, run_id: str, watch: Callable[[Job], None]) -> Run | None:
        """Carry a run as far as it goes; None when another process has it in hand."""
        ...


@dataclass(slots=True)
class _Rest:
    """A run that is left alone for a while."""

    until: float  # monotonic seconds
    troubles: int = 0


class Dispatcher:
    """``at_once`` gives how many runs this process carries side by side.

    ``on_start`` is told of each run that was taken up, ``on_end`` of each that has ended here.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        clock: Clock,
        at_once: Callable[[], int],
        on_start: Callable[[Job], None] = lambda _: None,
        on_end: Callable[[Run], None] = lambda _: None,
    ) -> None:
        self._engine, self._store, self._clock, self._at_once = engine, store, clock, at_once
        self._on_start, self._on_end = on_start, on_end
        self.jobs: dict[str, Job] = {}  # those in the hands of this process, by run id
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._rests: dict[str, _Rest] = {}
        self._waiting: deque[str] = deque()  # runs that the last look has found, and that were not begun yet
        self._look_again = 0.0  # monotonic seconds
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Look now rather than within a second."""
        self._woken.set()

    async def keep_carrying(self, stop: asyncio.Event) -> None:
        """Carry runs until told to stop; then each run settles what is in flight, and waits for the next process."""
        self._stopping = False
        try:
            while not stop.is_set():
                self._woken.clear()
                await self._take_up()
                await first(self._clock.sleep(LOOK_EVERY), self._woken.wait(), stop.wait())
        finally:
            self._stopping = True
            for job in self.jobs.values():
                job.stop.set()
            await self._come_to_rest(list(self._tasks.values()))

    async def _come_to_rest(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Let what is in flight settle. What is not answered in time is given up, as a crash would: sent again later,
        with the same messageId."""
        if tasks:
            await first(self._clock.sleep(GRACE), asyncio.wait(tasks))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take_up(self) -> None:
        """Begin with runs that wait, as far as there is room."""
        if len(self._tasks) >= self._at_once():
            return
        now = self._clock.monotonic()
        if not self._waiting or now >= self._look_again:
            try:
                await self._look(now)
            except HeadraceError as error:
                log.warning(error.message, extra={"code": error.code})
                return
        while self._waiting and len(self._tasks) < self._at_once():
            run_id = self._waiting.popleft()
            rest = self._rests.get(run_id)
            if run_id not in self._tasks and (rest is None or rest.until <= now):
                self._tasks[run_id] = asyncio.create_task(self._carry(run_id), name=f"run {run_id}")

    async def _look(self, now: float) -> None:
        """Find all that wait. With hundreds of them, not after each run that ends."""
        live = await self._store.live_run_ids()
        known = set(live)
        self._rests = {run_id: rest for run_id, rest in self._rests.items() if run_id in known}
        self._waiting = deque(run_id for run_id in live if run_id not in self._tasks)
        self._look_again = now + LOOK_EVERY

    async def _carry(self, run_id: str) -> None:
        """Carry one run as far as it goes. What is not the run's own trouble leaves it as it is, for later."""
        try:
            run = await self._engine.take_up(run_id, self._begun)
            if run is None:
                self._leave_alone(run_id)
            else:
                self._rests.pop(run_id, None)
                if not run.state.live:
                    self._on_end(run)
        except HeadraceError as error:
            if isinstance(error, Fenced) or error.code == "run_ended":  # it came into other hands
                self._leave_alone(run_id)
            else:
                self._let_rest(run_id)
                log.warning(error.message, extra={"code": error.code, "run": run_id})
        except Exception:
            self._let_rest(run_id)
            log.exception("a run was left where it stands", extra={"run": run_id})
        finally:
            self.jobs.pop(run_id, None)
            del self._tasks[run_id]
            self._woken.set()

    def _begun(self, job: Job) -> None:
        self.jobs[job.id] = job
        if self._stopping:
            job.stop.set()
        self._on_start(job)

    def _leave_alone(self, run_id: str) -> None:
        """For a little while: who has it may die."""
        self._rests[run_id] = _Rest(self._clock.monotonic() + _ELSEWHERE)

    def _let_rest(self, run_id: str) -> None:
        """Longer from one time to the next, so that trouble that stays does not keep us busy."""
        troubles = self._rests[run_id].troubles + 1 if run_id in self._rests else 1
        self._rests[run_id] = _Rest(self._clock.monotonic() + wait(_TROUBLE, troubles, 1.0), troubles)
