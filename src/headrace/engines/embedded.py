"""The embedded engine: runs live in this process, carried by asyncio."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from headrace.errors import HeadraceError, RunFailed, RunLive, StageFull
from headrace.model import Problem, Run, RunState
from headrace.run.coroutine import run_sync
from headrace.run.job import Job, Stopped
from headrace.run.worker import Worker

_ASK_EVERY = 1.0  # seconds between two looks for a request to cancel


class _Ctx:
    """The run coroutine's way to the worker: here, a plain call."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def do(self, step: str, *args: Any) -> Any:
        return await self._worker.do(step, *args)

    async def gather(self, work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """All of them to their end, even when one stops: what is in flight must settle."""
        results = await asyncio.gather(*work, return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        for error in sorted(errors, key=lambda error: isinstance(error, Stopped)):  # the cause before who heeded it
            raise error
        return results


class EmbeddedEngine:
    """Carries runs in this process. A run whose process died is taken up by whoever carries it next."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._house = worker.house

    async def carry(self, run: Run, watch: Callable[[Job], None] = lambda _: None) -> Run:
        """Carry a live run to its end, or until its job's ``stop`` is set, and tell how it stands.

        Raises `RunLive` when another process has it in hand. ``watch`` is given the job as soon as there is one.
        """
        carried = await self.take_up(run.id, watch)
        if carried is None:
            raise RunLive(
                f"The sync {run.sync!r} is running now, in another process (run {run.id}). Wait for its end, or "
                f"cancel it: headrace cancel {run.id}",
                run_id=run.id,
            )
        return carried

    async def take_up(self, run_id: str, watch: Callable[[Job], None]) -> Run | None:
        """The same for a run of which only the id is known; None when another process has it in hand."""
        release = self._house.locks.hold(run_id)
        if release is None:
            return None
        try:
            return await self._carry(run_id, watch)
        finally:
            release()

    async def _carry(self, run_id: str, watch: Callable[[Job], None]) -> Run:
        store = self._house.store
        run = await store.run(run_id)  # read again: now that we hold its lock, it cannot change under us
        if run is None or not run.state.live:
            raise HeadraceError(f"The run {run_id!r} has ended already.", code="run_ended")
        job = await self._worker.take(run)
        watch(job)
        if run.cancel_requested:
            job.stop.set()
        asking = asyncio.create_task(self._heed_cancel(job))
        try:
            await run_sync(_Ctx(self._worker), run_id)
        except Stopped:
            if await store.cancel_requested(run_id):
                await self._worker.end(job, Problem("cancelled", "The run was cancelled."), RunState.CANCELLED)
        except StageFull:
            raise  # our own trouble, as is any error that is not the run's: it stays as it is, to be continued
        except RunFailed as error:
            await self._worker.end(job, Problem(error.code, error.message))
        finally:
            asking.cancel()
            await self._worker.leave(run_id)
        if job.ended is not None:
            return job.ended
        stopped = await store.run(run_id)
        assert stopped is not None
        return stopped

    async def _heed_cancel(self, job: Job) -> None:
        while not job.stop.is_set():
            await self._house.clock.sleep(_ASK_EVERY)  # most runs end before the first question
            with contextlib.suppress(HeadraceError):  # of the store; the steps will meet it too
                if await self._house.store.cancel_requested(job.id):
                    job.stop.set()
