"""The audit log: who changed what, when, and from where. For owners."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from headrace.api.deps import Owner
from headrace.api.paging import Cursor, Limit, decode, encode
from headrace.api.schemas import Moment, Page, Shape
from headrace.people import Entry

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])
Wanted = Annotated[str | None, Query(max_length=300, pattern=r"^[^\x00]*$")]


class EntryShown(Shape):
    """``before`` and ``after`` hold what the change is about; never a secret."""

    seq: int
    at: Moment
    actor: str
    action: str
    thing: str
    via: str = Field(description="The address that it came from, or: command line")
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    hash: str = Field(description="SHA-256 over this entry and the hash of the one before it.")

    @classmethod
    def of(cls, entry: Entry) -> EntryShown:
        change = entry.change
        return cls(
            seq=entry.seq,
            at=change.at,
            actor=change.actor,
            action=change.action,
            thing=change.thing,
            via=change.via,
            before=dict(change.before) if change.before is not None else None,
            after=dict(change.after) if change.after is not None else None,
            hash=entry.hash,
        )


class Verified(Shape):
    ok: bool
    broken: int | None = Field(description="The number of the first entry that was changed, or is missing.")
    newest: int = Field(description="The number of the newest entry. Note it elsewhere, with its hash:")
    hash: str = Field(description="whoever rewrites the whole log cannot keep it.")


@router.get("", operation_id="list_audit", summary="The audit log, the newest first")
async def list_audit(
    caller: Owner, thing: Wanted = None, actor: Wanted = None, limit: Limit = 100, cursor: Cursor = None
) -> Page[EntryShown]:
    """``thing`` is ``sync/people``, or ``sync/`` for all; ``actor`` is ``user:ada@example.com``, or ``token:``."""
    key = decode(cursor, int)
    before = min(key[0], 2**62) if key else None
    entries = await caller.app.store.audit(before, limit + 1, thing, actor)
    shown = [EntryShown.of(entry) for entry in entries[:limit]]
    return Page(items=shown, next=encode(shown[-1].seq) if len(entries) > limit else None)


@router.get("/verify", operation_id="verify_audit", summary="Whether the audit log is whole and unchanged")
async def verify_audit(caller: Owner) -> Verified:
    newest = await caller.app.store.audit(limit=1)
    broken = await caller.app.store.verify_audit()
    seq, found = (newest[0].seq, newest[0].hash) if newest else (0, "")
    return Verified(ok=broken is None, broken=broken, newest=seq, hash=found)
