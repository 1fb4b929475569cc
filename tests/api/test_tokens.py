"""API tokens: shown once, never more than their maker."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.keep.codes import digest
from headrace.people import Role
from tests.api.conftest import Service
from tests.api.people import House

TOKENS = "/api/v1/tokens"


@pytest.fixture
def house(service: Service) -> House:
    return House(service.app)


async def test_a_token_is_shown_once(house: House) -> None:
    """Its text comes with its making alone; kept is the hash; by default it has its maker's role for 90 days."""
    ada = await house.newcomer("ada", Role.EDITOR)
    made = (await ada.post(TOKENS, json={"name": " deploy "})).json
    (kept,) = await house.app.store.tokens()
    assert kept.hash == digest(made["text"])
    assert (made["token"]["id"], made["token"]["name"], made["token"]["role"]) == (
        made["text"][:12],
        "deploy",
        "editor",
    )
    assert kept.expires_at is not None
    assert (kept.expires_at - kept.created_at).days == 90
    listed = await ada.get(TOKENS)
    assert listed.json["items"] == [made["token"]]
    assert made["text"][12:] not in listed.text
    assert (await house.program(made["text"]).get("/api/v1/session")).json["role"] == "editor"


@pytest.mark.parametrize("asked", [{"role": "editor"}, {"role": "owner"}, {"preview": True}], ids=str)
async def test_no_token_exceeds_its_maker(house: House, asked: dict[str, Any]) -> None:
    """A role above one's own, or a right that one lacks, is not given away."""
    ada = await house.newcomer("ada", Role.OPERATOR)
    answer = await ada.post(TOKENS, json={"name": "x"} | asked)
    assert (answer.status, answer.code) == (400, "token_exceeds")
    assert await house.app.store.tokens() == []


async def test_a_token_makes_no_token(house: House) -> None:
    """Nor has it sessions or a password: what it was narrowed to stays narrow."""
    ada = await house.newcomer("ada", Role.OWNER)
    program = house.program((await ada.post(TOKENS, json={"name": "x"})).json["text"])
    change = {"current": "x", "new": "y"}
    for method, path, body in (
        ("GET", TOKENS, None), ("POST", TOKENS, {"name": "y"}), ("DELETE", f"{TOKENS}/hdr_00000000", None),
        ("GET", "/api/v1/sessions", None), ("DELETE", "/api/v1/session", None),
        ("PUT", "/api/v1/session/password", change),
    ):  # fmt: skip
        answer = await program.request(method, path, json=body)
        assert (answer.status, answer.code) == (403, "person_needed"), path


async def test_everybody_sees_their_own(house: House) -> None:
    """Others' tokens are not seen and not deleted, but by owners."""
    ada, owner = await house.newcomer("ada"), await house.newcomer("owner", Role.OWNER)
    theirs = (await owner.post(TOKENS, json={"name": "hers"})).json["token"]["id"]
    mine = (await ada.post(TOKENS, json={"name": "mine", "days": None})).json["token"]["id"]
    assert [token["id"] for token in (await ada.get(TOKENS)).json["items"]] == [mine]
    assert (await ada.get(TOKENS, params={"all": True})).code == "forbidden"
    assert (await ada.delete(f"{TOKENS}/{theirs}")).code == "unknown_token"
    listed = (await owner.get(TOKENS, params={"all": True})).json["items"]
    assert {(token["id"], token["user"]) for token in listed} == {
        (mine, "ada@example.com"), (theirs, "owner@example.com"),
    }  # fmt: skip
    assert [(await owner.delete(f"{TOKENS}/{mine}")).status for _ in range(2)] == [204, 404]
    assert [action for _, action, _ in await house.actions() if action.startswith("token")] == [
        "token.create", "token.create", "token.delete",
    ]  # fmt: skip
