"""The figures of the overview: what was sent of late, and the newest runs of each source. What needs attention and
what is due next is in `headrace.api.status`."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from fastapi import APIRouter
from pydantic import Field

from headrace.api.deps import Viewer
from headrace.api.schemas import Counts, Moment, Shape
from headrace.app import App
from headrace.definitions import Kind
from headrace.model import RunBar, RunState

router = APIRouter(prefix="/api/v1", tags=["status"])

PERIOD = timedelta(hours=24)
BARS = 50


class BarShown(Counts):
    """A run in a chart; its counts are over all destinations."""

    id: str
    sync: str
    state: RunState
    created_at: Moment
    ended_at: Moment | None
    extracted: int

    @classmethod
    def of(cls, bar: RunBar) -> BarShown:
        counts = Counts.model_validate(bar.counts).model_dump()
        return cls(
            id=bar.id,
            sync=bar.sync,
            state=bar.state,
            created_at=bar.created_at,
            ended_at=bar.ended_at,
            extracted=bar.extracted,
            **counts,
        )


class SourceRuns(Shape):
    source: str
    type: str
    syncs: int
    runs: list[BarShown] = Field(description="The last 50, the newest last.")


class Overview(Shape):
    since: Moment
    counts: Counts = Field(
        description="Of runs that ended since, and of those that live. A row counts at each destination it was for."
    )
    sources: list[SourceRuns]


@router.get("/overview", operation_id="get_overview", summary="What was sent in 24 hours, and each source's last runs")
async def get_overview(caller: Viewer) -> Overview:
    app = caller.app
    since = app.clock.now() - PERIOD
    sources = await app.workshop.listed(Kind.SOURCE)
    counts = await app.store.settled_since(since)
    series = await asyncio.gather(*(_bars(app, one.name) for one in sources))
    shown = [
        SourceRuns(source=one.name, type=str(one.body.get("type", "")), syncs=len(names), runs=bars)
        for one, (names, bars) in zip(sources, series, strict=True)
    ]
    return Overview(since=since, counts=Counts.model_validate(counts), sources=shown)


async def _bars(app: App, source: str) -> tuple[list[str], list[BarShown]]:
    """The syncs of a source, and their newest runs."""
    syncs = [sync.name for sync in app.project.syncs.values() if sync.source == source]
    found = await app.store.newest_bars(syncs, BARS) if syncs else []
    return syncs, [BarShown.of(bar) for bar in found]
