"""Write keys: with which programs send calls to an `http` source. For owners."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from headrace.api.access import Label
from headrace.api.deps import Owner
from headrace.api.errors import Unknown
from headrace.api.paging import Cursor, Limit, page_of
from headrace.api.schemas import Moment, Page, Shape
from headrace.keep.accounts import make_write_key, told_write_key
from headrace.people import WriteKey

router = APIRouter(prefix="/api/v1/write-keys", tags=["write keys"])


class WriteKeyShown(Shape):
    id: str
    source: str
    name: str
    created_at: Moment


class WriteKeyAsked(Shape):
    source: str
    name: Label


class NewWriteKey(Shape):
    """``text`` is the key itself; it is shown this once and kept only as a hash."""

    key: WriteKeyShown
    text: str


@router.get("", operation_id="list_write_keys", summary="The write keys of one source, or of all")
async def list_write_keys(
    caller: Owner, source: str | None = None, limit: Limit = 100, cursor: Cursor = None
) -> Page[WriteKeyShown]:
    held = [key for key in await caller.app.store.write_keys() if source in (None, key.source)]
    keys, after = page_of(held, lambda key: key.id, cursor, limit)
    return Page(items=[_shown(key) for key in keys], next=after)


@router.post("", operation_id="create_write_key", summary="Make a write key", status_code=201)
async def create_write_key(asked: WriteKeyAsked, caller: Owner) -> NewWriteKey:
    source = caller.app.project.sources.get(asked.source)
    if source is None or source.type != "http":
        raise Unknown(
            f"There is no source {asked.source!r} that takes calls. Make one of type http.", code="unknown_source"
        )
    text, key = make_write_key(source.name, asked.name, caller.app.clock.now())
    audit = caller.change("write_key.create", f"write_key/{key.id}", after=told_write_key(key))
    await caller.app.store.create_write_key(key, audit=audit)
    return NewWriteKey(key=_shown(key), text=text.reveal())


@router.delete("/{key_id}", operation_id="delete_write_key", summary="Delete a write key", status_code=204)
async def delete_write_key(key_id: Annotated[str, Path(pattern="^hdw_[0-9a-z]{8}$")], caller: Owner) -> None:
    """Calls with it are refused within seconds."""
    key = next((key for key in await caller.app.store.write_keys() if key.id == key_id), None)
    before = told_write_key(key) if key else None
    audit = caller.change("write_key.delete", f"write_key/{key_id}", before=before)
    if not await caller.app.store.delete_write_key(key_id, audit=audit):
        raise Unknown(
            f"There is no write key {key_id!r}. List them with GET /api/v1/write-keys.", code="unknown_write_key"
        )


def _shown(key: WriteKey) -> WriteKeyShown:
    return WriteKeyShown(id=key.id, source=key.source, name=key.name, created_at=key.created_at)
