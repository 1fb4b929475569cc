"""What is the same for every route: one shape of error, careful headers, a limit for bodies."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message

from headrace.api import main
from headrace.errors import HeadraceError
from tests.api.asgi import Client
from tests.api.conftest import TOKEN, Service


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/elsewhere", 404, "not_found"),
        ("DELETE", "/api/v1/openapi.json", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_there(service: Service, method: str, path: str, status: int, code: str) -> None:
    """An address or a method that is not there is told in the shape of all errors."""
    answer = await service.owner.request(method, path)
    assert (answer.status, answer.code) == (status, code)
    assert set(answer.json) == {"error"}
    assert set(answer.json["error"]) == {"code", "message", "findings", "run", "line", "column"}


async def test_document_is_for_the_signed_in(service: Service) -> None:
    """The OpenAPI document is shown to whoever is signed in, whatever they may, and to nobody else."""
    assert (await service.nobody.get("/api/v1/openapi.json")).code == "signed_out"
    assert (await service.as_role("viewer").get("/api/v1/openapi.json")).json["openapi"] == "3.1.0"


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", {"content-type": "application/json"}, 400, "bad_json"),
        (b'"\xff"', {"content-type": "application/json"}, 400, "bad_request"),
        (b"[1]", {"content-type": "application/json"}, 422, "invalid_request"),
        (b"{}", {"content-type": "application/json"}, 422, "invalid_request"),
        (b'{"name": "x", "definition": {}, "nmae": 1}', {"content-type": "application/json"}, 422, "invalid_request"),
        (b"x" * 2_000_001, {"content-type": "application/json"}, 413, "too_large"),
    ],
    ids=["cut", "no text", "a list", "empty", "unknown key", "large"],
)
async def test_bodies(service: Service, body: bytes, headers: dict[str, str], status: int, code: str) -> None:
    """A body that cannot be read, has another shape or is too large is refused in the shape of all errors."""
    answer = await service.owner.post("/api/v1/syncs", body=body, headers=headers)
    assert (answer.status, answer.code) == (status, code)


async def test_mistyped_keys(service: Service) -> None:
    """A key that is unknown and one that is missing are told by name, in words."""
    answer = await service.owner.post("/api/v1/syncs", json={"name": "x", "definiton": {}})
    assert {finding["where"]: finding["message"] for finding in answer.json["error"]["findings"]} == {
        "body.definition": "The required key 'definition' is missing.",
        "body.definiton": "The key 'definiton' is not known here. Take it out, or look how it is written.",
    }


async def test_a_body_that_does_not_come(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends a body too slowly is told so, and holds nothing for ever."""
    monkeypatch.setattr(main, "BODY_SECONDS", 0.05)
    begun: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}]
    told: list[Message] = []

    async def slowly() -> Message:
        return begun.pop() if begun else await asyncio.Future()

    async def send(message: Message) -> None:
        told.append(message)

    headers = {"content-type": "application/json", "content-length": "100"}
    scope = service.owner._scope("http", "/api/v1/session", headers, None, method="POST")
    await asyncio.wait_for(service.api(scope, slowly, send), 10)
    assert told[0]["status"] == 408
    assert b'"too_slow"' in told[1]["body"]


async def test_too_large_where_no_body_is_read(service: Service) -> None:
    """The limit holds for routes that take no body at all, and whatever length was announced."""
    path = "/api/v1/syncs/people/enable"
    assert (await service.owner.post(path, body=b"x" * 2_000_001)).code == "too_large"


async def test_careful_headers(service: Service) -> None:
    """Every answer, good or bad, is kept by no cache, guessed at by no browser, and told to no other site."""
    for answer in (
        await service.owner.get("/api/v1/status"),
        await service.owner.get("/api/v1/nothing"),
        await service.nobody.get("/api/v1/status"),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("error", [ValueError("the password is hunter2"), HeadraceError("hunter2", code="store_odd")])
async def test_our_own_defects_tell_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """What goes wrong in ourselves is a 500 without details; the error itself goes on to the server's log."""

    async def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(service.app.store, "run", broken)
    client = Client(service.api, service.owner.headers, lenient=True)
    answer = await client.get("/api/v1/runs/some")
    assert (answer.status, answer.code) == (500, "internal")
    assert "hunter2" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    with pytest.raises(type(error)):
        await service.owner.get("/api/v1/runs/some")


async def test_status(service: Service) -> None:
    """The status counts syncs and live runs, and tells first what needs attention."""
    await service.run("people")
    await service.app.begin("orders")
    told = (await service.as_role("viewer").get("/api/v1/status")).json
    assert (told["syncs"], told["enabled"], told["live_runs"], told["store"]) == (2, 2, 1, "sqlite")
    assert [(one["sync"], one["trouble"]) for one in told["attention"]] == [("people", "partial")]


async def test_connectors_tell_their_fields(service: Service) -> None:
    """Forms can be made of what connectors tell: each field with its kind, help and choices."""
    items = (await service.as_role("viewer").get("/api/v1/connectors")).json["items"]
    (webhook,) = [one for one in items if (one["role"], one["type"]) == ("destination", "webhook")]
    fields = {field["name"]: field for field in webhook["fields"]}
    assert fields["url"]["required"]
    assert fields["auth_token"]["kind"] == "secret"
    assert "bearer" in fields["auth"]["choices"]
    assert all(field["help"] for one in items for field in one["fields"])


async def test_no_secret_anywhere(service: Service) -> None:
    """No list of the API shows a secret that the configuration holds."""
    for path in ("sources", "destinations", "syncs", "connectors", "status", "destinations/hook"):
        answer = await service.owner.get(f"/api/v1/{path}")
        assert answer.status == 200
        assert TOKEN not in answer.text
