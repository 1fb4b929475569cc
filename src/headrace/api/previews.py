"""Run Query: the first rows, beside each the call it becomes, and what each destination would be sent. Nothing is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from headrace.aio import in_thread
from headrace.api.deps import Previewer
from headrace.api.document import problems
from headrace.api.errors import ApiError, Forbidden
from headrace.api.schemas import Shape
from headrace.app import App
from headrace.calls.batch import CallsBatch
from headrace.definitions import Definition, Kind
from headrace.errors import ConfigError, HeadraceError
from headrace.model import Secret, Sync
from headrace.people import Action, can
from headrace.preview import Preview

router = APIRouter(prefix="/api/v1", tags=["previews"])

MOST_ROWS = 100
_UNSAVED = "unsaved-preview"


class PreviewIn(Shape):
    """What to preview of a saved sync."""

    limit: int = Field(default=10, ge=1, le=MOST_ROWS, description="How many rows to read.")
    last_sync_time: int | None = Field(
        default=None, ge=0, le=2**53, description="Unix seconds; absent: 0, all that the first run would send."
    )


class UnsavedIn(PreviewIn):
    """A sync as it stands in an editor: the keys and values under `syncs.NAME` of `headrace.yaml`."""

    definition: dict[str, Any]


class ColumnShown(Shape):
    name: str
    type: str


class FailureShown(Shape):
    """Why a row becomes no call, or why a destination would not take it."""

    code: str
    message: str
    column: str | None


class RowShown(Shape):
    row: int
    values: dict[str, Any]
    call: dict[str, Any] | None
    errors: list[FailureShown]
    bodies: dict[str, dict[str, str]] = Field(
        description="By destination and endpoint: the call's part of the request body, byte for byte."
    )
    refusals: dict[str, FailureShown] = Field(description="By destination: why it can never take the call.")


class PreviewShown(Shape):
    """As `headrace preview --json` tells it, and what goes to each destination."""

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
async def preview_sync(name: str, body: PreviewIn, caller: Previewer) -> PreviewShown:
    require_preview(caller.app)
    sync = caller.app.sync(name)
    found = await caller.app.preview_of(sync, limit=body.limit, last_sync_time=body.last_sync_time)
    return await previewed(caller.app, sync, found)


@router.post(
    "/previews", operation_id="preview_unsaved", summary="Run the query of a sync that is not saved; nothing is sent",
    responses=problems(502),
)  # fmt: skip
async def preview_unsaved(body: UnsavedIn, caller: Previewer) -> PreviewShown:
    app = caller.app
    require_preview(app)
    if not can(caller.actor, Action.EDIT):  # whoever may write a query here can read all that the source's account can
        raise Forbidden(Action.EDIT, caller.actor)
    await app.reload_if_changed()
    candidate = Definition(Kind.SYNC, _UNSAVED, 0, body.definition, app.clock.now(), caller.by)
    project = await app.loader.trial(candidate)
    if findings := project.broken.get((Kind.SYNC, _UNSAVED)):
        raise ConfigError(findings)
    sync = project.syncs[_UNSAVED]
    found = await app.preview_of(sync, limit=body.limit, last_sync_time=body.last_sync_time)
    return await previewed(app, sync, found)


async def previewed(app: App, sync: Sync, found: Preview) -> PreviewShown:
    """A preview with the bodies that each destination of the sync would be sent."""
    rows = [
        RowShown(
            row=row.row,
            values=dict(row.values),
            call=dict(row.call) if row.call is not None else None,
            errors=[FailureShown.model_validate(error) for error in row.errors],
            bodies={},
            refusals={},
        )
        for row in found.rows
    ]
    warnings = list(found.warnings)
    if found.calls is not None and any(row.call for row in rows):
        by_number = {row.row: row for row in rows}
        for name in sync.destinations:
            try:
                await _encode(app, name, found.calls, by_number)
            except HeadraceError as error:  # it cannot be opened: the rows are worth seeing all the same
                warnings.append(f"{name}: {error.message}")
    columns = [ColumnShown(name=name, type=kind) for name, kind in found.columns]
    return PreviewShown(columns=columns, rows=rows, warnings=warnings)


async def _encode(app: App, name: str, calls: CallsBatch, rows: dict[int, RowShown]) -> None:
    """Add what the destination makes of each call."""
    destination = app.open_destination(name)
    try:
        encoded = await in_thread(destination.encode, calls)
    finally:
        await destination.close()
    secrets = _secrets(app.project.destinations[name].settings.values())
    numbers = calls.columns.column("row").to_pylist()
    for lane, texts in encoded.lanes.items():
        for place, (number, text) in enumerate(zip(numbers, texts.to_pylist(), strict=True)):
            if text is not None and place not in encoded.invalid:
                fragment = text.removesuffix(encoded.ending.decode())
                rows[number].bodies.setdefault(name, {})[lane] = _dotted(fragment, secrets)
    for place, failure in encoded.invalid.items():
        rows[numbers[place]].refusals[name] = FailureShown.model_validate(failure)


def _secrets(settings: Iterable[Any]) -> list[str]:
    """The texts that must not be seen: some destinations want their key in each call."""
    found = [setting.reveal() for setting in settings if isinstance(setting, Secret)]
    for setting in settings:
        if isinstance(setting, Mapping):
            found += _secrets(setting.values())
    return [text for text in found if text]


def _dotted(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "•••")
    return text
