"""Ports in memory, for tests of what stands on them: a stage, error files, seen ids, locks, a source, destinations.

`World` puts them together with an engine: numbered rows on their way to destinations that answer as they are told.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from headrace.calls.batch import CallsBatch
from headrace.calls.encode import pipelines_json
from headrace.config import sync_to_json
from headrace.engines.embedded import EmbeddedEngine
from headrace.errors import HeadraceError, StageFull
from headrace.ids import run_id
from headrace.model import CallKind, Check, Delivery, Failure, NewRun, Run, Settled, Sync
from headrace.ports import Batch, Encoded, Limits, Reply
from headrace.run.job import House, Job
from headrace.run.worker import Worker
from headrace.store_port import Store
from headrace.testing.simulation import FakeClock


class MemoryStage:
    """Parts in a dict. ``room`` is how many more parts fit; None: any number."""

    def __init__(self) -> None:
        self.parts: dict[tuple[str, int], CallsBatch] = {}
        self.room: int | None = None

    async def write(self, run_id: str, seq: int, calls: CallsBatch) -> int:
        if self.room is not None:
            if not self.room:
                raise StageFull("The disk is full.")
            self.room -= 1
        self.parts[run_id, seq] = calls
        return int(calls.columns.nbytes)

    async def read(self, run_id: str, seq: int) -> CallsBatch:
        return self.parts[run_id, seq]

    async def discard(self, run_id: str) -> None:
        for key in [key for key in self.parts if key[0] == run_id]:
            del self.parts[key]

    def runs(self) -> list[str]:
        """Runs that hold space here."""
        return sorted({held for held, _ in self.parts})


class MemoryErrorFiles:
    """Tables in a dict."""

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], pa.Table] = {}

    async def write(self, run_id: str, name: str, failures: pa.Table) -> None:
        self.tables[run_id, name] = failures

    def read(self, run_id: str, names: Sequence[str]) -> Iterator[pa.Table]:
        return (self.tables[run_id, name] for name in names)


class MemorySeenIds:
    """Ids in dicts: noted per part, claimed per run, received per destination with the second it happened."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, int], list[str]] = {}
        self._claims: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}  # id → part and position
        self._received: dict[str, dict[str, int]] = defaultdict(dict)

    async def note(self, run_id: str, seq: int, message_ids: pa.LargeStringArray) -> None:
        self._noted[run_id, seq] = message_ids.to_pylist()

    async def claim(self, run_id: str, destination: str, seqs: Sequence[int], since: int) -> Mapping[int, list[int]]:
        others = {one for (run, to), ids in self._claims.items() if run != run_id and to == destination for one in ids}
        received = {one for one, at in self._received[destination].items() if at > since}
        mine: dict[str, tuple[int, int]] = {}
        repeated: dict[int, list[int]] = defaultdict(list)
        for seq in sorted(seqs):
            for position, one in enumerate(self._noted[run_id, seq]):
                if one in mine or one in others or one in received:
                    repeated[seq].append(position)
                else:
                    mine[one] = seq, position
        self._claims[run_id, destination] = mine
        return dict(repeated)

    async def remember(self, run_id: str, deliveries: Sequence[Delivery]) -> None:
        made = {(d.destination, d.seq): d for d in deliveries}
        for key in [key for key in self._claims if key[0] == run_id]:
            for one, (seq, position) in self._claims.pop(key).items():
                delivery = made.get((key[1], seq))
                if delivery is None or delivery.outcomes is None or delivery.settled_at is None:
                    continue
                if delivery.outcomes[position] == Settled.DELIVERED:
                    self._received[key[1]][one] = delivery.settled_at
        for noted in [noted for noted in self._noted if noted[0] == run_id]:
            del self._noted[noted]


class MemoryLocks:
    """Locks of one process."""

    def __init__(self) -> None:
        self._held: set[str] = set()

    def hold(self, run_id: str) -> Callable[[], None] | None:
        if run_id in self._held:
            return None
        self._held.add(run_id)
        return lambda: self._held.discard(run_id)


