"""Data In: calls that were kept, with the row of each and what every destination answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field

from headrace.api.deps import Previewer
from headrace.api.errors import Unknown
from headrace.api.paging import Cursor, Limit, decode, encode
from headrace.api.schemas import Moment, Page, Shape
from headrace.datain import CallFilter, KeptCall
from headrace.model import CallKind

router = APIRouter(prefix="/api/v1", tags=["calls"])

Outcome = Literal["pending", "delivered", "duplicate", "invalid", "rejected"]
Name = Annotated[str, Query(max_length=200)]


class KeptAnswer(Shape):
    """What became of a call at one destination."""

    outcome: Outcome
    reason: str = Field(description="Why it was not taken.")
    request: str = Field(description="Method and address, without secrets; empty where nothing went over HTTP.")
    status: int | None = Field(description="Of the HTTP answer; null where none came.")
    text: str = Field(description="The start of the HTTP answer, or why none came.")
    at: Moment | None


class KeptCallShown(Shape):
    """One call. Without one (`call` is null), a row that could become none."""

    id: int = Field(description="Grows; 0 of a call that was just received and is in no run yet.")
    at: Moment
    source: str
    sync: str = Field(description="Empty of a call that was just received.")
    run: str | None
    row: int
    kind: CallKind | Literal[""] = Field(description="Empty of a row that became no call.")
    user: str = Field(description="userId, else anonymousId.")
    name: str = Field(description="Event, page, screen or group.")
    message_id: str
    call: dict[str, Any] | None = Field(description="As the Pipelines API spells it.")
    values: dict[str, Any] = Field(description="The row; of a call that came over HTTP, the call.")
    reason: str = Field(description="Why it became no call.")
    answers: dict[str, KeptAnswer] = Field(description="By destination.")

    @classmethod
    def of(cls, call: KeptCall) -> KeptCallShown:
        return cls.model_validate(call)


@router.get("/calls", operation_id="list_calls", summary="Kept calls, the newest first")
async def list_calls(
    caller: Previewer,
    source: Name = "",
    sync: Name = "",
    run: Name = "",
    kind: CallKind | None = None,
    outcome: Annotated[Outcome | None, Query(description="At any of its destinations.")] = None,
    text: Annotated[str, Query(max_length=200, description="In user, name or messageId, in any case.")] = "",
    row: Annotated[int, Query(ge=0, lt=2**63, description="Made from this row of the run; 0: from any.")] = 0,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[KeptCallShown]:
    before = decode(cursor, int)
    wanted = CallFilter(source, sync, run, kind or "", outcome or "", text, row)
    found = await caller.app.store.kept_calls(wanted, before[0] if before else None, limit + 1)
    more = encode(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[KeptCallShown.of(call) for call in found[:limit]], next=more)


@router.get("/calls/{call_id}", operation_id="get_call", summary="One kept call")
async def get_call(call_id: Annotated[int, Path(ge=1, lt=2**63)], caller: Previewer) -> KeptCallShown:
    found = await caller.app.store.kept_call(call_id)
    if found is None:
        raise Unknown(f"There is no call {call_id}. It may be older than calls are kept.", code="unknown_call")
    return KeptCallShown.of(found)
