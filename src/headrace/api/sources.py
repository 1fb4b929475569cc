"""Sources: what syncs read from."""

from __future__ import annotations

from fastapi import APIRouter, Response

from headrace.api import connections, definitions
from headrace.api.connections import ConnectionShown, ConnectionTest
from headrace.api.definitions import Edit, New, Version
from headrace.api.deps import Connector, Viewer
from headrace.api.document import problems
from headrace.api.idempotency import OnceRoute
from headrace.api.paging import Cursor, Limit
from headrace.api.schemas import CheckShown, Page
from headrace.definitions import Kind

router = APIRouter(prefix="/api/v1/sources", tags=["sources"], route_class=OnceRoute)


@router.get("", operation_id="list_sources", summary="Sources, by name")
async def list_sources(caller: Viewer, limit: Limit = 50, cursor: Cursor = None) -> Page[ConnectionShown]:
    return await connections.listed(caller, Kind.SOURCE, cursor, limit)


@router.get("/{name}", operation_id="get_source", summary="One source, without its secrets")
async def get_source(name: str, caller: Viewer, response: Response) -> ConnectionShown:
    return await connections.got(caller, Kind.SOURCE, name, response)


@router.post("", operation_id="create_source", summary="Make a source", status_code=201, responses=problems(409))
async def create_source(body: New, caller: Connector, response: Response) -> ConnectionShown:
    return await connections.shown(caller, await definitions.create(caller, Kind.SOURCE, body, response))


@router.put("/{name}", operation_id="update_source", summary="Edit a source", responses=problems(409, 412, 428))
async def update_source(
    name: str, body: Edit, version: Version, caller: Connector, response: Response
) -> ConnectionShown:
    made = await definitions.update(caller, Kind.SOURCE, name, body, version, response)
    return await connections.shown(caller, made)


@router.delete(
    "/{name}", operation_id="delete_source", summary="Delete a source that no sync uses", status_code=204,
    responses=problems(409, 412, 428),
)  # fmt: skip
async def delete_source(name: str, version: Version, caller: Connector) -> None:
    await definitions.delete(caller, Kind.SOURCE, name, version)


@router.post("/test", operation_id="test_source", summary="Check settings that are not saved")
async def test_source(body: ConnectionTest, caller: Connector) -> CheckShown:
    return await connections.tested(caller, Kind.SOURCE, body)


@router.post("/{name}/check", operation_id="check_source", summary="Check a saved source")
async def check_source(name: str, caller: Connector) -> CheckShown:
    return await connections.checked(caller, Kind.SOURCE, name)
