"""What the store keeps of schedules: when each sync is due next, and which due times had their run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from headrace.model import NewRun, Run


@dataclass(frozen=True, slots=True)
class Due:
    """Where a sync stands. ``terms`` are schedule and start in words: when they change, it is planned anew."""

    sync: str
    terms: str | None  # None: never planned
    next_due: datetime | None  # None: not by time
    after_run: str | None = None  # of `after OTHER`: the other's run that was last followed
    overruns: int = 0  # due times in a row that were skipped because the run before still ran
    enabled: bool | None = None  # None: as the configuration says


@dataclass(frozen=True, slots=True)
class Firing:
    """A due time that has come, the next one, and the run to be made; its ``cursor`` is replaced by the sync's own."""

    sync: str
    due: datetime
    next_due: datetime | None
    new: NewRun


class ScheduleStore(Protocol):
    """Due times, moved by compare-and-swap: of any number of processes one wins each due time."""

    async def dues(self) -> list[Due]:
        """Of every sync the store knows."""
        ...

    async def plan(
        self, sync: str, terms: str, next_due: datetime | None, *, was: str | None, after: str | None = None
    ) -> bool:
        """Set terms and next due time, where the terms still are ``was`` (None: none yet).

        ``after`` is the other sync of `after OTHER`: its good runs until now count as followed.
        """
        ...

    async def replan(self, sync: str, was: datetime, next_due: datetime) -> bool:
        """Move a due time without a run, where it still is ``was``: the clock was put back."""
        ...

    async def fire(self, sync: str, due: datetime, next_due: datetime | None, new: NewRun) -> Run | None:
        """In one transaction: move the due time on from ``due``, and create the run, or where one still runs, a
        skipped one. None where another process was first, or this due time had its run. ``new.cursor`` is replaced by
        the sync's own. A skip adds to ``overruns``, a run sets them to 0."""
        ...

    async def fire_many(self, firings: Sequence[Firing]) -> list[Run | None]:
        """`fire` for several syncs in one transaction; one that was late leaves the others as they are."""
        ...

    async def follow(self, sync: str, after_run: str | None, run: str, new: NewRun) -> Run | None:
        """The same for ``after OTHER``: moves ``after_run`` on to ``run``, the other's newest good run."""
        ...

    async def newest_good_runs(self, syncs: Sequence[str]) -> dict[str, str]:
        """Of each sync the newest run that succeeded or was partial: sync → run id. Resent rows do not count."""
        ...

    async def live_runs(self) -> list[Run]:
        """All that are queued, extracting or delivering, the oldest first."""
        ...

    async def live_run_ids(self) -> list[str]:
        """The ids of the same, in the same order; costs little, however many there are."""
        ...
