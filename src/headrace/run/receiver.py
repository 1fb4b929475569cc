"""What was received is delivered: closed journals become runs, and those that all syncs have delivered are removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Protocol

from headrace.errors import RunLive
from headrace.journal import JournalFiles
from headrace.model import NewRun, Run, RunKind, RunState, Sync
from headrace.ports import Clock
from headrace.project import Project
from headrace.store_port import Store

_FIRST_WAIT, _LONGEST_WAIT = 10, 600  # seconds after a run that failed; doubled with each in a row
_LOOK_BACK = 8  # runs


class MakeRun(Protocol):
    """Makes a run of a sync as it is now, to be recorded: `headrace.app.App.new_run`."""

    def __call__(self, sync: Sync, trigger: str, *, cursor: int | None = None, kind: RunKind = "query") -> NewRun: ...


class Receiver:
    """Makes runs of what came in. To be told to `tick` every second or so, and to `tidy` every minute or so."""

    def __init__(
        self, store: Store, journals: JournalFiles, clock: Clock, project: Callable[[], Project], new_run: MakeRun
    ) -> None:
        self._store, self._journals, self._clock = store, journals, clock
        self._project, self._new_run = project, new_run

    async def tick(self) -> list[Run]:
        """Make a run of each enabled sync whose source has journals behind its cursor; returns the new runs.

        They are queued: whoever carries runs takes them up.
        """
        await self._journals.adopt()
        newest = await self._store.newest_journals()
        syncs = [sync for sync in _receiving(self._project()) if sync.source in newest]
        made = [await self._run(sync, newest[sync.source]) for sync in syncs]
        return [run for run in made if run is not None]

    async def tidy(self) -> None:
        """Remove journals that every sync of their source has delivered, once they are as old as they are kept.

        A disabled sync counts too: it gets all that came meanwhile. What no sync reads is kept for as long.
        """
        project = self._project()
        if any(kind == "sync" for kind, _ in project.broken):
            return  # one that cannot be used at present may still want what is there
        moment = self._clock.now() - timedelta(seconds=project.service.retention.journals)
        for source, newest in (await self._store.newest_journals()).items():
            syncs = [sync for sync in project.syncs.values() if sync.source == source and sync.call is None]
            until = min([await self._delivered(sync, newest) for sync in syncs], default=newest)
            old = 0
            for journal in await self._store.journals(source):
                if journal.seq > until or journal.last_at > moment:
                    break
                old = journal.seq
            if old:
                await self._journals.forget(source, old)

    async def _run(self, sync: Sync, newest: int) -> Run | None:
        state = await self._store.sync_state(sync.name)
        enabled = sync.enabled if state.enabled is None else state.enabled
        if not enabled:
            return None
        if await self._store.live_run(sync.name):
            return None
        cursor = await self._delivered(sync, newest)  # only now: a run that has just ended has moved it
        if cursor >= newest or await self._resting(sync):
            return None
        try:
            anew = None if cursor else 0  # the sync's own as it is by then, unless that is no number of a journal
            return await self._store.create_run(self._new_run(sync, "received", cursor=anew, kind="received"))
        except RunLive:
            return None  # another process was first

    async def _delivered(self, sync: Sync, newest: int) -> int:
        """The number of the last journal that a sync has delivered; 0 where its cursor is no such number."""
        cursor = (await self._store.sync_state(sync.name)).cursor
        return cursor if cursor <= newest else 0

    async def _resting(self, sync: Sync) -> bool:
        """Whether the last runs failed so lately that another try would be too soon."""
        failed = 0
        runs = await self._store.runs(sync.name, limit=_LOOK_BACK)
        for run in runs:
            if run.state not in (RunState.FAILED, RunState.CANCELLED):
                break
            failed += 1
        if not failed or runs[0].ended_at is None:
            return False
        rest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (failed - 1))
        return self._clock.now() < runs[0].ended_at + timedelta(seconds=rest)


def _receiving(project: Project) -> Iterable[Sync]:
    """The syncs whose source receives calls."""
    http = {name for name, source in project.sources.items() if source.type == "http"}
    return [sync for sync in project.syncs.values() if sync.source in http]
