"""What the steps of one run share while a worker is on it: the run, its sync, what it counted so far."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from headrace.aio import first
from headrace.datain import Answer
from headrace.journal import JournalFiles
from headrace.model import Check, Part, Run, Sync
from headrace.ports import Clock, Destination, ErrorFiles, Locks, SeenIds, Source, Stage
from headrace.retry import RetryPolicy
from headrace.store_port import Staged, Store

Place = tuple[str, int, int]
"""A call on its way: destination, part, position in the part."""


Spans = Callable[[str, str, str], AbstractContextManager[object]]
"""Given a step, its sync and its run: what it is carried out in."""


def no_spans(_step: str, _sync: str, _run: str) -> AbstractContextManager[object]:
    return nullcontext()


@dataclass(frozen=True, slots=True)
class House:
    """The ports a worker works with."""

    store: Store
    stage: Stage
    errors: ErrorFiles
    seen: SeenIds
    locks: Locks
    clock: Clock
    open_source: Callable[[str], Source]
    open_destination: Callable[[str], Destination]
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    mappers: int = 2  # parts being mapped at the same time: the machine's cores
    open_parts: int = 2  # parts being delivered at the same time, per destination
    part_rows: int = 32_768  # measured: fewer cost time per part; more cost memory, and miss the processor's caches
    part_bytes: int = 16 << 20  # of Arrow data, where rows are wide
    kept_calls: Callable[[], int] = lambda: 200  # calls of each run that Data In keeps
    spans: Spans = no_spans  # what happens around each step, for traces
    journals: JournalFiles | None = None  # None: nothing is received over HTTP here


class Stopped(Exception):
    """The worker was asked to stop, or the run to end; what is in flight settles, nothing new begins."""


@dataclass(slots=True)
class Tally:
    """Live counts of a run, for whoever watches. The ledger has the durable ones."""

    phase: str = "planning"
    extracted: int = 0
    unmapped: int = 0
    total: int | None = None  # calls to deliver per destination, once known
    settled: dict[str, Counter[str]] = field(default_factory=dict)  # destination → outcome → calls
    waiting: dict[str, str] = field(default_factory=dict)  # destination → why it is being waited for


@dataclass(slots=True)
class Job:
    """One run in work. ``attempt`` fences every write to the ledger."""

    run: Run
    sync: Sync
    attempt: int
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    tally: Tally = field(default_factory=Tally)
    notices: list[str] = field(default_factory=list)  # warnings found on the way
    checks: dict[str, Check] = field(default_factory=dict)
    staged: Staged | None = None  # where this worker staged it; one that took the run up later reads the ledger
    parts: Sequence[Part] | None = None  # as `staged`
    own_ids: bool = False  # whether this worker staged rows that bring their own messageIds
    ended: Run | None = None
    leading: dict[int, int] = field(default_factory=dict)  # part → how many of its first calls Data In may keep
    answers: dict[Place, Answer] = field(default_factory=dict)  # what came back for those calls, over HTTP

    @property
    def id(self) -> str:
        return self.run.id

    def heed(self) -> None:
        """Raise `Stopped` if the run is to stop."""
        if self.stop.is_set():
            raise Stopped

    async def pause(self, clock: Clock, seconds: float) -> None:
        """Sleep, unless the run is to stop: then raise `Stopped` at once."""
        await first(clock.sleep(seconds), self.stop.wait())
        self.heed()
