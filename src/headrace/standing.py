"""How syncs stand: definition, switch, next due time, newest run; read for all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from headrace.app import App
from headrace.definitions import Kind
from headrace.due import Due
from headrace.errors import Finding
from headrace.model import Run, RunState, Sync, SyncState

_LATE = timedelta(minutes=5)  # a due time that nobody served for so long: no scheduler runs
_OVERRUNS = 2  # due times in a row that were skipped


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a sync needs attention."""

    kind: str  # broken | failed | late | partial | overrun
    message: str
    since: datetime | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """One sync. ``sync`` is None, and ``findings`` say why, where its definition cannot be used."""

    name: str
    sync: Sync | None
    findings: Sequence[Finding]
    state: SyncState
    due: Due | None
    newest: Run | None

    @property
    def enabled(self) -> bool:
        if self.state.enabled is not None:
            return self.state.enabled
        return self.sync is not None and self.sync.enabled

    @property
    def next_due(self) -> datetime | None:
        return self.due.next_due if self.due and self.enabled else None

    @property
    def live(self) -> Run | None:
        return self.newest if self.newest and self.newest.state.live else None

    @property
    def overruns(self) -> int:
        return self.due.overruns if self.due else 0

    def troubles(self, now: datetime) -> list[Trouble]:
        """The gravest first."""
        found = []
        if self.findings:
            found.append(Trouble("broken", self.findings[0].message))
        run = self.newest
        if run and run.state in (RunState.FAILED, RunState.PARTIAL):
            message = run.problem.message if run.problem else "Some rows were not delivered; each has its reason."
            found.append(Trouble(run.state.value, message, run.ended_at, run.id))
        if self.next_due and self.next_due < now - _LATE and not self.live:
            message = "It was due and did not run: no process of the service schedules it."
            found.append(Trouble("late", message, self.next_due))
        if self.overruns >= _OVERRUNS:
            message = f"Its last {self.overruns} due times were skipped: runs take longer than the time between them."
            found.append(Trouble("overrun", message, None, run.id if run else None))
        return sorted(found, key=lambda trouble: GRAVITY.index(trouble.kind))


GRAVITY = ("broken", "failed", "late", "partial", "overrun")


async def standings(app: App, names: Sequence[str]) -> dict[str, Standing]:
    """These syncs, by name."""
    newest, states, dues = await asyncio.gather(
        app.store.newest_run_of_each(names), app.store.sync_states(), app.store.dues()
    )
    known = {due.sync: due for due in dues}
    return {
        name: Standing(
            name,
            app.project.syncs.get(name),
            app.project.broken.get((Kind.SYNC, name), ()),
            states.get(name, SyncState()),
            known.get(name),
            newest.get(name),
        )
        for name in names
    }


async def standing_of(app: App, name: str) -> Standing:
    """One sync."""
    return (await standings(app, [name]))[name]


def names_of(app: App) -> list[str]:
    """Of all syncs, sorted; also of those whose definition cannot be used."""
    broken = {name for kind, name in app.project.broken if kind is Kind.SYNC}
    return sorted({*app.project.syncs, *broken})
