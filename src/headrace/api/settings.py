"""The settings of the service: the section `service` of `headrace.yaml`, as far as it may be changed while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from headrace import durations
from headrace.api import definitions
from headrace.api.connectors import FieldShown
from headrace.api.definitions import Defined, Edit, Version, tag, told
from headrace.api.deps import Owner
from headrace.api.document import problems
from headrace.api.schemas import Shape
from headrace.app import App
from headrace.config import RUNTIME_KEYS, SERVICE, SERVICE_FIELDS
from headrace.config.nodes import Map
from headrace.connector import Field as Setting
from headrace.definitions import Kind

router = APIRouter(prefix="/api/v1/settings", tags=["settings"])


class EffectiveSetting(Shape):
    """A setting as it counts now."""

    name: str = Field(description="listen, retention.runs, mail.host")
    value: Any = Field(description='{"kept": true} for a secret that has a value.')
    origin: Literal["default", "file", "store"]
    place: str = Field(description="headrace.yaml:12; empty where no file says it.")
    editable: bool = Field(description="Whether it can be changed here and now.")
    field: FieldShown = Field(description="What it means, and what it may be.")


class EffectiveSettings(Shape):
    items: list[EffectiveSetting]


@router.get(
    "/effective", operation_id="get_effective_settings", summary="Every setting as it counts, and where it is from"
)
async def get_effective_settings(caller: Owner) -> EffectiveSettings:
    await caller.app.reload_if_changed()
    return EffectiveSettings(items=list(_effective(caller.app)))


@router.get("", operation_id="get_settings", summary="The settings that were made over the API or in the page")
async def get_settings(caller: Owner, response: Response) -> Defined:
    found = await caller.app.workshop.shown(Kind.SETTINGS, SERVICE)
    tag(response, found)
    return Defined(**told(caller, found))


@router.put("", operation_id="update_settings", summary="Change settings", responses=problems(409, 412, 428))
async def update_settings(body: Edit, version: Version, caller: Owner, response: Response) -> Defined:
    return Defined(**told(caller, await definitions.update(caller, Kind.SETTINGS, SERVICE, body, version, response)))


def _effective(app: App) -> Iterator[EffectiveSetting]:
    written = app.loader.written.service()
    held = app.loader.stored.get((Kind.SETTINGS, SERVICE))
    stored: Mapping[str, Any] = held.body if held and (Kind.SETTINGS, SERVICE) not in app.project.broken else {}
    for field in SERVICE_FIELDS:
        value = getattr(app.project.service, field.name)
        if field.kind != "group":
            yield _setting(field, field.name, value, written, stored)
            continue
        node, group = written.items.get(field.name), stored.get(field.name)
        inner = (node if isinstance(node, Map) else None, group if isinstance(group, Mapping) else {})
        for one in field.fields:
            yield _setting(one, f"{field.name}.{one.name}", getattr(value, one.name, one.default), *inner)


def _setting(field: Setting, name: str, value: Any, written: Map | None, stored: Mapping[str, Any]) -> EffectiveSetting:
    key = written.keys.get(field.name) if written else None
    if field.kind == "secret":
        value = {"kept": True} if value else None
    elif field.kind == "text" and isinstance(value, int):
        value = durations.describe(value)
    return EffectiveSetting(
        name=name,
        value=list(value) if isinstance(value, tuple) else value,
        origin="file" if key else "store" if field.name in stored else "default",
        place=f"{key.file}:{key.line}" if key else "",
        editable=key is None and name.partition(".")[0] in RUNTIME_KEYS,
        field=FieldShown.of(field),
    )
