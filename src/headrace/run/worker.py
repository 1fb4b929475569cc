"""The worker: carries out the steps of runs, knows which run is in whose hands, and stops when asked to."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from headrace.config import sync_from_json
from headrace.errors import HeadraceError, QueryError, RunFailed, StageFull
from headrace.model import Check, Delivery, Problem, Run, RunState
from headrace.ports import Destination
from headrace.query import relocated
from headrace.retry import RetryPolicy, wait
from headrace.run import again, keep
from headrace.run.deliver import deliver
from headrace.run.extract import extract
from headrace.run.job import House, Job, Stopped
from headrace.run.lane import Lane
from headrace.run.received import extract_received
from headrace.run.rows_query import cursor_of
from headrace.run.send import Sender
from headrace.run.settle import Settler

_CHECK_TRIES, _CHECK_WAITS = 5, RetryPolicy(base=0.25)  # 4 s in all
Told = dict[str, str] | None  # a problem as JSON


@dataclass(slots=True)
class _Bench:
    """What a worker has open for one job."""

    job: Job
    settler: Settler
    senders: dict[str, Sender] = field(default_factory=dict)
    deliveries: dict[tuple[int, str], Delivery] = field(default_factory=dict)
    broken: dict[str, Told] = field(default_factory=dict)  # destinations to which delivering was given up
    flushing: asyncio.Task[None] | None = None


class Worker:
    """Carries out steps by name, for any engine. `take` opens a run, `leave` closes it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._benches: dict[str, _Bench] = {}
        self._lanes: dict[str, Lane] = {}
        self._steps: dict[str, Callable[..., Awaitable[Any]]] = {
            "plan": self._plan,
            "extract": self._extract,
            "outstanding": self._outstanding,
            "deliver": self._deliver,
            "finish": self._finish,
        }

    async def take(self, run: Run) -> Job:
        """Take a live run up; from now on any earlier worker's writes are refused."""
        attempt = await self.house.store.take(run.id, self.house.clock.now())
        job = Job(run, sync_from_json(dict(run.spec)), attempt)
        job.tally.settled = {name: Counter() for name in run.destinations}
        self._benches[run.id] = _Bench(job, Settler(self.house, job))
        return job

    async def leave(self, run_id: str) -> None:
        """Settle what is known and close what is open."""
        bench = self._benches.pop(run_id)
        if bench.flushing is not None:
            bench.flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await bench.flushing
        for sender in bench.senders.values():
            await sender.destination.close()

    async def do(self, step: str, run_id: str, *args: Any) -> Any:
        """Carry out a step. Raises `Stopped`; every `RunFailed` becomes the run's problem."""
        bench = self._benches[run_id]
        with self.house.spans(step, bench.job.run.sync, run_id):
            return await self._steps[step](bench, *args)

    # ------------------------------------------------------------------------------------------------------- steps

    async def _plan(self, bench: _Bench) -> dict[str, Any]:
        """Open and check what the run needs before anything moves."""
        job = bench.job
        if job.run.state is RunState.DELIVERING:
            self._open_destinations(bench)
            return {"state": "staged", "problem": None}
        job.tally.phase = "checking"
        try:
            self._open_destinations(bench)
            checks = await asyncio.gather(*(self._check(job, s.destination) for s in bench.senders.values()))
        except RunFailed as error:
            return {"state": "new", "problem": _told(error)}
        for name, check in zip(bench.senders, checks, strict=True):
            job.checks[name] = check
            if not check.ok:
                words = " ".join(check.problems)
                told = {"code": "destination_check", "message": f"The destination {name!r} is not ready: {words}"}
                return {"state": "new", "problem": told}
        return {"state": "new", "problem": None}

    async def _extract(self, bench: _Bench) -> Told:
        try:
            stage = extract_received if bench.job.run.kind == "received" else extract
            await self._until_stopped(bench.job, stage(self.house, bench.job))
            return None
        except BaseExceptionGroup as group:  # from the parts that were mapped side by side
            error = _first(group)
            if not isinstance(error, RunFailed):
                raise error from None
            problem = _told(_at_home(error, bench.job))
        except RunFailed as error:
            problem = _told(_at_home(error, bench.job))
        await self.house.stage.discard(bench.job.id)  # first of all: the ledger may need the space to tell it
        return problem

    async def _outstanding(self, bench: _Bench) -> list[tuple[str, list[int]]]:
        """What is still to be delivered: part numbers by destination."""
        job, work = bench.job, []
        job.tally.phase = "delivering"
        for name in job.run.destinations:
            deliveries = await self._planned(job, name)
            job.leading = keep.leading(deliveries, self.house.kept_calls())
            job.tally.total = sum(d.calls for d in deliveries)
            for found in deliveries:
                self._count_settled(bench, found)
                bench.deliveries[found.seq, name] = found
            work.append((name, [d.seq for d in deliveries if d.outcomes is None or 0 in d.outcomes]))
        bench.flushing = asyncio.create_task(bench.settler.keep_flushing())
        return work

    async def _deliver(self, bench: _Bench, name: str, seq: int) -> Told:
        if name in bench.broken:
            return bench.broken[name]
        try:
            await deliver(self.house, bench.job, bench.senders[name], bench.settler, bench.deliveries[seq, name])
        except StageFull:
            raise  # our own trouble: the run stays as it is, and goes on when the disk works again
        except RunFailed as error:
            bench.broken.setdefault(name, _told(error))
            return bench.broken[name]
        return None

    async def _finish(self, bench: _Bench, problem: Told) -> None:
        await self.end(bench.job, Problem(**problem) if problem else None)

    async def end(self, job: Job, problem: Problem | None, state: RunState | None = None) -> Run:
        """End a run: failed with a problem, else by its counts. ``state`` overrides (cancelled)."""
        store, house = self.house.store, self.house
        if state is None and problem:
            state = RunState.FAILED
        await again.note(house, job)  # before the end: a crash in between does it again, and loses nothing
        ended = await store.finish(job.id, job.attempt, state, house.clock.now(), problem)
        job.ended = ended
        deliveries = await store.deliveries(job.id)
        await keep.keep(house, job, ended, deliveries)
        # Only now, for a replaced worker changes nothing. A crash in between is made good by `App.tidy`.
        await house.stage.discard(job.id)  # before more is written: the disk may be almost full
        if job.own_ids or job.staged is None:
            await house.seen.remember(job.id, deliveries)
        job.tally.phase = "ended"
        return ended

    # ------------------------------------------------------------------------------------------------------ helpers

    async def _planned(self, job: Job, name: str) -> list[Delivery]:
        if job.staged is not None:
            return [delivery for delivery in job.staged.deliveries if delivery.destination == name]
        return await self.house.store.deliveries(job.id, name)

    async def _check(self, job: Job, destination: Destination) -> Check:
        """Check a destination; trouble that may pass is given a few seconds to do so."""
        tries = 0
        while True:
            check, tries = await destination.check(), tries + 1
            if check.ok or not check.passing or tries == _CHECK_TRIES:
                return check
            await job.pause(self.house.clock, wait(_CHECK_WAITS, tries, 1.0))

    async def _until_stopped(self, job: Job, extracting: Coroutine[Any, Any, None]) -> None:
        """The database may be silent for long: when the run is to stop, its statement is cancelled."""
        work, stopping = asyncio.ensure_future(extracting), asyncio.ensure_future(job.stop.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopped = not work.done()
        finally:  # also when we are cancelled ourselves: nobody else would end it
            stopping.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
        if stopped:
            raise Stopped
        work.result()

    def _open_destinations(self, bench: _Bench) -> None:
        for name in bench.job.run.destinations:
            destination = self.house.open_destination(name)
            lane = self._lane(name, destination)
            bench.senders[name] = Sender(name, destination, lane, bench.job, self.house.clock, self.house.retry)

    def _lane(self, name: str, destination: Destination) -> Lane:
        lane = self._lanes.get(name)
        if lane is None or lane.limits != destination.limits:  # the destination may have been edited
            lane = self._lanes[name] = Lane(destination.limits, self.house.clock, self.house.open_parts)
        return lane

    def _count_settled(self, bench: _Bench, delivery: Delivery) -> None:
        if delivery.outcomes:
            for outcome, calls in Counter(delivery.outcomes).items():
                if outcome:
                    bench.settler.count(delivery.destination, outcome, calls)


def _at_home(error: RunFailed, job: Job) -> RunFailed:
    """What the database said of the query, with its place in the text that the user wrote."""
    if isinstance(error, QueryError):
        return relocated(error, job.sync.query, last_sync_time=cursor_of(job))
    return error


def _told(error: HeadraceError) -> dict[str, str]:
    return {"code": error.code, "message": error.message}


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
