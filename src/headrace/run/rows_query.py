"""Rows of the sync's query."""

from __future__ import annotations

import functools
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pyarrow as pa

from headrace.calls.batch import CallsBatch
from headrace.calls.mapping import Mapped, Mapping
from headrace.errors import QueryError
from headrace.model import SyncState
from headrace.query import render
from headrace.run.intake import Findings, Portion, recut
from headrace.run.job import House, Job


def cursor_of(job: Job) -> int:
    """The value of ``last_sync_time`` in the run's query."""
    return max(0, job.run.cursor - job.sync.lookback)


def query_since(job: Job, cursor: int) -> str:
    """The sync's query as SQL, with ``cursor`` as its ``last_sync_time``."""
    return render(job.sync.query, last_sync_time=cursor, limit=job.sync.limits.query)


class QueryRows:
    """An `Intake`. ``watch`` is shown the calls of each part, in a thread."""

    def __init__(self, house: House, job: Job, watch: Callable[[CallsBatch], None] | None = None) -> None:
        self.found = Findings()
        self._house, self._job, self._watch = house, job, watch

    async def portions(self) -> AsyncGenerator[Portion, None]:
        house, job, found = self._house, self._job, self.found
        sql = query_since(job, cursor_of(job))
        source = house.open_source(job.sync.source)
        mapping: Mapping | None = None
        rows = 0
        try:
            found.as_of = math.floor((await source.now()).timestamp())
            # Closed whatever happens: an open reader is a statement that still runs in the database.
            async with aclosing(source.read(sql)) as batches:
                async for batch in recut(batches, house.part_rows, house.part_bytes):
                    if mapping is None:
                        assert job.sync.call is not None
                        mapping = Mapping(batch.schema, job.sync.call, job.sync.options, job.sync.limits)
                        found.own_ids = "message_id" in mapping.placement.envelope
                    rows += batch.num_rows
                    _within_limit(job, rows)
                    if batch.num_rows:
                        work = functools.partial(self._mapped, mapping, batch)
                        yield Portion(batch.num_rows, work, batch.schema, found.own_ids)
            found.notes = source.notes
        finally:
            await source.close()
        assert mapping is not None, "a source yields at least one batch"
        await self._conclude(mapping, rows)

    def _mapped(self, mapping: Mapping, batch: pa.RecordBatch, first_row: int) -> Mapped:
        mapped = mapping.map(batch, first_row, self._job.id, self.found.as_of)
        if self._watch is not None:
            self._watch(mapped.calls)
        return mapped

    async def _conclude(self, mapping: Mapping, rows: int) -> None:
        columns = tuple((column.name, str(column.type)) for column in mapping.columns)
        before = await self._house.store.sync_state(self._job.sync.name)
        if not rows:  # without rows, some databases cannot tell the types of columns
            columns = before.columns or columns
        self.found.columns = columns
        self.found.warnings = (*mapping.warnings, *changes(before, columns))


def _within_limit(job: Job, rows: int) -> None:
    if rows > job.sync.limits.records:
        raise QueryError(
            f"The query of sync {job.sync.name!r} returns more than {job.sync.limits.records:,} rows; nothing "
            "was sent. Narrow it with {{last_sync_time}}, or raise limits.records.",
            code="too_many_records",
        )


def changes(before: SyncState, columns: tuple[tuple[str, str], ...]) -> list[str]:
    """What is different from the columns of the last settled run, in sentences."""
    if not before.columns:
        return []
    old, new = dict(before.columns), dict(columns)
    found = [f"The column {name!r} is new since the last run." for name in new if name not in old]
    found += [f"The column {name!r} is gone since the last run." for name in old if name not in new]
    found += [
        f"The column {name!r} was {old[name]} in the last run and is {new[name]} now."
        for name in new
        if name in old and old[name] != new[name]
    ]
    return found
