"""Who asks: tokens and cookies, alone and together; what does not hold is refused."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from headrace.keep.accounts import make_token
from headrace.keep.codes import new_token
from headrace.people import Action, Role, User, UserEdit
from tests.api.conftest import Service
from tests.api.people import House

ME = "/api/v1/session"


@pytest.fixture
def house(service: Service) -> House:
    return House(service.app)


async def token_of(house: House, maker: User, **asked: Any) -> str:
    text, token = make_token(maker, "deploy", house.clock.now(), **asked)
    await house.app.store.create_token(token)
    return text.reveal()


async def test_a_token_lets_a_program_in(house: House) -> None:
    """A token in the header is enough; it is told as itself, with what it may."""
    ada = await house.person("ada", Role.OWNER, preview=True)
    scopes = frozenset({Action.VIEW, Action.OPERATE, Action.PREVIEW})
    text = await token_of(house, ada, role=Role.EDITOR, scopes=scopes)
    me = (await house.program(text).get(ME)).json
    assert (me["kind"], me["id"], me["name"], me["email"], me["role"]) == (
        "token",
        text[:12],
        text[:12],
        None,
        "editor",
    )
    assert me["actions"] == ["view", "operate"]


async def test_its_use_is_noted_once_a_minute(house: House) -> None:
    """The last use is written down, at most once a minute."""
    ada = await house.person("ada")
    text, began = await token_of(house, ada), house.clock.now()
    for seconds, noted in ((0, 0), (59, 0), (1, 60)):
        house.clock.advance(seconds)
        await house.program(text).get(ME)
        (token,) = await house.app.store.tokens()
        assert token.last_used_at == began + timedelta(seconds=noted)


@pytest.mark.parametrize("ending", ["", "x"], ids=["another", "longer"])
async def test_a_wrong_token_is_refused(house: House, ending: str) -> None:
    """The right name with another secret is as bad as no token at all."""
    ada = await house.person("ada")
    text = await token_of(house, ada)
    wrong = text + ending if ending else text[:12] + new_token()[12:]
    answer = await house.program(wrong).get(ME)
    assert (answer.status, answer.code) == (401, "bad_token")
    assert text[12:] not in answer.text


async def test_a_token_ends(house: House) -> None:
    """On its day it ends by itself; before that with its deletion, or with its maker."""
    owner = await house.person("owner", Role.OWNER)
    makers = [await house.person(name) for name in ("ada", "ben", "cleo", "dan")]
    texts = [await token_of(house, maker, days=30) for maker in makers]
    store = house.app.store
    await store.delete_token(texts[0][:12])
    await store.update_user(makers[1].id, UserEdit(disabled=True))
    await store.delete_user(makers[2].id)
    assert [(await house.program(text).get(ME)).status for text in texts] == [401, 401, 401, 200]
    house.clock.advance(30 * 86_400)
    assert (await house.program(texts[3]).get(ME)).code == "token_expired"
    assert owner.id in {user.id for user in await store.users()}


async def test_a_token_never_does_more_than_its_maker_now(house: House) -> None:
    """Who is demoted takes their tokens along, and promotion does not lift them."""
    await house.person("other", Role.OWNER)
    ada = await house.person("ada", Role.OWNER, preview=True)
    program = house.program(await token_of(house, ada, role=Role.EDITOR, preview=True))
    assert (await program.get(ME)).json["actions"] == ["view", "preview", "operate", "edit"]
    await house.app.store.update_user(ada.id, UserEdit(role=Role.VIEWER, preview=False))
    assert (await program.get(ME)).json["actions"] == ["view"]
    await house.app.store.update_user(ada.id, UserEdit(role=Role.OWNER, preview=True))
    assert (await program.get(ME)).json["role"] == "editor"


@pytest.mark.parametrize(
    "path",
    ["/api/v1/session?token={}", "/api/v1/session?{}", "/api/v1/session?a=b&access_token=x{}", "/api/v1/runs/{}"],
)
@pytest.mark.parametrize("escaped", [False, True])
async def test_a_token_in_the_address_is_refused(house: House, path: str, escaped: bool) -> None:
    """Wherever it stands and however it is spelt: even beside a good one in the header, and it is not repeated."""
    ada = await house.person("ada")
    text = await token_of(house, ada)
    spelt = text.replace("_", "%5F") if escaped and "?" in path else text
    answer = await house.program(text).get(path.format(spelt))
    assert (answer.status, answer.code) == (400, "token_in_url")
    assert text not in answer.text


async def test_with_both_the_token_counts(house: House) -> None:
    """Beside a cookie the token decides, and a bad token is not made good by a good cookie."""
    ada = await house.person("ada", Role.OWNER)
    browser = await house.signed_in(ada)
    text = await token_of(house, ada, role=Role.VIEWER)
    both = {"authorization": f"Bearer {text}"}
    assert (await browser.get(ME, headers=both)).json["role"] == "viewer"
    assert (await browser.get(ME, headers={"authorization": "Bearer nonsense"})).code == "bad_token"


async def test_other_schemes_are_not_ours(house: House) -> None:
    """A proxy's own Basic authorisation does not disturb a signed-in browser, and lets nobody in."""
    browser = await house.newcomer("ada")
    basic = {"authorization": "Basic YTpi"}
    assert (await browser.get(ME, headers=basic)).status == 200
    assert (await house.browser().get(ME, headers=basic)).code == "signed_out"


