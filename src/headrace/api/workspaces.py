"""Embedded workspaces: the people, events and objects that calls have made in a destination of type `workspace`.

Ids in addresses are the workspace's own numbers: a userId may be any text, and stands in no address. Where nothing has
arrived yet there is no file, and everything is empty.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Protocol, TypeVar

from fastapi import APIRouter, Path, Query
from pydantic import Field

from headrace.aio import in_thread
from headrace.api.deps import Caller, Previewer
from headrace.api.document import problems
from headrace.api.errors import ApiError, Unknown
from headrace.api.paging import Cursor, Limit, decode, encode
from headrace.api.previews import require_preview
from headrace.api.schemas import Moment, Page, Shape
from headrace.definitions import Kind
from headrace.destinations.workspace import WorkspaceDestination, WorkspaceReader
from headrace.destinations.workspace.reader import ObjectSummary, PersonView, WorkspaceCounts
from headrace.errors import HeadraceError

router = APIRouter(prefix="/api/v1/workspaces/{name}", tags=["workspaces"], responses=problems(502))

LONGEST = 10.0  # seconds for one question: a search may have to look at everybody

_NOTHING = WorkspaceCounts(*[0] * 10)

T = TypeVar("T")
Shown = TypeVar("Shown", bound=Shape)
Search = Annotated[str, Query(max_length=200, description="Any text in ids or attributes, in any case.")]
Number = Annotated[int, Path(ge=1, lt=2**63)]


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


class ObjectType(Shape):
    type: str
    objects: int


class WorkspaceShown(Shape):
    """What a workspace holds."""

    exists: bool = Field(description="Whether anything has arrived yet.")
    people: int = Field(description="With a userId or an e-mail address.")
    anonymous: int = Field(description="People known by an anonymousId only.")
    objects: int
    relationships: int
    events: int
    devices: int
    object_types: list[ObjectType]


class PersonShown(Shape):
    id: int = Field(description="The workspace's own.")
    user_id: str | None
    email: str | None = Field(description="In lower case, as people are found by it.")
    attributes: dict[str, Any]
    created_at: Moment
    updated_at: Moment


class DeviceShown(Shape):
    token: str
    platform: str | None
    attributes: dict[str, Any]
    updated_at: Moment


class WholePerson(PersonShown):
    anonymous_ids: list[str]
    devices: list[DeviceShown]


class EventShown(Shape):
    id: int
    message_id: str
    kind: Literal["track", "page", "screen"]
    name: str | None
    category: str | None
    occurred_at: Moment
    received_at: Moment
    properties: dict[str, Any]
    context: dict[str, Any]


class ObjectShown(Shape):
    id: int = Field(description="The workspace's own.")
    type: str = Field(validation_alias="object_type_id")
    object: str = Field(validation_alias="object_id", description="The groupId.")
    attributes: dict[str, Any]
    people: int = Field(description="How many relate to it.")
    created_at: Moment
    updated_at: Moment


class RelationshipShown(Shape):
    id: int
    person: int = Field(validation_alias="person_id")
    user_id: str | None
    email: str | None
    type: str = Field(validation_alias="object_type_id")
    object: str = Field(validation_alias="object_id")
    attributes: dict[str, Any]
    created_at: Moment
    updated_at: Moment


@router.get("", operation_id="get_workspace", summary="What a workspace holds")
async def get_workspace(name: str, caller: Previewer) -> WorkspaceShown:
    found = await _asked(caller, name, lambda reader: (reader.counts(), reader.object_types()))
    counts, types = found or (_NOTHING, {})
    return WorkspaceShown(
        exists=found is not None,
        object_types=[ObjectType(type=kind, objects=count) for kind, count in types.items()],
        **_known(WorkspaceShown, counts),
    )


@router.get("/people", operation_id="list_workspace_people", summary="People, the newest first")
async def list_people(
    name: str, caller: Previewer, search: Search = "", limit: Limit = 50, cursor: Cursor = None
) -> Page[PersonShown]:
    before = _place(cursor)
    found = await _asked(caller, name, lambda reader: reader.people(search, limit + 1, before))
    return _page(PersonShown, found, limit)


@router.get("/people/{person}", operation_id="get_workspace_person", summary="One person")
async def get_person(name: str, person: Number, caller: Previewer) -> WholePerson:
    return _whole(await _person(caller, name, person))


@router.get("/people/{person}/events", operation_id="list_workspace_events", summary="A person's events, newest first")
async def list_events(
    name: str, person: Number, caller: Previewer, limit: Limit = 50, cursor: Cursor = None
) -> Page[EventShown]:
    await _person(caller, name, person)
    before = _place(cursor)
    found = await _asked(caller, name, lambda reader: reader.events_of(person, limit + 1, before))
    return _page(EventShown, found, limit)


@router.get(
    "/people/{person}/relationships", operation_id="list_workspace_relationships", summary="What a person relates to"
)
async def list_relationships(
    name: str, person: Number, caller: Previewer, limit: Limit = 50, cursor: Cursor = None
) -> Page[RelationshipShown]:
    await _person(caller, name, person)
    after = _place(cursor) or 0
    found = await _asked(caller, name, lambda reader: reader.relationships_of(person, limit + 1, after))
    return _page(RelationshipShown, found, limit)


@router.get("/objects", operation_id="list_workspace_objects", summary="Objects, the newest first")
async def list_objects(
    name: str,
    caller: Previewer,
    of_type: Annotated[str | None, Query(alias="type", max_length=500, description="Of this type only.")] = None,
    search: Search = "",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ObjectShown]:
    before = _place(cursor)
    found = await _asked(caller, name, lambda reader: reader.objects(of_type, limit + 1, search, before))
    return _page(ObjectShown, found, limit)


@router.get("/objects/{number}", operation_id="get_workspace_object", summary="One object")
async def get_object(name: str, number: Number, caller: Previewer) -> ObjectShown:
    return _shown(ObjectShown, await _object(caller, name, number))


@router.get("/objects/{number}/people", operation_id="list_workspace_object_people", summary="Who relates to an object")
async def list_object_people(
    name: str, number: Number, caller: Previewer, limit: Limit = 50, cursor: Cursor = None
) -> Page[RelationshipShown]:
    one, after = await _object(caller, name, number), _place(cursor) or 0
    key = (one.object_type_id, one.object_id)
    found = await _asked(caller, name, lambda reader: reader.relationships(*key, limit + 1, after))
    return _page(RelationshipShown, found, limit)


async def _person(caller: Caller, name: str, person: int) -> PersonView:
    found = await _asked(caller, name, lambda reader: reader.person_of_id(person))
    if found is None:
        raise Unknown(f"There is no person {person}. It may have been merged or deleted.", code="unknown_person")
    return found


async def _object(caller: Caller, name: str, number: int) -> ObjectSummary:
    found = await _asked(caller, name, lambda reader: reader.object_of_id(number))
    if found is None:
        raise Unknown(f"There is no object {number}. It may have been deleted.", code="unknown_object")
    return found


async def _asked(caller: Caller, name: str, question: Callable[[WorkspaceReader], T]) -> T | None:
    """The workspace's answer, found in a thread; None where there is no file yet."""
    require_preview(caller.app)
    await caller.app.workshop.shown(Kind.DESTINATION, name)
    destination = caller.app.open_destination(name)
    if not isinstance(destination, WorkspaceDestination):
        raise Unknown(
            f"The destination {name!r} is no workspace: nobody can look into it. Choose one of type workspace.",
            code="not_a_workspace",
        )
    if not await in_thread(destination.path.exists):
        return None
    try:
        reader = await in_thread(WorkspaceReader, destination.path)
    except HeadraceError as error:
        raise _unreadable(name, "its file is damaged, is no workspace, or may not be read") from error
    late = asyncio.get_running_loop().call_later(LONGEST, reader.interrupt)
    try:
        return await in_thread(question, reader)
    except sqlite3.Error as error:
        if "interrupted" in str(error):
            raise ApiError(
                f"The workspace {name!r} did not answer within {LONGEST:g} seconds. Search for less.",
                code="workspace_slow",
                status=502,
            ) from error
        raise _unreadable(name, str(error)) from error
    finally:
        late.cancel()
        await in_thread(reader.close)


def _unreadable(name: str, why: str) -> ApiError:
    return ApiError(
        f"The workspace {name!r} cannot be read: {why}. Check the destination, or name another path.",
        code="workspace_unreadable",
        status=502,
    )


def _place(cursor: str | None) -> int | None:
    """The number of the last item of the page before."""
    key = decode(cursor, int)
    return key[0] if key else None


def _page(shape: type[Shown], found: Sequence[_Numbered] | None, limit: int) -> Page[Shown]:
    found = found or ()
    more = encode(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[_shown(shape, one) for one in found[:limit]], next=more)


def _shown(shape: type[Shown], view: object) -> Shown:
    return shape.model_validate(view)


def _whole(view: PersonView) -> WholePerson:
    return WholePerson(
        **_known(PersonShown, view.person),
        anonymous_ids=list(view.anonymous_ids),
        devices=[_shown(DeviceShown, device) for device in view.devices],
    )


def _known(shape: type[Shape], view: object) -> dict[str, Any]:
    """The attributes of a view that a shape has, too."""
    return {name: getattr(view, name) for name in shape.model_fields if hasattr(view, name)}
