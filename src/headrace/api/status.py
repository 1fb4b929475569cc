"""The state of the service at one look: what needs attention comes first."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field

import headrace
from headrace.api.deps import Viewer
from headrace.api.schemas import Moment, Shape
from headrace.standing import GRAVITY, names_of, standings

router = APIRouter(prefix="/api/v1", tags=["status"])

_LISTED = 100


class Attention(Shape):
    """A sync that somebody should look at."""

    sync: str
    trouble: str = Field(description="broken, failed, late, partial or overrun")
    message: str
    since: Moment | None
    run: str | None


class Upcoming(Shape):
    sync: str
    due: Moment


class Status(Shape):
    version: str
    store: Literal["sqlite", "postgresql"]
    started_at: Moment
    now: Moment
    preview: bool = Field(description="Whether rows of data may be looked at by anyone.")
    syncs: int
    enabled: int
    live_runs: int
    attention: list[Attention] = Field(description="The gravest first; at most 100.")
    upcoming: list[Upcoming] = Field(description="The next due times; at most 10.")


@router.get("/status", operation_id="get_status", summary="The state of the service, and what needs attention")
async def get_status(request: Request, caller: Viewer) -> Status:
    app, now = caller.app, caller.app.clock.now()
    all_syncs = (await standings(app, names_of(app))).values()
    attention = [
        Attention(sync=one.name, trouble=found.kind, message=found.message, since=found.since, run=found.run)
        for one in all_syncs
        for found in one.troubles(now)
    ]
    upcoming = [Upcoming(sync=one.name, due=one.next_due) for one in all_syncs if one.next_due]
    return Status(
        version=headrace.__version__,
        store="postgresql" if (app.places.database_url or "").startswith("postgres") else "sqlite",
        started_at=request.app.state.started,
        now=now,
        preview=app.project.service.preview,
        syncs=len(all_syncs),
        enabled=sum(one.enabled for one in all_syncs),
        live_runs=len(await app.store.live_run_ids()),
        attention=sorted(attention, key=lambda one: GRAVITY.index(one.trouble))[:_LISTED],
        upcoming=sorted(upcoming, key=lambda one: one.due)[:10],
    )
