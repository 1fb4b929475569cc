"""Owners manage people; nobody else does, and an owner is always left."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.people import Role
from tests.api.asgi import Answer, Client
from tests.api.conftest import Service
from tests.api.people import House

USERS = "/api/v1/users"


@pytest.fixture
def house(service: Service) -> House:
    return House(service.app)


@pytest.fixture
async def owner(house: House) -> Client:
    return await house.newcomer("owner", Role.OWNER)


async def edit(owner: Client, user_id: str, **changes: Any) -> Answer:
    return await owner.request("PATCH", f"{USERS}/{user_id}", json=changes)


async def test_people_are_listed_by_page(house: House, owner: Client) -> None:
    """By e-mail address; a page at a time; never a hash."""
    for name in ("cleo", "ben", "ada"):
        await house.person(name)
    first = (await owner.get(USERS, params={"limit": 3})).json
    rest = (await owner.get(USERS, params={"limit": 3, "cursor": first["next"]})).json
    assert [user["email"][:3] for user in first["items"] + rest["items"]] == ["ada", "ben", "cle", "own"]
    assert rest["next"] is None
    assert set(first["items"][0]) == {
        "id", "email", "name", "role", "preview", "disabled", "password", "oidc", "created_at", "last_seen_at",
    }  # fmt: skip
    assert first["items"][0]["password"] is True


async def test_inviting(house: House, owner: Client) -> None:
    """An invited person is there at once, cannot sign in yet, and has an address of their own."""
    house.configure(public_url="https://headrace.example.com")
    asked = {"email": "Ben@Example.com", "name": "Ben", "role": "editor", "preview": True}
    made = await owner.post(USERS, json=asked)
    assert made.status == 201
    assert made.json["link"] == f"https://headrace.example.com/join#{made.json['code']}"
    shown = (await owner.get(f"{USERS}/{made.json['user']['id']}")).json
    assert (shown["email"], shown["role"], shown["preview"], shown["password"]) == (
        "ben@example.com",
        "editor",
        True,
        False,
    )
    again = await owner.post(USERS, json=asked)
    assert (again.status, again.code) == (409, "email_taken")


@pytest.mark.parametrize(
    "changes",
    [{"email": "no address"}, {"email": "a@b@c"}, {"name": " "}, {"name": "a\0b"}, {"role": "king"}, {"admin": True}],
    ids=str,
)
async def test_what_is_no_person(owner: Client, changes: dict[str, Any]) -> None:
    """What cannot be is refused before anything is written."""
    answer = await owner.post(USERS, json={"email": "ben@example.com", "name": "Ben"} | changes)
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert len((await owner.get(USERS)).json["items"]) == 1


async def test_editing(house: House, owner: Client) -> None:
    """Only what is named changes; the log tells what it was and what it is; an edit of nothing is no change."""
    ben = await house.person("ben")
    before = len(await house.log())
    edited = await edit(owner, ben.id, role="operator", preview=True, name="Ben")
    assert (edited.json["role"], edited.json["preview"], edited.json["name"]) == ("operator", True, "Ben")
    assert (await edit(owner, ben.id, role="operator")).status == 200
    (entry,) = (await house.log())[before:]
    assert (entry.change.actor, entry.change.action, entry.change.thing) == (
        "user:owner@example.com", "user.update", "user/ben@example.com",
    )  # fmt: skip
    assert entry.change.before == {"role": "viewer", "preview": False}
    assert entry.change.after == {"role": "operator", "preview": True}
    assert entry.change.via == "127.0.0.1"


async def test_an_owner_is_left(house: House, owner: Client) -> None:
    """The last owner keeps role, account and access; with a second one they may go."""
    me = (await owner.get("/api/v1/session")).json["id"]
    for answer in (
        await edit(owner, me, role="editor"),
        await edit(owner, me, disabled=True),
        await owner.delete(f"{USERS}/{me}"),
    ):
        assert (answer.status, answer.code) == (409, "last_owner")
    await house.person("ada", Role.OWNER)
    assert (await edit(owner, me, role="viewer")).status == 200
    assert (await owner.get(USERS)).code == "forbidden"


async def test_deleting_and_signing_out(house: House, owner: Client) -> None:
    """A person can be signed out everywhere, and deleted with all that is theirs."""
    ben = await house.person("ben")
    browser = await house.signed_in(ben)
    assert (await owner.delete(f"{USERS}/{ben.id}/sessions")).status == 204
    assert (await browser.get("/api/v1/session")).status == 401
    browser = await house.signed_in(ben)
    assert (await owner.delete(f"{USERS}/{ben.id}")).status == 204
    assert (await browser.get("/api/v1/session")).status == 401
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/invitation"), ("DELETE", "/sessions")):
        answer = await owner.request(method, f"{USERS}/{ben.id}{path}", json={} if method == "PATCH" else None)
        assert (answer.status, answer.code) == (404, "unknown_user")
    assert [action for _, action, _ in await house.actions()][-3:] == [
        "session.delete",
        "session.create",
        "user.delete",
    ]
