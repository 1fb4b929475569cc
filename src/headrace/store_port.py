"""The port of the store: the ledger of runs, and all else that is kept, each area with a protocol of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from headrace.access import SealedStore
from headrace.alerting import AlertStore
from headrace.datain import CallStore
from headrace.definitions import DefinitionStore
from headrace.due import ScheduleStore
from headrace.journal import JournalStore
from headrace.model import (
    Counts,
    Delivery,
    NewRun,
    Part,
    Problem,
    Run,
    RunBar,
    RunFilter,
    RunState,
    RunTotals,
    SyncState,
)
from headrace.people import Change, PeopleStore
from headrace.retries import RetryStore


@dataclass(frozen=True, slots=True)
class Staged:
    """What is known once the whole result is staged: recorded in one transaction, then delivering begins."""

    as_of: int
    columns: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    deliveries: Sequence[Delivery]  # one for each part × destination; duplicates already marked in ``outcomes``
    parts: Sequence[Part] = ()  # those that were not added before


class OverviewStore(Protocol):
    """How all syncs stand, in few queries however many there are."""

    async def newest_run_of_each(self, syncs: Sequence[str]) -> dict[str, Run]:
        """The newest run of each of these syncs that has one, in whatever state."""
        ...

    async def sync_states(self) -> dict[str, SyncState]:
        """Of every sync the store knows; others are as `SyncState()`."""
        ...

    async def run_totals(self, wanted: RunFilter) -> RunTotals:
        """What the runs of a filter add up to; of those that live, what is settled so far."""
        ...

    async def settled_since(self, moment: datetime) -> Counts:
        """What was settled, over all destinations, by runs that ended at or after a moment, or that live."""
        ...

    async def newest_bars(self, syncs: Sequence[str], limit: int) -> list[RunBar]:
        """The newest runs of these syncs together, for a chart: the newest last."""
        ...


class Store(
    OverviewStore,
    SealedStore,
    ScheduleStore,
    DefinitionStore,
    PeopleStore,
    JournalStore,
    CallStore,
    RetryStore,
    AlertStore,
    Protocol,
):
    """The ledger: the one truth about what happened. Every verb is one transaction and durable when it returns.

    Verbs that take ``attempt`` raise `Fenced` and change nothing when the run has been taken up since, or has ended.
    """

    async def open(self) -> None:
        """Connect and bring the schema up to date; refuses a schema newer than this program."""
        ...

    async def state_folder(self, number: int) -> int:
        """The number of the state folder that belongs to this store: the given one, if there was none yet."""
        ...

    async def adopt_folder(self, number: int) -> None:
        """Let another state folder belong to this store from now on."""
        ...

    async def sync_state(self, sync: str) -> SyncState: ...

    async def set_cursor(self, sync: str, cursor: int, *, audit: Change | None = None) -> None: ...

    async def set_enabled(self, sync: str, enabled: bool, *, audit: Change | None = None) -> None: ...

    async def create_run(self, new: NewRun, *, audit: Change | None = None) -> Run:
        """Record a queued run. Raises `RunLive` when the sync has a live one (a unique index decides)."""
        ...

    async def record_skip(self, new: NewRun, reason: str) -> Run:
        """Record a run that did not start because the previous one still ran: state ``skipped``, ended at once."""
        ...

    async def run(self, run_id: str) -> Run | None: ...

    async def live_run(self, sync: str) -> Run | None: ...

    async def runs(self, sync: str | None = None, limit: int = 50) -> list[Run]:
        """The newest first."""
        ...

    async def find_runs(self, wanted: RunFilter, before: str | None = None, limit: int = 50) -> list[Run]:
        """The newest first; ``before`` is the id of a run, which need not exist any more."""
        ...

    async def runs_ended_since(self, moment: datetime) -> list[Run]:
        """Those that ended at or after a moment, the oldest end first."""
        ...

    async def forget_runs(self, before: datetime, most: int | None = None) -> list[str]:
        """Forget runs that ended before a moment, and those beyond the newest ``most`` of their sync; but each sync's
        newest, and what a live resend needs. Returns their ids."""
        ...

    async def take(self, run_id: str, now: datetime) -> int:
        """Take a live run up: the attempt grows by one and is returned. Sets ``started_at`` the first time."""
        ...

    async def extract_anew(self, run_id: str, attempt: int) -> None:
        """State ``extracting``; forget the parts of an earlier, unfinished extraction."""
        ...

    async def add_parts(self, run_id: str, attempt: int, parts: Sequence[Part]) -> None: ...

    async def staged(self, run_id: str, attempt: int, staged: Staged) -> None:
        """State ``delivering``, with the deliveries still to be made."""
        ...

    async def parts(self, run_id: str) -> list[Part]: ...

    async def deliveries(self, run_id: str, destination: str | None = None) -> list[Delivery]: ...

    async def settle(self, run_id: str, attempt: int, deliveries: Sequence[Delivery]) -> None:
        """Record outcomes: each `Delivery` replaces the one of the same part and destination."""
        ...

    async def finish(
        self, run_id: str, attempt: int, state: RunState | None, now: datetime, problem: Problem | None = None
    ) -> Run:
        """End the run; without a ``state`` as ``succeeded`` or ``partial``, whichever its counts show.

        These two move the sync's cursor to ``as_of`` and its columns along.
        """
        ...

    async def abandon(self, run_id: str, now: datetime, problem: Problem) -> Run:
        """End a live run that nobody works on, as ``cancelled``, whatever its attempt."""
        ...

    async def request_cancel(self, run_id: str, *, audit: Change | None = None) -> bool:
        """Ask for a live run to stop; False if it had already ended."""
        ...

    async def cancel_requested(self, run_id: str) -> bool: ...

    async def error_files(self, run_id: str) -> list[str]:
        """Names of all error files of the run that the ledger knows, in order."""
        ...

    async def close(self) -> None: ...
