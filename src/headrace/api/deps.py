"""What every route leans on: the app it serves, who asks, and whether they may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from headrace.api.errors import Forbidden, SignedOut
from headrace.app import App
from headrace.people import Action, Actor, Change, can


class Gate(Protocol):
    """Finds out who asks. `headrace.api.gate` has the real one."""

    async def actor(self, connection: HTTPConnection) -> Actor | None:
        """By session cookie or bearer token; None for nobody. Raises where a proof is given that does not hold."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls a route, after the check; makes entries for the audit log."""

    actor: Actor
    via: str  # the client's address
    app: App

    @property
    def by(self) -> str:
        """As `Change.actor` has it."""
        return f"{self.actor.kind}:{self.actor.name}"

    def change(
        self, action: str, thing: str, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None
    ) -> Change:
        return Change(self.app.clock.now(), self.by, action, thing, self.via, before, after)


@dataclass(frozen=True, slots=True)
class Needs:
    """A dependency that lets only those in who may; the route's action can be read from it by tests."""

    action: Action

    async def __call__(self, connection: HTTPConnection) -> Caller:
        caller = await identified(connection)
        if not can(caller.actor, self.action):
            raise Forbidden(self.action, caller.actor)
        return caller


async def identified(connection: HTTPConnection) -> Caller:
    """Whoever is signed in, whatever they may; asked once for each request. Raises `SignedOut`."""
    known: Caller | None = getattr(connection.state, "caller", None)
    if known is None:
        gate: Gate = connection.app.state.gate
        actor = await gate.actor(connection)
        if actor is None:
            raise SignedOut
        known = Caller(actor, connection.client.host if connection.client else "", connection.app.state.app)
        connection.state.caller = known
    return known


def the_app(request: Request) -> App:
    app: App = request.app.state.app
    return app


def public(route: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a route that needs nobody: sign-in, set-up, health. Any other route without `Needs` is a defect."""
    route.__public__ = True  # type: ignore[attr-defined]  # read by the test of the access matrix
    return route


AppHere = Annotated[App, Depends(the_app)]
SignedIn = Annotated[Caller, Depends(identified)]
Viewer = Annotated[Caller, Depends(Needs(Action.VIEW))]
Previewer = Annotated[Caller, Depends(Needs(Action.PREVIEW))]
Operator = Annotated[Caller, Depends(Needs(Action.OPERATE))]
Editor = Annotated[Caller, Depends(Needs(Action.EDIT))]
Connector = Annotated[Caller, Depends(Needs(Action.CONNECT))]
Owner = Annotated[Caller, Depends(Needs(Action.ADMINISTER))]
