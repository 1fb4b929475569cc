"""The settings of the service: the section `service` of `headrace.yaml`, as far as it may be changed while it runs."""

from __future__ import annotations

from fastapi import APIRouter, Response

from headrace.api import definitions
from headrace.api.definitions import Defined, Edit, Version, tag, told
from headrace.api.deps import Owner
from headrace.api.document import problems
from headrace.config import SERVICE
from headrace.definitions import Kind

router = APIRouter(prefix="/api/v1/settings", tags=["settings"])


@router.get("", operation_id="get_settings", summary="The settings that were made over the API or in the page")
async def get_settings(caller: Owner, response: Response) -> Defined:
    found = await caller.app.workshop.shown(Kind.SETTINGS, SERVICE)
    tag(response, found)
    return Defined(**told(caller, found))


@router.put("", operation_id="update_settings", summary="Change settings", responses=problems(409, 412, 428))
async def update_settings(body: Edit, version: Version, caller: Owner, response: Response) -> Defined:
    return Defined(**told(caller, await definitions.update(caller, Kind.SETTINGS, SERVICE, body, version, response)))
