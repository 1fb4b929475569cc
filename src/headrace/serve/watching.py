"""What is new since the last look: runs, calls, schedules, alerts. Whatever process did it, the store knows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from headrace.alerting import Notice
from headrace.calls.received import Received, as_call
from headrace.calls.received_times import EPOCH, MILLISECOND
from headrace.datain import KeptCall
from headrace.due import Due
from headrace.model import Run
from headrace.ports import Clock
from headrace.store_port import Store

CALLS_AT_ONCE = 200  # calls that one look gives; of those beyond only the number
_OVERLAP = timedelta(seconds=5)  # clocks of several processes differ, and a commit takes its time


class RunWatch:
    """Runs that live, and runs that have ended."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._since: datetime | None = None  # None: begin now
        self._known: set[str] = set()

    async def look(self) -> tuple[list[Run], list[Run]]:
        """Those that live; and those that ended since the last look, or shortly before the first."""
        now = self._clock.now()
        live = await self._store.live_runs()  # first, so that one that ends meanwhile is found below
        ended = await self._store.runs_ended_since(self._since or now - _OVERLAP)
        new = [run for run in ended if run.id not in self._known]
        self._known, self._since = {run.id for run in ended}, now - _OVERLAP
        return live, new


class CallWatch:
    """Calls that were kept or have just been received."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last: int | None = None  # id; None: begin now
        self._received: deque[tuple[str, Received]] = deque()
        self._missed = 0

    def received(self, source: str, calls: Iterable[Received]) -> None:
        """Calls that were accepted right now, for the next look."""
        for call in calls:
            if len(self._received) < CALLS_AT_ONCE:
                self._received.append((source, call))
            else:
                self._missed += 1

    async def look(self) -> tuple[list[KeptCall], int]:
        """What is new, in order; and how many were left out because there were too many at once."""
        if self._last is None:
            self._last = await self._store.newest_kept()
        kept = await self._store.kept_since(self._last, CALLS_AT_ONCE)
        missed, self._missed = self._missed, 0
        if kept:
            self._last = kept[-1].id
        if len(kept) == CALLS_AT_ONCE:
            newest = await self._store.newest_kept()
            missed, self._last = missed + newest - self._last, newest
        received = [just_received(source, call) for source, call in self._received]
        self._received.clear()
        return [*received, *kept], missed


class SyncWatch:
    """When each sync is due, and whether definitions have changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, dict[str, Any]] = {}
        self._generation = -1

    async def look(self) -> dict[str, Any] | None:
        """The generation, and each sync that stands otherwise than before; None where nothing does."""
        generation = await self._store.generation()
        syncs = {due.sync: _standing(due) for due in await self._store.dues()}
        changed = {name: standing for name, standing in syncs.items() if self._known.get(name) != standing}
        same = generation == self._generation and not changed
        self._known, self._generation = syncs, generation
        return None if same else {"generation": generation, "syncs": changed}

    @property
    def all(self) -> dict[str, Any]:
        """How everything stood at the last look."""
        return {"generation": self._generation, "syncs": self._known}


class NoticeWatch:
    """Alerts that are owed or were sent to a channel."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last: int | None = None  # id; None: begin now

    async def look(self) -> list[Notice]:
        """Those that are new, the oldest first."""
        notices = await self._store.notices()
        newest = max((notice.id for notice in notices), default=0)
        last, self._last = (newest if self._last is None else self._last), newest
        return sorted((notice for notice in notices if notice.id > last), key=lambda notice: notice.id)


def just_received(source: str, received: Received) -> KeptCall:
    """A call that came over HTTP and is in no run yet."""
    call = as_call(received)
    return KeptCall(
        id=0,
        at=EPOCH + received.at * MILLISECOND,
        source=source,
        sync="",
        run=None,
        row=0,
        kind=received.kind if not received.code else "",
        user=received.user_id or received.anonymous_id or "",
        name=received.name or received.group_id or "",
        message_id=received.message_id,
        call=None if received.code else call,
        values=call,
        reason=received.message,
    )


def _standing(due: Due) -> dict[str, Any]:
    next_due = due.next_due.isoformat() if due.next_due is not None else None
    return {"enabled": due.enabled, "next_due": next_due, "overruns": due.overruns}
