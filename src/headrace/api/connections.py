"""What sources and destinations have in common over the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from fastapi import Response
from pydantic import Field

from headrace.api.definitions import Defined, New, tag, told
from headrace.api.deps import Caller
from headrace.api.paging import page_of
from headrace.api.schemas import CheckShown, Moment, Page, Shape
from headrace.definitions import Kind
from headrace.errors import ConfigError, Conflict, HeadraceError
from headrace.model import Check, Run, RunState
from headrace.workshop import Shown


class LastRun(Shape):
    id: str
    sync: str
    state: RunState
    created_at: Moment
    ended_at: Moment | None


class ConnectionShown(Defined):
    """A source or a destination."""

    type: str = Field(description="Its connector.")
    syncs: list[str] = Field(description="Those that use it.")
    health: Literal["broken", "failing", "working", "unknown"] = Field(
        description="It cannot be used; the last run of one of its syncs ended badly; none did; none ran yet."
    )
    failing: list[str] = Field(description="Its syncs whose last run ended badly.")
    last_run: LastRun | None = Field(description="The newest run of its syncs.")


class ConnectionTest(New):
    """Settings that are not saved. Secrets that are kept under the name are used where the definition says so."""

    name: str = Field(default="unsaved", max_length=200)


async def listed(caller: Caller, kind: Kind, cursor: str | None, limit: int) -> Page[ConnectionShown]:
    all_of_kind = await caller.app.workshop.listed(kind)
    items, more = page_of(all_of_kind, lambda one: one.name, cursor, limit)
    return Page(items=await _all_shown(caller, items), next=more)


async def got(caller: Caller, kind: Kind, name: str, response: Response) -> ConnectionShown:
    found = await caller.app.workshop.shown(kind, name)
    tag(response, found)
    return await shown(caller, found)


async def shown(caller: Caller, one: Shown) -> ConnectionShown:
    return (await _all_shown(caller, [one]))[0]


async def _all_shown(caller: Caller, connections: Sequence[Shown]) -> list[ConnectionShown]:
    """Connections of one kind, with the newest runs of their syncs."""
    using = {one.name: _syncs(caller, one) for one in connections}
    newest = await caller.app.store.newest_run_of_each(sorted({name for names in using.values() for name in names}))
    return [_shown(caller, one, using[one.name], newest) for one in connections]


def _shown(caller: Caller, one: Shown, syncs: list[str], newest: Mapping[str, Run]) -> ConnectionShown:
    runs = [newest[name] for name in syncs if name in newest]
    failing = [run.sync for run in runs if _ended_badly(one, run)]
    last = max(runs, key=lambda run: (run.created_at, run.id), default=None)
    return ConnectionShown(
        **told(caller, one),
        type=str(one.body.get("type", "")),
        syncs=syncs,
        health="broken" if one.findings else "failing" if failing else "working" if last else "unknown",
        failing=failing,
        last_run=LastRun.model_validate(last) if last else None,
    )


def _syncs(caller: Caller, one: Shown) -> list[str]:
    syncs = caller.app.project.syncs.values()
    return sorted(sync.name for sync in syncs if one.name in _used(one.kind, sync.source, sync.destinations))


def _ended_badly(one: Shown, run: Run) -> bool:
    """A run that failed, or in which this destination did not take every row."""
    if run.state is not RunState.PARTIAL or one.kind is Kind.SOURCE:
        return run.state is RunState.FAILED
    counts = run.counts.get(one.name)
    return counts is not None and counts.rejected > 0


async def tested(caller: Caller, kind: Kind, given: ConnectionTest) -> CheckShown:
    """Check settings that are not saved. What keeps them from being tried (no driver, no key) is their problem."""
    try:
        return CheckShown.of(await caller.app.workshop.test(kind, given.name, given.definition))
    except (ConfigError, Conflict):
        raise
    except HeadraceError as error:
        return CheckShown.of(Check(problems=(error.message,)))


async def checked(caller: Caller, kind: Kind, name: str) -> CheckShown:
    """Check a saved connection. Raises `UsageError` where there is none."""
    await caller.app.workshop.shown(kind, name)
    try:
        return CheckShown.of(await caller.app.check(kind.value, name))
    except HeadraceError as error:
        return CheckShown.of(Check(problems=(error.message,)))


def _used(kind: Kind, source: str, destinations: tuple[str, ...]) -> tuple[str, ...]:
    return (source,) if kind is Kind.SOURCE else destinations
