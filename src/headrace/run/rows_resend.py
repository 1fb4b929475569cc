"""The failed rows of another run, with the values they had, from its error files.

A row that became a call goes to the destinations that did not take it; one that became none is mapped anew, for all.
The error files are read part by part, and a part is never larger than one of a query.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from headrace.aio import in_thread
from headrace.calls.batch import CallsBatch
from headrace.calls.failures import Failed, failed_of, schema_of_rows
from headrace.calls.mapping import Mapped
from headrace.calls.mapping import Mapping as CallMapping
from headrace.calls.rowtext import rows_of_calls, rows_of_query
from headrace.config import sync_from_json
from headrace.errors import HeadraceError, RunFailed
from headrace.model import Run, Settled
from headrace.run.intake import Findings, Portion
from headrace.run.job import House, Job


@dataclass(frozen=True, slots=True)
class Again:
    """A failed row, the destinations to which it is to go, and its query's schema if it became no call."""

    row: Failed
    owed: frozenset[str]
    schema: pa.Schema | None


@dataclass(slots=True)
class _Pile:
    """Rows that wait until they make a part."""

    rows: list[Again] = field(default_factory=list)
    bytes: int = 0

    def add(self, row: Again) -> None:
        self.rows.append(row)
        self.bytes += len(row.row.values)


class ResendRows:
    """An `Intake`. The run's spec says which run it resends."""

    def __init__(self, house: House, job: Job) -> None:
        self.found = Findings(own_ids=True)  # a second resend of the same rows finds them delivered
        self._house, self._job = house, job

    async def portions(self) -> AsyncGenerator[Portion, None]:
        house, job = self._house, self._job
        original = await original_of(house, job)
        assert original.as_of is not None, "what sent nothing has nothing to resend"
        self.found.as_of = original.as_of
        piles: dict[bool, _Pile] = defaultdict(_Pile)  # by whether the rows had become calls
        async for row in failed_rows(house, job, original):
            pile = piles[row.row.destination is not None]
            pile.add(row)
            if len(pile.rows) >= house.part_rows or pile.bytes >= house.part_bytes:
                yield self._portion(original, piles.pop(row.row.destination is not None).rows)
        for pile in piles.values():
            yield self._portion(original, pile.rows)

    def _portion(self, original: Run, rows: Sequence[Again]) -> Portion:
        work = functools.partial(_mapped, self._job, original, rows)
        known = functools.partial(settled_elsewhere, self._job, [row.owed for row in rows])
        return Portion(len(rows), work, rows[0].schema, own_ids=True, known=known)


async def original_of(house: House, job: Job) -> Run:
    """The run that is resent. Raises `RunFailed` if it is gone."""
    name = job.run.spec["resends"]
    original = await house.store.run(name)
    if original is None:
        raise RunFailed(f"The run {name} that is to be resent is gone. Run the sync instead.", code="unknown_run")
    return original


async def failed_rows(house: House, job: Job, original: Run) -> AsyncGenerator[Again, None]:
    """The failed rows of a run, each once, in bounded memory. Raises `RunFailed` if they are not kept any more."""
    names: dict[int, list[str]] = {p.seq: [p.errors] if p.errors else [] for p in await house.store.parts(original.id)}
    for destination in job.run.destinations:
        for delivery in await house.store.deliveries(original.id, destination):
            names[delivery.seq] += delivery.errors
    for files in names.values():
        for row in await in_thread(_read, house, job, original, files):
            yield row


def _read(house: House, job: Job, original: Run, files: Sequence[str]) -> list[Again]:
    """The failed rows of one part, in order."""
    everywhere = frozenset(job.run.destinations)
    found: dict[int, Again] = {}
    try:
        for table in house.errors.read(original.id, files):
            schema = schema_of_rows(table)
            for row in failed_of(table):
                if row.destination is None:
                    found[row.row] = Again(row, everywhere, schema)
                elif row.destination in everywhere:
                    before = found[row.row].owed if row.row in found else frozenset()
                    found[row.row] = Again(row, before | {row.destination}, None)
    except HeadraceError as error:
        raise RunFailed(error.message, code=error.code) from error
    return [found[row] for row in sorted(found)]


def _mapped(job: Job, original: Run, rows: Sequence[Again], first_row: int) -> Mapped:
    """Rows as calls, each under the messageId that it had, or that the original run would have given it."""
    sync, texts, schema = job.sync, [row.row.values for row in rows], rows[0].schema
    assert sync.call is not None
    if schema is None:
        batch = rows_of_calls(texts)
    else:
        failures = [row.row.failure for row in rows]
        batch = rows_of_query(texts, schema, sync_from_json(dict(original.spec)).options, failures)
    mapping = CallMapping(batch.schema, sync.call, sync.options, sync.limits)
    assert original.as_of is not None
    mapped = mapping.map(batch, first_row, job.id, original.as_of)
    numbers = mapped.calls.columns.column("row").to_pylist()
    made = mapped.calls.columns.column("message_id").to_pylist()
    had = [
        (rows[number - first_row].row.message_id or f"{original.id}-{rows[number - first_row].row.row}")
        if own == f"{job.id}-{number}" else own
        for number, own in zip(numbers, made, strict=True)
    ]  # fmt: skip
    return replace(mapped, calls=_with_ids(mapped.calls, had))


def _with_ids(calls: CallsBatch, ids: Sequence[str]) -> CallsBatch:
    at = calls.columns.schema.get_field_index("message_id")
    columns = calls.columns.set_column(at, "message_id", pa.array(ids, pa.large_string()))
    return replace(calls, columns=columns)


def settled_elsewhere(
    job: Job, owed: Sequence[frozenset[str]], calls: CallsBatch, first_row: int
) -> Mapping[str, bytes]:
    """Where a row did not fail, it is there already."""
    mine = [owed[number - first_row] for number in calls.columns.column("row").to_pylist()]
    return {
        name: bytes(Settled.PENDING if name in one else Settled.DUPLICATE for one in mine)
        for name in job.run.destinations
        if any(name not in one for one in mine)
    }
