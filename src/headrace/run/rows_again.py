"""Rows that failed in earlier runs, read again: the query from where the oldest of them was, and of it what is wanted.

They go to the destinations that refused them only.
"""

from __future__ import annotations

import functools
import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing

import pyarrow as pa

from headrace.aio import in_thread
from headrace.calls.batch import CallsBatch
from headrace.calls.mapping import Mapped
from headrace.calls.mapping import Mapping as CallMapping
from headrace.model import Settled
from headrace.retries import Retry
from headrace.run.again import Wanted, is_event, keys
from headrace.run.intake import Findings, Portion, recut
from headrace.run.job import House, Job
from headrace.run.rows_query import cursor_of, query_since


class AgainRows:
    """An `Intake`, to be asked when the calls of the run's own query are all known to ``wanted``."""

    def __init__(self, house: House, job: Job, wanted: Wanted) -> None:
        self.found = Findings()
        self._house, self._job, self._wanted = house, job, wanted
        self._missing: Mapping[str, Sequence[Retry]] = {}
        self._events: set[str] = set()  # taken already
        self._rows = 0

    async def portions(self) -> AsyncGenerator[Portion, None]:
        house, job = self._house, self._job
        self._missing = self._wanted.missing
        if not self._missing:
            return
        oldest = min(retry.cursor for retries in self._missing.values() for retry in retries)
        sql = query_since(job, oldest)
        if sql == query_since(job, cursor_of(job)):  # what it gives was seen
            return
        source = house.open_source(job.sync.source)
        try:
            self.found.as_of = math.floor((await source.now()).timestamp())
            async with aclosing(source.read(sql)) as batches, aclosing(self._kept(batches)) as kept:
                async for rows in recut(kept, house.part_rows, house.part_bytes):
                    self._rows += rows.num_rows
                    yield self._portion(rows)
        finally:
            await source.close()
        if self._rows:
            what = "1 row that failed before was" if self._rows == 1 else f"{self._rows:,} rows that failed before were"
            self.found.warnings = (f"{what} read again.",)

    def _portion(self, rows: pa.RecordBatch) -> Portion:
        mapping = self._mapping(rows.schema)
        own_ids = "message_id" in mapping.placement.envelope
        return Portion(rows.num_rows, functools.partial(self._mapped, mapping, rows), rows.schema, own_ids, self._known)

    def _mapping(self, schema: pa.Schema) -> CallMapping:
        sync = self._job.sync
        assert sync.call is not None
        return CallMapping(schema, sync.call, sync.options, sync.limits)

    def _mapped(self, mapping: CallMapping, rows: pa.RecordBatch, first_row: int) -> Mapped:
        return mapping.map(rows, first_row, self._job.id, self.found.as_of)

    async def _kept(self, batches: AsyncIterator[pa.RecordBatch]) -> AsyncGenerator[pa.RecordBatch, None]:
        """The rows that are wanted, batch by batch, without the batches that have none."""
        mapping: CallMapping | None = None
        async for batch in recut(batches, self._house.part_rows, self._house.part_bytes):
            mapping = mapping or self._mapping(batch.schema)
            kept = await in_thread(self._among, mapping, batch)
            if kept.num_rows:
                yield kept

    def _among(self, mapping: CallMapping, batch: pa.RecordBatch) -> pa.RecordBatch:
        calls = self._mapped(mapping, batch, 0).calls
        names = keys(calls)
        rows = calls.columns.column("row")
        chosen = []
        for position in names.is_in(list(self._missing)).fill_null(False).arg_true():
            name = names[position]
            if name not in self._events:  # it was the only one of its name when it failed
                chosen.append(rows[position].as_py())
            if is_event(name):
                self._events.add(name)
        return batch.take(pa.array(chosen, pa.int64()))

    def _known(self, calls: CallsBatch, first_row: int) -> Mapping[str, bytes]:
        """Where a row did not fail, it is there already."""
        owed = [{retry.destination for retry in self._missing[name]} for name in keys(calls)]
        return {
            name: bytes(Settled.PENDING if name in one else Settled.DUPLICATE for one in owed)
            for name in self._job.run.destinations
        }