async def test_preview_can_be_off_for_all(house: House) -> None:
    """Where the service allows nobody to see rows, the right of a person does not count."""
    browser = await house.newcomer("ada", Role.OWNER, preview=True)
    assert (await browser.get(ME)).json["preview"] is True
    house.configure(preview=False)
    me = (await browser.get(ME)).json
    assert (me["preview"], "preview" in me["actions"]) == (False, False)
    again = await house.signed_in(await house.person("ben", Role.OWNER, preview=True))
    assert (await again.get(ME)).json["preview"] is False


async def test_sessions_are_seen_once_a_minute(house: House) -> None:
    """Requests write nothing, but once a minute."""
    browser, began = await house.newcomer("ada"), house.clock.now()
    ada = await house.app.store.user_by_email("ada@example.com")
    assert ada is not None
    for seconds, noted in ((59, 0), (1, 60)):
        house.clock.advance(seconds)
        await browser.get(ME)
        (session,) = await house.app.store.sessions(ada.id)
        assert session.seen_at == began + timedelta(seconds=noted)


async def test_no_secret_is_told(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the log, the audit log, an answer after the first, nor a repr holds a password, code, cookie or token."""
    caplog.set_level(logging.DEBUG)
    owner = await house.newcomer("owner", Role.OWNER)
    made = (await owner.post("/api/v1/users", json={"email": "ben@example.com", "name": "Ben"})).json
    browser, password = house.browser(), "mary had a little lamb"
    joined = await browser.post("/api/v1/session/invitation", json={"code": made["code"], "password": password})
    token = (await owner.post("/api/v1/tokens", json={"name": "deploy"})).json
    wrong = await browser.put("/api/v1/session/password", json={"current": "a wrong one", "new": password})
    refused = await browser.post("/api/v1/session", json={"email": "ben@example.com", "password": [password]})
    assert (joined.status, wrong.code, refused.code) == (200, "wrong_password", "invalid_request")
    secrets = [made["code"], token["text"], token["text"][13:], password, "a wrong one", *owner.cookies.values()]
    log, store = await house.log(), house.app.store
    told = [
        caplog.text, *map(repr, log), repr(await store.users()), repr(await store.tokens()),
        joined.text, wrong.text, refused.text, (await owner.get("/api/v1/users")).text,
        (await owner.get("/api/v1/tokens")).text, (await owner.get("/api/v1/audit")).text,
        repr(make_token(replace(await house.person("x"), role=Role.VIEWER), "t", house.clock.now())[0]),
    ]  # fmt: skip
    assert [secret for secret in secrets for text in told if secret in text] == []
    hashes = [user.password for user in await store.users()] + [token.hash for token in await store.tokens()]
    assert [kept for kept in hashes for text in told if kept and kept in text] == []
