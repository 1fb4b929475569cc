"""What sources and destinations have in common over the API."""

from __future__ import annotations

from fastapi import Response
from pydantic import Field

from headrace.api.definitions import Defined, New, tag, told
from headrace.api.deps import Caller
from headrace.api.paging import page_of
from headrace.api.schemas import CheckShown, Page
from headrace.definitions import Kind
from headrace.errors import ConfigError, Conflict, HeadraceError
from headrace.model import Check
from headrace.workshop import Shown


class ConnectionShown(Defined):
    """A source or a destination."""

    type: str = Field(description="Its connector.")
    syncs: list[str] = Field(description="Those that use it.")


class ConnectionTest(New):
    """Settings that are not saved. Secrets that are kept under the name are used where the definition says so."""

    name: str = Field(default="unsaved", max_length=200)


async def listed(caller: Caller, kind: Kind, cursor: str | None, limit: int) -> Page[ConnectionShown]:
    all_of_kind = await caller.app.workshop.listed(kind)
    items, more = page_of(all_of_kind, lambda one: one.name, cursor, limit)
    return Page(items=[shown(caller, one) for one in items], next=more)


async def got(caller: Caller, kind: Kind, name: str, response: Response) -> ConnectionShown:
    found = await caller.app.workshop.shown(kind, name)
    tag(response, found)
    return shown(caller, found)


def shown(caller: Caller, one: Shown) -> ConnectionShown:
    syncs = caller.app.project.syncs.values()
    using = [sync.name for sync in syncs if one.name in _used(one.kind, sync.source, sync.destinations)]
    return ConnectionShown(**told(caller, one), type=str(one.body.get("type", "")), syncs=sorted(using))


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
