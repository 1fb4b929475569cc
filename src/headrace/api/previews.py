"""Run Query: the first rows, beside each the call it becomes, and what each destination would be sent. Nothing is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from headrace.aio import in_thread
from headrace.api.deps import Caller, Previewer
from headrace.api.document import problems
from headrace.api.errors import ApiError, Forbidden
from headrace.api.schemas import Shape
from headrace.app import App, received_only
from headrace.calls.batch import CallsBatch
from headrace.definitions import Definition, Kind
from headrace.errors import ConfigError, HeadraceError
from headrace.model import Secret, Sync
from headrace.net.rehearsal import Request as Rehearsed
from headrace.people import Action, can
from headrace.ports import Batch, Encoded
from headrace.preview import Sample, preview

router = APIRouter(prefix="/api/v1", tags=["previews"])

MOST_ROWS = 100
_UNSAVED = "unsaved-preview"


class PreviewIn(Shape):
    """What to preview of a saved sync."""

    limit: int = Field(default=10, ge=1, le=MOST_ROWS, description="How many rows to read.")
    last_sync_time: int | None = Field(
        default=None, ge=0, le=2**53, description="Unix seconds; absent: 0, all that the first run would send."
    )


class Draft(Shape):
    """A sync as it stands in an editor: the keys and values under `syncs.NAME` of `headrace.yaml`."""

    definition: dict[str, Any]


class UnsavedIn(PreviewIn, Draft):
    """What to preview of a sync that is not saved."""


class ColumnShown(Shape):
    name: str
    type: str


class FailureShown(Shape):
    """Why a row becomes no call, or why a destination would not take it."""

    code: str
    message: str
    column: str | None


class RequestShown(Shape):
    """A request as it would go for this row alone; in a run, one request carries many. Secrets are left out."""

    method: str
    url: str
    headers: dict[str, str]
    body: str = Field(description="Before compression.")


class RowShown(Shape):
    row: int
    values: dict[str, Any]
    call: dict[str, Any] | None
    errors: list[FailureShown]
    bodies: dict[str, dict[str, str]] = Field(
        description="By destination and endpoint: the call's part of the request body, byte for byte."
    )
    requests: dict[str, list[RequestShown]] = Field(description="By destination, of those that speak HTTP.")
    refusals: dict[str, FailureShown] = Field(description="By destination: why it can never take the call.")


class PreviewShown(Shape):
    """As `headrace preview --json` tells it, and what goes to each destination."""

    id: str = Field(description="Of these rows: they can be mapped in another way while they are held.")
    columns: list[ColumnShown]
    rows: list[RowShown]
    warnings: list[str]


def require_preview(app: App) -> None:
    """Raises `ApiError` (``preview_off``) where nobody may look at rows."""
    if not app.project.service.preview:
        raise ApiError(
            "Nobody may look at rows of data here: service.preview is false. Ask an owner to change that.",
            code="preview_off",
            status=403,
        )


@router.post(
    "/syncs/{name}/preview", operation_id="preview_sync", summary="Run the query of a saved sync; nothing is sent",
    responses=problems(502),
)  # fmt: skip
async def preview_sync(request: Request, name: str, body: PreviewIn, caller: Previewer) -> PreviewShown:
    require_preview(caller.app)
    return await _read(request, caller, caller.app.sync(name), body)


@router.post(
    "/previews", operation_id="preview_unsaved", summary="Run the query of a sync that is not saved; nothing is sent",
    responses=problems(502),
)  # fmt: skip
async def preview_unsaved(request: Request, body: UnsavedIn, caller: Previewer) -> PreviewShown:
    return await _read(request, caller, await _unsaved(caller, body), body)


@router.post(
    "/previews/{preview_id}/map",
    operation_id="map_preview",
    summary="Map the rows of a preview as another sync would; the database is not asked",
    responses=problems(410),
)
async def map_preview(request: Request, preview_id: str, body: Draft, caller: Previewer) -> PreviewShown:
    sync = await _unsaved(caller, body)
    if sync.call is None:
        raise received_only(sync, "no query to preview. See what came in: Data In")
    return await _mapped(caller, sync, preview_id, request.app.state.samples.find(caller.actor, preview_id))


async def _unsaved(caller: Caller, draft: Draft) -> Sync:
    """The sync of a definition that is not saved. Raises `ConfigError` with all that is wrong."""
    app = caller.app
    require_preview(app)
    if not can(caller.actor, Action.EDIT):  # whoever may write a query here can read all that the source's account can
        raise Forbidden(Action.EDIT, caller.actor)
    await app.reload_if_changed()
    candidate = Definition(Kind.SYNC, _UNSAVED, 0, draft.definition, app.clock.now(), caller.by)
    project = await app.loader.trial(candidate)
    if findings := project.broken.get((Kind.SYNC, _UNSAVED)):
        raise ConfigError(findings)
    return project.syncs[_UNSAVED]


async def _read(request: Request, caller: Caller, sync: Sync, wanted: PreviewIn) -> PreviewShown:
    sample = await caller.app.sample_of(sync, limit=wanted.limit, last_sync_time=wanted.last_sync_time)
    return await _mapped(caller, sync, request.app.state.samples.hold(caller.actor, sample), sample)


async def _mapped(caller: Caller, sync: Sync, preview_id: str, sample: Sample) -> PreviewShown:
    """The rows with their calls, and with what each destination of the sync would be sent."""
    found = await in_thread(preview, sync, sample)
    rows = [
        RowShown(
            row=row.row,
            values=dict(row.values),
            call=dict(row.call) if row.call is not None else None,
            errors=[FailureShown.model_validate(error) for error in row.errors],
            bodies={},
            requests={},
            refusals={},
        )
        for row in found.rows
    ]
    warnings = list(found.warnings)
    if found.calls is not None and any(row.call for row in rows):
        by_number = {row.row: row for row in rows}
        for name in sync.destinations:
            try:
                await _encode(caller.app, name, found.calls, by_number)
            except HeadraceError as error:  # it cannot be opened: the rows are worth seeing all the same
                warnings.append(f"{name}: {error.message}")
    columns = [ColumnShown(name=name, type=kind) for name, kind in found.columns]
    return PreviewShown(id=preview_id, columns=columns, rows=rows, warnings=warnings)


async def _encode(app: App, name: str, calls: CallsBatch, rows: dict[int, RowShown]) -> None:
    """Add what the destination makes of each call."""
    destination = app.open_destination(name)
    secrets = _secrets(app.project.destinations[name].settings.values())
    numbers = calls.columns.column("row").to_pylist()
    try:
        encoded = await in_thread(destination.encode, calls)
        valid = [place for place in range(len(calls)) if place not in encoded.invalid]
        for place, requests in (await _rehearsed(app, name, calls, encoded, valid)).items():
            rows[numbers[place]].requests[name] = [_request(each, secrets) for each in requests]
    finally:
        await destination.close()
    for lane, texts in encoded.lanes.items():
        said = texts.to_pylist()
        for place in valid:
            if (text := said[place]) is not None:
                fragment = text.removesuffix(encoded.ending.decode())
                rows[numbers[place]].bodies.setdefault(name, {})[lane] = _dotted(fragment, secrets)
    for place, failure in encoded.invalid.items():
        rows[numbers[place]].refusals[name] = FailureShown.model_validate(failure)


async def _rehearsed(
    app: App, name: str, calls: CallsBatch, encoded: Encoded, places: Sequence[int]
) -> dict[int, list[Rehearsed]]:
    """The requests of each call, as the destination itself makes them; where it speaks HTTP."""
    rehearsal = app.rehearsal_of(name)
    if rehearsal is None:
        return {}
    destination, http = rehearsal
    found = {}
    try:
        for place in places:
            http.requests = []
            await destination.send(Batch(calls, encoded, [place], 0))
            found[place] = http.requests
    finally:
        await destination.close()
    return found


def _request(made: Rehearsed, secrets: Sequence[str]) -> RequestShown:
    body = _dotted(made.body, [*secrets, *made.secrets])
    return RequestShown(method=made.method, url=made.url, headers=dict(made.headers), body=body)


def _secrets(settings: Iterable[Any]) -> list[str]:
    """The texts that must not be seen: some destinations want their key in each call."""
    found = [setting.reveal() for setting in settings if isinstance(setting, Secret)]
    for setting in settings:
        if isinstance(setting, Mapping):
            found += _secrets(setting.values())
    return sorted((text for text in found if text), key=len, reverse=True)


def _dotted(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        for spelled in (secret, json.dumps(secret, ensure_ascii=False)[1:-1]):
            text = text.replace(spelled, "•••")
    return text
