"""The scheduler: makes runs of due times, at most one per due time whatever number of processes.

    look      read due times where something changed; plan syncs that are new, changed, switched on or off
    fire      a due time that has come: one run, and the next due time of the schedule counted from now
    follow    `after OTHER`: one run when the other has a good run that was not followed yet

What is due stands in the store and is moved by compare-and-swap, so that what is held in memory may be old: whoever
is late changes nothing, and reads again. Due times that passed while nobody looked make one run together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from headrace.aio import first
from headrace.due import Due, Firing
from headrace.errors import HeadraceError
from headrace.model import NewRun, Run, Sync
from headrace.ports import Clock
from headrace.project import Project
from headrace.retry import RetryPolicy, wait
from headrace.schedule import After, Every, Manual, Schedule, next_due, parse
from headrace.store_port import Store

log = logging.getLogger(__name__)

OFF = "off"  # the terms of a sync that was planned and then disabled
LOOK_EVERY = 1.0  # seconds: other processes and the command line change things, too
SLACK = timedelta(minutes=1)  # by which clocks may differ, or be put back, without any due time being moved
_SHORTEST_PAUSE = 0.02  # seconds
_PAGE = 50  # due times that are moved in one transaction
_TROUBLE = RetryPolicy(base=1.0, cap=30.0)


@dataclass(slots=True)
class _Plan:
    """A sync that may be due, as far as this process knows."""

    sync: Sync
    schedule: Schedule
    due: Due

    @property
    def enabled(self) -> bool:
        return self.sync.enabled if self.due.enabled is None else self.due.enabled

    @property
    def terms(self) -> str:
        if not self.enabled:
            return OFF
        words = "manual" if isinstance(self.schedule, Manual) else self.sync.schedule
        return f"{words} from {self.sync.start.isoformat()}" if self.sync.start else words

    @property
    def planned(self) -> bool:
        """A sync that never was enabled stays unplanned: to be enabled is its beginning."""
        return self.terms == self.due.terms or (self.due.terms is None and not self.enabled)

    def next_due(self, now: datetime) -> datetime | None:
        return next_due(self.schedule, now, self.sync.start)

    def first_due(self, now: datetime) -> datetime | None:
        """When a sync that is planned now is due: a new one with an interval at once, any other at its next time."""
        if not self.enabled:
            return None
        new = self.due.terms is None and self.sync.start is None
        return now if new and isinstance(self.schedule, Every) else self.next_due(now)


class Scheduler:
    """``project`` gives the project as it is now; ``new_run(sync, trigger)`` a run of a sync, to be recorded.

    ``on_run`` is told of each run that was made, queued or skipped, as soon as it is recorded. ``reload`` brings the
    project up to what the store says.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        project: Callable[[], Project],
        new_run: Callable[[Sync, str], NewRun],
        on_run: Callable[[Run], None] = lambda _: None,
        reload: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._store, self._clock, self._project = store, clock, project
        self._new_run, self._on_run, self._reload = new_run, on_run, reload
        self._plans: dict[str, _Plan] = {}
        self._seen: tuple[int, Project] | None = None  # what the plans were made of; None: read again
        self._latest: datetime | None = None  # the latest moment that the clock showed
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look now rather than within a second."""
        self._woken.set()

    async def keep_ticking(self, stop: asyncio.Event) -> None:
        """Tick when something is due, and at least once a second. Trouble is logged, and tried again."""
        troubles = 0
        while not stop.is_set():
            self._woken.clear()
            try:
                await self.tick()
                troubles, pause = 0, self._pause()
            except HeadraceError as error:
                troubles += 1
                pause = wait(_TROUBLE, troubles, 1.0)
                log.warning(error.message, extra={"code": error.code})
            except Exception:
                troubles += 1
                pause = wait(_TROUBLE, troubles, 1.0)
                log.exception("the scheduler failed; it tries again")
            await first(self._clock.sleep(pause), self._woken.wait(), stop.wait())

    async def tick(self) -> list[Run]:
        """Plan what is new or changed, make a run of all that is due; returns the runs, skipped ones among them."""
        await self._look()
        return [*await self._fire(), *await self._follow()]

    # --------------------------------------------------------------------------------------------------------- look

    async def _look(self) -> None:
        now, generation = self._clock.now(), await self._store.generation()
        if self._reload is not None and (self._seen is None or self._seen[0] != generation):
            await self._reload()  # by an older project we would begin anew with a sync that was deleted elsewhere
        project = self._project()
        put_back = self._latest is None or now < self._latest - SLACK
        if self._seen is None or self._seen[0] != generation or self._seen[1] is not project:
            self._seen = None  # until all is read
            complete = await self._read(project, now)
            self._seen = (generation, project) if complete else None
        if put_back:
            await self._bring_back(now)
        self._latest = now if put_back or self._latest is None else max(now, self._latest)

    async def _read(self, project: Project, now: datetime) -> bool:
        """Make the plans anew; False where the store knows more than we do, so that they are to be read again."""
        known = {due.sync: due for due in await self._store.dues()}
        self._plans = {}
        for sync in project.syncs.values():
            if sync.call is not None:  # runs of received calls are made as the calls come
                due = known.get(sync.name, Due(sync.name, None, None))
                self._plans[sync.name] = _Plan(sync, _schedule(sync, seconds=project.service.seconds), due)
        new = [plan for plan in self._plans.values() if not plan.planned]
        return all([await self._plan(plan, now) for plan in new])

    async def _plan(self, plan: _Plan, now: datetime) -> bool:
        due = plan.first_due(now)
        after = plan.schedule.sync if isinstance(plan.schedule, After) and plan.enabled else None
        planned = await self._store.plan(plan.sync.name, plan.terms, due, was=plan.due.terms, after=after)
        if not planned or after is not None:  # another process was first, or the store found what counts as followed
            return False
        plan.due = replace(plan.due, terms=plan.terms, next_due=due)
        return True

    async def _bring_back(self, now: datetime) -> None:
        """Where the clock was put back, a due time may be farther away than its schedule allows."""
        for plan in self._plans.values():
            was = plan.due.next_due
            if was is None or was <= now or not plan.planned:
                continue
            allowed, due = plan.next_due(now + SLACK), plan.next_due(now)
            if allowed is not None and due is not None and was > allowed:
                if await self._store.replan(plan.sync.name, was, due):
                    plan.due = replace(plan.due, next_due=due)
                else:
                    self._seen = None

    # --------------------------------------------------------------------------------------------- fire, and follow

    async def _fire(self) -> list[Run]:
        now, made = self._clock.now(), list[Run]()
        ready = [plan for plan in self._plans.values() if plan.due.next_due is not None and plan.due.next_due <= now]
        # In any order, so that several processes do not try for the same one again and again.
        ready.sort(key=lambda _: self._clock.random())
        for page in (ready[start : start + _PAGE] for start in range(0, len(ready), _PAGE)):
            firings = [(plan, self._firing(plan)) for plan in page if plan.planned]
            runs = await self._store.fire_many([firing for _, firing in firings])
            for (plan, firing), run in zip(firings, runs, strict=True):
                self._note(made, run)
                if run is not None:
                    plan.due = replace(plan.due, next_due=firing.next_due)
        return made

    def _firing(self, plan: _Plan) -> Firing:
        new, due = self._new_run(plan.sync, "schedule"), plan.due.next_due
        assert due is not None, "it is due"
        return Firing(plan.sync.name, due, plan.next_due(max(new.created_at, due)), new)

    async def _follow(self) -> list[Run]:
        now, made = self._clock.now(), list[Run]()
        ready = [
            (plan, plan.schedule.sync)
            for plan in self._plans.values()
            if isinstance(plan.schedule, After) and plan.enabled and plan.planned
            if plan.sync.start is None or plan.sync.start <= now
        ]
        if not ready:
            return made
        newest = await self._store.newest_good_runs(sorted({other for _, other in ready}))
        for plan, other in ready:
            good, before = newest.get(other), plan.due.after_run
            if good is None or good == before:
                continue
            run = await self._store.follow(plan.sync.name, before, good, self._new_run(plan.sync, "after"))
            self._note(made, run)
            if run is not None:
                plan.due = replace(plan.due, after_run=good)
        return made

    def _note(self, made: list[Run], run: Run | None) -> None:
        if run is None:
            self._seen = None  # another process was first, or the due time had its run: see how things stand now
            return
        made.append(run)
        self._on_run(run)

    def _pause(self) -> float:
        """Seconds until something is due, at most until the next look."""
        moments = [plan.due.next_due for plan in self._plans.values() if plan.due.next_due is not None]
        if not moments:
            return LOOK_EVERY
        left = (min(moments) - self._clock.now()).total_seconds()
        return min(max(left, _SHORTEST_PAUSE), LOOK_EVERY)


def _schedule(sync: Sync, *, seconds: bool) -> Schedule:
    try:
        return parse(sync.schedule, seconds=seconds)
    except ValueError:  # the configuration has told it
        return Manual()