@dataclass(slots=True)
class FakeSource:
    """A table as a source. ``error`` is raised once half of the rows were read; ``silent`` says nothing for ever."""

    clock: FakeClock
    table: pa.Table
    batch_rows: int = 64
    error: HeadraceError | None = None
    silent: bool = False
    notes: dict[str, int] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    closed: int = 0

    async def check(self) -> Check:
        return Check()

    async def now(self) -> datetime:
        return self.clock.now()

    async def preview(self, sql: str, limit: int) -> pa.Table:
        self.queries.append(sql)
        return self.table.slice(0, limit)

    async def read(self, sql: str) -> AsyncGenerator[pa.RecordBatch, None]:
        self.queries.append(sql)
        table = self.table.slice(0, self.table.num_rows // 2) if self.error else self.table
        for batch in table.to_batches(self.batch_rows) or [pa.RecordBatch.from_pylist([], table.schema)]:
            yield batch
        if self.silent:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        self.closed += 1


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it arrived: the loop's second, and the messageIds in order."""

    at: float
    ids: tuple[str, ...]


Script = Callable[[Sent], Reply | Awaitable[Reply]]


class FakeDestination:
    """Answers by a script, a function of the request; remembers every request and how many were there at once."""

    def __init__(self, script: Script = lambda _: Reply(), limits: Limits | None = None) -> None:
        self.script = script
        self.limits = limits or Limits(calls=10)
        self.ready = Check()
        self.invalid: Mapping[str, Failure] = {}  # messageId → why it can never be taken
        self.requests: list[Sent] = []
        self.most_at_once = 0
        self.closed = 0
        self._at_once = 0

    @property
    def arrivals(self) -> Counter[str]:
        """How often each messageId came, whatever was answered."""
        return Counter(one for sent in self.requests for one in sent.ids)

    async def check(self) -> Check:
        return self.ready

    def encode(self, calls: CallsBatch) -> Encoded:
        ids = calls.columns.column("message_id").to_pylist()
        bad = {position: self.invalid[one] for position, one in enumerate(ids) if one in self.invalid}
        return Encoded({"calls": pipelines_json(calls)}, bad)

    async def send(self, batch: Batch) -> Reply:
        ids = batch.calls.take(batch.positions).columns.column("message_id").to_pylist()
        sent = Sent(asyncio.get_running_loop().time(), tuple(ids))
        self.requests.append(sent)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            reply = self.script(sent)
            return reply if isinstance(reply, Reply) else await reply
        finally:
            self._at_once -= 1

    async def close(self) -> None:
        self.closed += 1


def numbered(count: int, first: int = 1) -> pa.Table:
    """Rows of an identify call with userId ``u1``, ``u2``, … and messageId ``m1``, ``m2``, …"""
    numbers = range(first, first + count)
    return pa.table({"userId": [f"u{n}" for n in numbers], "messageId": [f"m{n}" for n in numbers]})


class World:
    """A sync ``people`` from a fake source to fake destinations over a given store, carried by the embedded engine."""

    def __init__(
        self, store: Store, table: pa.Table, destinations: Mapping[str, FakeDestination], **house: Any
    ) -> None:
        self.clock = FakeClock()
        self.source = FakeSource(self.clock, table)
        self.destinations = destinations
        self.stage, self.errors, self.seen = MemoryStage(), MemoryErrorFiles(), MemorySeenIds()
        self.sync = Sync("people", "shop", CallKind.IDENTIFY, "select 1", tuple(destinations))
        ports = {"store": store, "stage": self.stage, "errors": self.errors, "seen": self.seen, "locks": MemoryLocks()}
        opening = {"open_source": lambda _: self.source, "open_destination": destinations.__getitem__}
        self.house = House(**{"clock": self.clock, "part_rows": 100, **ports, **opening, **house})
        self.worker = Worker(self.house)
        self.jobs: list[Job] = []

    async def begin(self) -> Run:
        """The live run of the sync, or a new one."""
        live = await self.house.store.live_run(self.sync.name)
        if live is not None:
            return live
        state, now = await self.house.store.sync_state(self.sync.name), self.clock.now()
        name = run_id(now, self.clock.random())
        spec = sync_to_json(self.sync)
        return await self.house.store.create_run(
            NewRun(name, self.sync.name, "manual", state.cursor, spec, self.sync.destinations, now)
        )

    async def run(self, watch: Callable[[Job], object] = lambda _: None) -> Run:
        """Begin a run, or go on with the interrupted one, and carry it as far as it goes."""

        def take(job: Job) -> None:
            self.jobs.append(job)
            watch(job)

        return await EmbeddedEngine(self.worker).carry(await self.begin(), take)

    async def failures(self, run: Run) -> list[dict[str, Any]]:
        """The failed rows of a run, as its error files list them."""
        names = await self.house.store.error_files(run.id)
        return [row for table in self.house.errors.read(run.id, names) for row in table.to_pylist()]
