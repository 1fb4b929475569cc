"""Who may call what: every route × every role, as `headrace.people.can` says and not otherwise.

The routes come from the router, so that a new one is judged without a word here; one without a rule fails.
"""

from __future__ import annotations

from itertools import product

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from starlette.requests import HTTPConnection

from headrace.api.document import needed, operations
from headrace.api.main import create_app
from headrace.people import Action, Actor, Role, can
from tests.api.asgi import Client, Closed
from tests.api.conftest import Service

REFUSED = (401, 403)
SCOPES = [
    frozenset[Action](), frozenset({Action.VIEW}), frozenset({Action.PREVIEW}), frozenset({Action.OPERATE}),
    frozenset({Action.EDIT, Action.CONNECT}), frozenset({Action.ADMINISTER}),
]  # fmt: skip
PEOPLE = [Actor("user", f"u_{role}", role, role, preview) for role, preview in product(Role, (False, True))]
TOKENS = [
    Actor("token", "hdr_00000000", "hdr_00000000", role, True, scopes)
    for role, scopes in product((Role.EDITOR, Role.OWNER), SCOPES[1:])
]
ACTORS = [*PEOPLE, *TOKENS]


class OneActor:
    """A gate at which always the same stands."""

    actor_here: Actor | None = None

    async def actor(self, connection: HTTPConnection) -> Actor | None:
        return self.actor_here


@pytest.fixture
def gate() -> OneActor:
    return OneActor()


@pytest.fixture
def api(service: Service, gate: OneActor) -> FastAPI:
    api = create_app(service.app, gate)
    api.openapi_schema = {}  # to make it takes a second, and who gets it is all that is asked here
    return api


def is_public(route: APIRoute) -> bool:
    return getattr(route.endpoint, "__public__", False) is True


def filled(path: str) -> str:
    """A path to things that are not there."""
    return "".join("00000000" if index % 2 else part for index, part in enumerate(path.replace("}", "{").split("{")))


def sockets(api: FastAPI) -> list[str]:
    """The paths of all WebSockets."""
    found = (context.original_route for context in iter_route_contexts(api.routes))
    return [route.path for route in found if isinstance(route, APIWebSocketRoute)]


async def refusal(api: FastAPI, method: str, path: str) -> str:
    """The code with which a request for a thing that is not there is refused; "" where it is not."""
    answer = await Client(api, {"if-match": '"1"'}, lenient=True).request(method, filled(path))
    return answer.code if answer.status in REFUSED else ""


def test_every_route_has_one_rule(api: FastAPI) -> None:
    """A route is public, or for whoever is signed in, or needs exactly one action."""
    listed = list(operations(api))
    assert len(listed) > 25
    wrong = [f"{method} {path}" for method, path, route in listed if is_public(route) == (len(needed(route)) == 1)]
    assert wrong == []
    assert [path for _, path, route in listed if is_public(route) and needed(route)] == []


def test_what_is_public(api: FastAPI) -> None:
    """Only what lets people in is public."""
    public = {f"{method} {path.removeprefix('/api/v1')}" for method, path, route in operations(api) if is_public(route)}
    assert public <= {
        "GET /setup", "POST /setup", "GET /session/ways", "POST /session", "POST /session/invitation",
        "GET /session/oidc", "GET /session/oidc/callback",
    }  # fmt: skip


async def test_nobody_comes_in(api: FastAPI) -> None:
    """Without a proof of who asks, every route that is not public answers 401."""
    for method, path, route in operations(api):
        assert await refusal(api, method, path) == ("" if is_public(route) else "signed_out"), (method, path)


@pytest.mark.parametrize(
    "actor", ACTORS, ids=lambda a: "-".join([a.kind, a.role, *["preview"] * a.preview, *sorted(a.scopes)])
)
async def test_the_matrix(api: FastAPI, gate: OneActor, actor: Actor) -> None:
    """The answer is a refusal exactly where `can` says so, with the code that says why."""
    gate.actor_here, wrong = actor, []
    for method, path, route in operations(api):
        action = next(iter(needed(route)), None)
        # Some of what everybody may is for people alone, and not for tokens.
        expected = ["", "person_needed"] if action is None else ["" if can(actor, action) else "forbidden"]
        code = await refusal(api, method, path)
        if code not in expected:
            wrong.append(f"{method} {path}: {code!r} instead of {expected}")
    assert wrong == []


async def test_web_sockets_have_a_rule_too(api: FastAPI) -> None:
    """Nobody hears anything over one without being signed in."""
    assert sockets(api)
    for path in sockets(api):
        with pytest.raises(Closed):
            async with Client(api, lenient=True).websocket(filled(path)) as socket:
                await socket.receive()
