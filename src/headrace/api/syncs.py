"""Syncs: how each stands, its definition and versions, and its switches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from headrace import definitions as definitions_model
from headrace import operations, schedule
from headrace.api import definitions
from headrace.api.definitions import Defined, Edit, New, Version, tag, told
from headrace.api.deps import Caller, Editor, Operator, Viewer
from headrace.api.document import problems
from headrace.api.idempotency import OnceRoute
from headrace.api.paging import Cursor, Limit, page_of
from headrace.api.runs import shown as run_shown
from headrace.api.schemas import Finding, Moment, Page, RunShown, Shape
from headrace.definitions import Kind
from headrace.errors import UsageError
from headrace.model import CallKind
from headrace.standing import Standing, standing_of, standings
from headrace.workshop import Shown

router = APIRouter(prefix="/api/v1/syncs", tags=["syncs"], route_class=OnceRoute)

_LAST_SECOND = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())


class SyncShown(Defined):
    """A sync and how it stands. What is null cannot be told, because the definition cannot be used."""

    source: str | None
    call: CallKind | None = Field(description="Null also where each call names its own kind.")
    destinations: list[str]
    description: str
    schedule: str
    schedule_words: str = Field(description="For people: every 15 minutes; at 06:00 on weekdays (Europe/Warsaw)")
    enabled: bool
    version: int | None = Field(description="Of the sync: a run keeps the one it began with.")
    last_sync_time: int = Field(description="Unix seconds; of received calls, the number of the last journal.")
    last_sync_at: Moment | None = Field(description="The same moment; null before the first settled run.")
    next_due: Moment | None
    overruns: int = Field(description="Due times in a row that were skipped because the run before still ran.")
    used_by: list[str] = Field(description="What keeps it from being deleted: sync orders, alert pager.")
    live_run: RunShown | None
    last_run: RunShown | None = Field(description="The newest, live or not.")


class Draft(Shape):
    """A sync as it stands in an editor. With the name of one that is there, it is judged as an edit of that."""

    name: str = Field("unsaved", max_length=200)
    definition: dict[str, Any]


class Judged(Shape):
    findings: list[Finding] = Field(description="All that is wrong; none: it can be saved.")


class VersionShown(Shape):
    """``definition`` has every key, also those that were left to their defaults."""

    version: int
    at: Moment
    by: str
    definition: dict[str, Any]


class Versions(Shape):
    items: list[VersionShown]


class LastSyncTime(Shape):
    last_sync_time: int = Field(ge=0, le=_LAST_SECOND, description="Unix seconds; 0: the next run sends everything.")


class ScheduleHelp(Shape):
    words: str | None
    due: list[Moment] = Field(description="The next five due times; none for what is not due by time.")
    error: str | None = Field(description="What is wrong, and how to mend it.")


@router.get("", operation_id="list_syncs", summary="Syncs by name, and how each stands")
async def list_syncs(
    request: Request,
    caller: Viewer,
    source: Annotated[str | None, Query(description="Only those that read from there.", max_length=63)] = None,
    destination: Annotated[str | None, Query(description="Only those that deliver there.", max_length=63)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SyncShown]:
    all_syncs = [
        one
        for one in await caller.app.workshop.listed(Kind.SYNC)
        if source in (None, one.body.get("source"))
        and (destination is None or destination in (one.body.get("destinations") or ()))
    ]
    items, more = page_of(all_syncs, lambda one: one.name, cursor, limit)
    stand = await standings(caller.app, [one.name for one in items])
    users = await caller.app.workshop.users(Kind.SYNC)
    shown = [_shown(request, caller, one, stand[one.name], users.get(one.name, [])) for one in items]
    return Page(items=shown, next=more)


@router.get("/schedule-help", operation_id="explain_schedule", summary="What a schedule means, and when it is due")
async def explain_schedule(
    caller: Viewer,
    text: Annotated[str, Query(description="As under `schedule` of a sync.", max_length=500)],
    start: Annotated[datetime | None, Query(description="As under `start` of a sync; with a zone.")] = None,
) -> ScheduleHelp:
    try:
        parsed = schedule.parse(text, seconds=caller.app.project.service.seconds)
        anchor = start if start is None or start.tzinfo else start.replace(tzinfo=UTC)
        return ScheduleHelp(words=str(parsed), due=_next_five(parsed, caller.app.clock.now(), anchor), error=None)
    except (ValueError, OverflowError) as error:
        return ScheduleHelp(words=None, due=[], error=str(error))


@router.post("/validate", operation_id="validate_sync", summary="All that is wrong with a sync; nothing is saved")
async def validate_sync(body: Draft, caller: Editor) -> Judged:
    findings = await caller.app.workshop.judge(Kind.SYNC, body.name, body.definition)
    return Judged(findings=[Finding.model_validate(finding) for finding in findings])


@router.get("/{name}", operation_id="get_sync", summary="One sync, and how it stands")
async def get_sync(request: Request, name: str, caller: Viewer, response: Response) -> SyncShown:
    found = await caller.app.workshop.shown(Kind.SYNC, name)
    tag(response, found)
    return await _stand(request, caller, found)


@router.post("", operation_id="create_sync", summary="Make a sync", status_code=201, responses=problems(409))
async def create_sync(request: Request, body: New, caller: Editor, response: Response) -> SyncShown:
    made = await definitions.create(caller, Kind.SYNC, body, response)
    request.app.state.wake()
    return await _stand(request, caller, made)


@router.put("/{name}", operation_id="update_sync", summary="Edit a sync", responses=problems(409, 412, 428))
async def update_sync(
    request: Request, name: str, body: Edit, version: Version, caller: Editor, response: Response
) -> SyncShown:
    made = await definitions.update(caller, Kind.SYNC, name, body, version, response)
    return await _stand(request, caller, made)


@router.delete(
    "/{name}", operation_id="delete_sync", summary="Delete a sync; its runs are kept", status_code=204,
    responses=problems(409, 412, 428),
)  # fmt: skip
async def delete_sync(name: str, version: Version, caller: Editor) -> None:
    await definitions.delete(caller, Kind.SYNC, name, version)


@router.post("/{name}/enable", operation_id="enable_sync", summary="Let a sync run when it is due")
async def enable_sync(request: Request, name: str, caller: Operator) -> SyncShown:
    return await _switch(request, caller, name, enabled=True)


@router.post("/{name}/disable", operation_id="disable_sync", summary="Let a sync rest; it keeps its last_sync_time")
async def disable_sync(request: Request, name: str, caller: Operator) -> SyncShown:
    return await _switch(request, caller, name, enabled=False)


@router.put("/{name}/last-sync-time", operation_id="set_last_sync_time", summary="From where the next run reads")
async def set_last_sync_time(request: Request, name: str, body: LastSyncTime, caller: Operator) -> SyncShown:
    app, found = caller.app, await caller.app.workshop.shown(Kind.SYNC, name)
    before = {"last_sync_time": (await app.store.sync_state(name)).cursor}
    change = caller.change("sync.set_last_sync_time", f"sync/{name}", before, body.model_dump())
    await operations.set_last_sync_time(app, name, body.last_sync_time, audit=change)
    return await _stand(request, caller, found)


@router.get("/{name}/versions", operation_id="list_versions", summary="What a sync was, the newest first")
async def list_versions(name: str, caller: Viewer) -> Versions:
    found = await caller.app.store.versions(name)
    if not found:  # of a deleted sync they are kept
        await caller.app.workshop.shown(Kind.SYNC, name)
    return Versions(items=[_version(one) for one in found])


@router.get("/{name}/versions/{number}", operation_id="get_version", summary="What a sync was in one version")
async def get_version(name: str, number: int, caller: Viewer) -> VersionShown:
    for one in await caller.app.store.versions(name):
        if one.version == number:
            return _version(one)
    raise UsageError(f"There is no version {number} of the sync {name!r}. See the list.", code="unknown_version")


async def _switch(request: Request, caller: Caller, name: str, *, enabled: bool) -> SyncShown:
    app, found = caller.app, await caller.app.workshop.shown(Kind.SYNC, name)
    was = (await standing_of(app, name)).enabled
    change = caller.change(
        f"sync.{'enable' if enabled else 'disable'}", f"sync/{name}", {"enabled": was}, {"enabled": enabled}
    )
    await app.store.set_enabled(name, enabled, audit=change)
    request.app.state.wake()
    return await _stand(request, caller, found)


async def _stand(request: Request, caller: Caller, found: Shown) -> SyncShown:
    users = (await caller.app.workshop.users(Kind.SYNC)).get(found.name, [])
    return _shown(request, caller, found, await standing_of(caller.app, found.name), users)


def _shown(request: Request, caller: Caller, found: Shown, stand: Standing, users: list[str]) -> SyncShown:
    sync, cursor = stand.sync, stand.state.cursor
    received = sync is not None and sync.call is None
    return SyncShown(
        **told(caller, found),
        source=sync.source if sync else None,
        call=sync.call if sync else None,
        destinations=list(sync.destinations) if sync else [],
        description=sync.description if sync else "",
        schedule=sync.schedule if sync else "",
        schedule_words=_words(sync.schedule) if sync else "",
        enabled=stand.enabled,
        version=caller.app.versions.get(found.name),
        last_sync_time=cursor,
        last_sync_at=None if received or not cursor else datetime.fromtimestamp(cursor, UTC),
        next_due=stand.next_due,
        overruns=stand.overruns,
        used_by=users,
        live_run=run_shown(request, stand.live) if stand.live else None,
        last_run=run_shown(request, stand.newest) if stand.newest else None,
    )


def _words(text: str) -> str:
    return str(schedule.parse(text, seconds=True))


def _next_five(parsed: schedule.Schedule, now: datetime, anchor: datetime | None) -> list[datetime]:
    found: list[datetime] = []
    at = schedule.next_due(parsed, now, anchor)
    while at is not None and len(found) < 5:
        found.append(at)
        at = schedule.next_due(parsed, at, anchor)
    return found


def _version(one: definitions_model.Version) -> VersionShown:
    return VersionShown(version=one.version, at=one.at, by=one.by, definition=dict(one.spec))
