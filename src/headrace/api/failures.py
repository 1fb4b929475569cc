"""The failed rows of a run: how many for which reason, the rows themselves, and all of them as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from headrace.aio import in_thread, stream
from headrace.api.deps import Previewer, Viewer
from headrace.api.document import problems
from headrace.api.paging import Cursor, Limit, decode, encode
from headrace.api.previews import require_preview
from headrace.api.runs import RunId, run_of
from headrace.api.schemas import Page, Shape
from headrace.app import App
from headrace.calls.failure_files import FORMATS, records
from headrace.people import Action, can

router = APIRouter(prefix="/api/v1", tags=["failed rows"])

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for _, kind in FORMATS.values()},
    },
    **problems(410),
}
Destination = Annotated[str | None, Query(description="Only rows that failed there, or everywhere.", max_length=63)]
Code = Annotated[str | None, Query(description="Only rows that failed for this reason.", max_length=200)]


class FailedRow(Shape):
    """As `headrace errors --json` tells it."""

    row: int
    destination: str | None = Field(description="Null: the row became no call, so it failed everywhere.")
    code: str
    column: str | None
    message: str
    values: dict[str, Any]


class FailureGroup(Shape):
    """Rows that failed at one destination for one reason."""

    destination: str | None
    code: str
    rows: int
    message: str | None = Field(
        description="Of one of them; null for whoever may not look at rows: a destination may repeat values in it."
    )
    column: str | None


class FailureGroups(Shape):
    items: list[FailureGroup]


@router.get(
    "/runs/{run_id}/failures/groups",
    operation_id="group_failures",
    summary="How many rows failed, where and why",
    responses=problems(410),
)
async def group_failures(run_id: RunId, caller: Viewer) -> FailureGroups:
    run = await run_of(caller.app, run_id)
    tables = await caller.app.failures(run)
    groups = await in_thread(_groups, tables)
    if not can(caller.actor, Action.PREVIEW):
        groups = [group.model_copy(update={"message": None}) for group in groups]
    return FailureGroups(items=groups)


@router.get(
    "/runs/{run_id}/failures",
    operation_id="list_failures",
    summary="The failed rows, with their values",
    responses=problems(410),
)
async def list_failures(
    run_id: RunId,
    caller: Previewer,
    destination: Destination = None,
    code: Code = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[FailedRow]:
    require_preview(caller.app)
    run = await run_of(caller.app, run_id)
    names = await caller.app.store.error_files(run.id)
    after = decode(cursor, str, int)
    found = await in_thread(_page, caller.app, run.id, names, (destination, code), after, limit)
    more = found[limit - 1][0] if len(found) > limit else None
    return Page(items=[row for _, row in found[:limit]], next=encode(*more) if more else None)


@router.get(
    "/runs/{run_id}/failures.{ending}", operation_id="download_failures", summary="All failed rows as a file",
    response_class=StreamingResponse,
    responses=_FILE,
)  # fmt: skip
async def download_failures(
    run_id: RunId, ending: Literal["csv", "jsonl", "parquet"], caller: Previewer
) -> StreamingResponse:
    require_preview(caller.app)
    run = await run_of(caller.app, run_id)
    tables = await caller.app.failures(run)
    written, kind = FORMATS[ending]
    pieces = stream(lambda: written(tables))
    name = f'attachment; filename="{run.sync}-{run.id}.{ending}"'
    return StreamingResponse(
        _begun(await anext(pieces), pieces), headers={"content-disposition": name, "content-type": kind}
    )


async def _begun(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What came before, and the rest: so that what is wrong from the start is told as an error."""
    yield first
    async for piece in others:
        yield piece


def _groups(tables: Iterator[pa.Table]) -> list[FailureGroup]:
    """The largest first."""
    keys = ["destination", "code"]
    parts = [
        table.select([*keys, "message", "column"])
        .group_by(keys, use_threads=False)
        .aggregate([([], "count_all"), ("message", "first"), ("column", "first")])
        for table in tables
    ]
    if not parts:
        return []
    sums = [("count_all", "sum"), ("message_first", "first"), ("column_first", "first")]
    found = pa.concat_tables(parts).group_by(keys, use_threads=False).aggregate(sums)
    groups = [
        FailureGroup(
            destination=one["destination"],
            code=one["code"],
            rows=one["count_all_sum"],
            message=one["message_first_first"],
            column=one["column_first_first"],
        )
        for one in found.to_pylist()
    ]
    return sorted(groups, key=lambda group: (-group.rows, group.destination or "", group.code))


def _page(
    app: App,
    run_id: str,
    names: list[str],
    wanted: tuple[str | None, str | None],
    after: tuple[str, int] | None,
    limit: int,
) -> list[tuple[tuple[str, int], FailedRow]]:
    """Up to ``limit`` + 1 rows behind (file, index), each with its own place."""
    first = names.index(after[0]) if after and after[0] in names else 0
    found: list[tuple[tuple[str, int], FailedRow]] = []
    for name in names[first:]:
        for table in app.errors.read(run_id, [name]):
            places = _chosen(table, *wanted)
            if after and name == after[0]:
                places = [place for place in places if place > after[1]]
            places = places[: limit + 1 - len(found)]
            rows = records([table.take(pa.array(places, pa.int64()))])
            found += [((name, place), FailedRow(**row)) for place, row in zip(places, rows, strict=True)]
        if len(found) > limit:
            break
    return found


def _chosen(table: pa.Table, destination: str | None, code: str | None) -> list[int]:
    """The places of the rows that are wanted, in order."""
    mask = pa.array([True] * table.num_rows)
    if destination is not None:
        there = pc.equal(table["destination"], destination)
        mask = pc.fill_null(pc.or_kleene(there, pc.is_null(table["destination"])), False)
    if code is not None:
        mask = pc.and_(mask, pc.equal(table["code"], code))
    places: list[int] = pc.indices_nonzero(mask).to_pylist()
    return places
