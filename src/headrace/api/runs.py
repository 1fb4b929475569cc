"""Runs: the history, one run, and what can be done to it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AwareDatetime, Field

from headrace import operations
from headrace.api.deps import Operator, Viewer
from headrace.api.document import problems
from headrace.api.errors import ApiError
from headrace.api.idempotency import OnceRoute
from headrace.api.paging import Cursor, Limit, decode, encode
from headrace.api.schemas import Page, RunShown, Shape
from headrace.app import App
from headrace.errors import UsageError
from headrace.model import Run, RunFilter, RunState, RunTotals, Sync

router = APIRouter(prefix="/api/v1", tags=["runs"], route_class=OnceRoute)


RunId = Annotated[str, Path(pattern="^[0-9a-z-]{1,60}$")]
Word = Annotated[str, Field(pattern="^[a-z0-9_-]{0,63}$")]


class Resend(Shape):
    destinations: list[str] | None = Field(None, description="To these only; null: to each that did not get a row.")


class TotalsShown(Shape):
    """What runs add up to. A row counts once at each destination it was for."""

    runs: int
    states: dict[str, int] = Field(description="How many runs are in each state; those that are in none are left out.")
    extracted: int
    delivered: int
    duplicate: int
    invalid: int
    rejected: int
    pending: int


def wanted_runs(
    caller: Viewer,
    sync: Annotated[list[Word], Query(description="Of these syncs only.", max_length=100)] = [],  # noqa: B006
    source: Annotated[list[Word], Query(description="Of syncs of these sources only.", max_length=100)] = [],  # noqa: B006
    state: Annotated[list[RunState], Query(description="In these states only.")] = [],  # noqa: B006
    trigger: Annotated[list[Word], Query(description="Of these triggers only.", max_length=20)] = [],  # noqa: B006
    failed_rows: Annotated[bool, Query(description="Only those with rows that were not delivered.")] = False,
    since: Annotated[AwareDatetime | None, Query(description="Created then or later.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Created before.")] = None,
) -> RunFilter | None:
    """What is asked for; None where no run can match."""
    syncs = tuple(sync)
    if source:
        of_sources = [one.name for one in caller.app.project.syncs.values() if one.source in source]
        syncs = tuple(name for name in of_sources if not sync or name in sync)
        if not syncs:
            return None
    return RunFilter(syncs, tuple(state), tuple(trigger), failed_rows, since, until)


Wanted = Annotated[RunFilter | None, Depends(wanted_runs)]


@router.get("/runs", operation_id="list_runs", summary="Runs, the newest first")
async def list_runs(
    request: Request, caller: Viewer, wanted: Wanted, limit: Limit = 50, cursor: Cursor = None
) -> Page[RunShown]:
    after = decode(cursor, str)
    if wanted is None:
        return Page(items=[])
    found = await caller.app.store.find_runs(wanted, after[0] if after else None, limit + 1)
    more = encode(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[shown(request, run) for run in found[:limit]], next=more)


@router.get("/runs/totals", operation_id="total_runs", summary="What runs add up to")
async def total_runs(caller: Viewer, wanted: Wanted) -> TotalsShown:
    found = await caller.app.store.run_totals(wanted) if wanted else RunTotals()
    runs, extracted = sum(found.states.values()), found.extracted
    return TotalsShown(runs=runs, states=dict(found.states), extracted=extracted, **asdict(found.counts))


@router.get("/runs/{run_id}", operation_id="get_run", summary="One run, with its counts as they stand")
async def get_run(request: Request, run_id: RunId, caller: Viewer) -> RunShown:
    return shown(request, await run_of(caller.app, run_id))


@router.post(
    "/runs/{run_id}/cancel", operation_id="cancel_run", summary="Stop a run; at once, or within seconds",
    responses=problems(409),
)  # fmt: skip
async def cancel_run(run_id: RunId, caller: Operator) -> RunShown:
    app, run = caller.app, await run_of(caller.app, run_id)
    if not run.state.live:
        raise _ended(run)
    change = caller.change("run.cancel", f"run/{run.id}", {"state": run.state.value})
    await app.store.request_cancel(run.id, audit=change)
    try:
        return RunShown.of(await app.cancel(run.id))
    except UsageError:  # it ended meanwhile
        return RunShown.of(await run_of(app, run.id))


@router.post(
    "/syncs/{name}/run", operation_id="run_sync", summary="Run a sync now", status_code=202, responses=problems(409)
)
async def run_sync(request: Request, name: str, caller: Operator) -> RunShown:
    app, sync = caller.app, caller.app.sync(name)
    _require_query(sync)
    change = caller.change("sync.run", f"sync/{name}")
    return _woken(request, await app.store.create_run(app.new_run(sync, "manual"), audit=change))


@router.post(
    "/syncs/{name}/run-full", operation_id="run_sync_full", summary="Run a sync once over everything", status_code=202,
    responses=problems(409),
)  # fmt: skip
async def run_sync_full(request: Request, name: str, caller: Operator) -> RunShown:
    _require_query(caller.app.sync(name))
    change = caller.change("sync.run_full", f"sync/{name}")
    return _woken(request, await operations.run_full(caller.app, name, audit=change))


@router.post(
    "/runs/{run_id}/resend", operation_id="resend_run", summary="Send the failed rows of a run again", status_code=202,
    responses=problems(409),
)  # fmt: skip
async def resend_run(request: Request, run_id: RunId, body: Resend, caller: Operator) -> RunShown:
    run = await run_of(caller.app, run_id)
    change = caller.change("run.resend", f"run/{run.id}", None, body.model_dump())
    return _woken(request, await operations.resend(caller.app, run, body.destinations, audit=change))


async def run_of(app: App, run_id: str) -> Run:
    """A run by its id. Raises `UsageError` (``unknown_run``)."""
    run = await app.store.run(run_id)
    if run is None:
        raise UsageError(f"There is no run {run_id!r}. It may be older than runs are kept.", code="unknown_run")
    return run


def shown(request: Request, run: Run) -> RunShown:
    """A run, with its progress where this process carries it."""
    return RunShown.of(run, request.app.state.jobs.get(run.id))


def _woken(request: Request, run: Run) -> RunShown:
    """A run that was just queued, after the service's dispatcher was told that there is work."""
    request.app.state.wake()
    return RunShown.of(run)


def _require_query(sync: Sync) -> None:
    if sync.call is None:
        raise ApiError(
            f"Programs send calls to the source of {sync.name!r}: there is nothing to start. They are delivered as "
            "they come.",
            code="received_only",
            status=409,
        )


def _ended(run: Run) -> ApiError:
    return ApiError(f"The run {run.id!r} has ended already ({run.state}).", code="run_ended", status=409)
