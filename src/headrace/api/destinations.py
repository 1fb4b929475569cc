"""Destinations: what syncs deliver to."""

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

router = APIRouter(prefix="/api/v1/destinations", tags=["destinations"], route_class=OnceRoute)


@router.get("", operation_id="list_destinations", summary="Destinations, by name")
async def list_destinations(caller: Viewer, limit: Limit = 50, cursor: Cursor = None) -> Page[ConnectionShown]:
    return await connections.listed(caller, Kind.DESTINATION, cursor, limit)


@router.get("/{name}", operation_id="get_destination", summary="One destination, without its secrets")
async def get_destination(name: str, caller: Viewer, response: Response) -> ConnectionShown:
    return await connections.got(caller, Kind.DESTINATION, name, response)


@router.post(
    "", operation_id="create_destination", summary="Make a destination", status_code=201, responses=problems(409)
)
async def create_destination(body: New, caller: Connector, response: Response) -> ConnectionShown:
    return await connections.shown(caller, await definitions.create(caller, Kind.DESTINATION, body, response))


@router.put(
    "/{name}", operation_id="update_destination", summary="Edit a destination", responses=problems(409, 412, 428)
)
async def update_destination(
    name: str, body: Edit, version: Version, caller: Connector, response: Response
) -> ConnectionShown:
    return await connections.shown(
        caller, await definitions.update(caller, Kind.DESTINATION, name, body, version, response)
    )


@router.delete(
    "/{name}", operation_id="delete_destination", summary="Delete a destination that no sync uses", status_code=204,
    responses=problems(409, 412, 428),
)  # fmt: skip
async def delete_destination(name: str, version: Version, caller: Connector) -> None:
    await definitions.delete(caller, Kind.DESTINATION, name, version)


@router.post("/test", operation_id="test_destination", summary="Check settings that are not saved")
async def test_destination(body: ConnectionTest, caller: Connector) -> CheckShown:
    return await connections.tested(caller, Kind.DESTINATION, body)


@router.post("/{name}/check", operation_id="check_destination", summary="Check a saved destination")
async def check_destination(name: str, caller: Connector) -> CheckShown:
    return await connections.checked(caller, Kind.DESTINATION, name)
