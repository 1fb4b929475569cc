"""Signing in and out: cookies, limits, passwords, invitations."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from headrace.keep.codes import digest
from headrace.keep.passwords import Passwords
from headrace.people import Role, UserEdit
from tests.api.asgi import Client
from tests.api.conftest import Service
from tests.api.people import PASSWORD, House, sign_in

COOKIE = "headrace_session"


@pytest.fixture
def house(service: Service) -> House:
    return House(service.app)


async def status(browser: Client) -> int:
    """Whether somebody is signed in: 200 or 401."""
    return (await browser.get("/api/v1/session")).status


# --------------------------------------------------------------------------------------------------------- signing in


async def test_sign_in_and_out(house: House) -> None:
    """Who signs in is told who they are and what they may; after signing out the cookie is worth nothing."""
    ada = await house.person("ada", Role.OPERATOR)
    browser = house.browser()
    answer = await sign_in(browser, " ADA@example.com")
    assert answer.json == {
        "kind": "user", "id": ada.id, "name": "Ada", "email": "ada@example.com", "role": "operator", "preview": False,
        "actions": ["view", "operate"],
    }  # fmt: skip
    assert (await browser.get("/api/v1/session")).json == answer.json
    kept = dict(browser.cookies)
    assert (await browser.delete("/api/v1/session")).status == 204
    assert COOKIE not in browser.cookies
    browser.cookies = kept
    assert await status(browser) == 401
    assert [action for _, action, _ in await house.actions()] == ["session.create", "session.delete"]


@pytest.mark.parametrize(
    ("settings", "secure"),
    [({}, False), ({"behind_proxy": True}, True), ({"tls_certificate": "tls.pem"}, True)],
    ids=["plain", "proxy", "tls"],
)
async def test_the_cookie_is_a_careful_one(house: House, settings: dict[str, object], secure: bool) -> None:
    """Scripts cannot read it, other sites cannot use it, and it goes over TLS alone where there is TLS."""
    house.configure(**settings)
    await house.person("ada")
    header = (await sign_in(house.browser(), "ada@example.com")).headers["set-cookie"]
    attributes = {part.strip().lower() for part in header.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/", f"max-age={30 * 86_400}"} <= attributes
    assert ("secure" in attributes) is secure


async def test_a_session_is_kept_as_a_hash(house: House) -> None:
    """The store does not hold what the cookie holds."""
    ada = await house.person("ada")
    browser = await house.signed_in(ada)
    (session,) = await house.app.store.sessions(ada.id)
    assert session.id == digest(browser.cookies[COOKIE])
    assert len(browser.cookies[COOKIE]) == 43


async def test_no_session_is_foisted_on_anybody(house: House) -> None:
    """Signing in always makes a new session; the one that the browser had is over, whoever gave it."""
    await house.person("eve")
    await house.person("ada")
    browser = house.browser()
    browser.cookies[COOKIE] = "made-up-by-somebody-else"
    await sign_in(browser, "eve@example.com")
    first = dict(browser.cookies)
    assert first[COOKIE] != "made-up-by-somebody-else"
    await sign_in(browser, "ada@example.com")
    assert browser.cookies[COOKIE] != first[COOKIE]
    assert await status(replace(house.browser(), cookies=first)) == 401


@pytest.mark.parametrize("who", ["unknown", "wrong", "disabled", "without_password"])
async def test_refusals_do_not_differ(house: House, who: str) -> None:
    """Whether the account is unknown, disabled or has no password, or the password is wrong: the answer is one."""
    await house.person("owner", Role.OWNER)
    ada = await house.person("ada")
    if who == "disabled":
        await house.app.store.update_user(ada.id, UserEdit(disabled=True))
    if who == "without_password":
        await house.app.store.delete_user(ada.id)
        await house.app.store.create_user(replace(ada, password=None))
    email = "nobody@example.com" if who == "unknown" else ada.email
    password = "not the password" if who == "wrong" else PASSWORD
    answer = await sign_in(house.browser(), email, password)
    assert (answer.status, answer.code) == (401, "bad_credentials")
    assert "set-cookie" not in answer.headers
    (entry,) = await house.log()
    assert (entry.change.actor, entry.change.action) == ("nobody", "session.refuse")
    assert entry.change.thing == ("user/unknown" if who == "unknown" else "user/ada@example.com")


async def test_an_unknown_account_takes_as_long(house: House) -> None:
    """Time does not tell whether an account exists: a hash is made for unknown ones too."""
    house.access.passwords = Passwords(time=6, memory=19_456)
    await house.person("ada")
    house.access.tries.take = lambda address, account="": None  # type: ignore[method-assign]
    await sign_in(house.browser(), "nobody@example.com", "once, for the decoy")
    best = {"ada@example.com": 9.0, "nobody@example.com": 9.0}
    for email in list(best) * 4:
        began = time.perf_counter()
        await sign_in(house.browser(), email, "not the password")
        best[email] = min(best[email], time.perf_counter() - began)
    known, unknown = best.values()
    assert known / 2 < unknown < known * 2


async def test_a_hash_is_renewed_at_sign_in(house: House) -> None:
    """Where the parameters of hashing have changed, the hash is made anew, and the session stays."""
    ada = await house.person("ada")
    house.access.passwords = Passwords(time=2, memory=64)
    browser = await house.signed_in(ada)
    found = await house.app.store.user(ada.id)
    assert found is not None
    assert found.password != ada.password
    assert not house.access.passwords.outdated(found.password or "")
    assert await status(browser) == 200
    assert (await sign_in(house.browser(), ada.email)).status == 200


# ------------------------------------------------------------------------------------------------------------- limits


async def test_guessing_is_slowed_down(house: House) -> None:
    """After five wrong passwords an account has to wait, longer each time, wherever the tries come from."""
    await house.person("ada")
    for number in range(5):
        assert (await sign_in(house.browser(f"10.0.0.{number}"), "ada@example.com", "wrong")).status == 401
    waits = []
    for _ in range(4):
        answer = await sign_in(house.browser("10.9.9.9"), "ada@example.com", "wrong")
        assert (answer.status, answer.code) == (429, "too_many_tries")
        waits.append(int(answer.headers["retry-after"]))
        house.clock.advance(waits[-1])
        assert (await sign_in(house.browser("10.9.9.9"), "ada@example.com", "wrong")).status == 401
    assert waits == [1, 2, 4, 8]


async def test_success_forgets_the_tries_of_the_account(house: House) -> None:
    """Somebody who mistyped a few times and then came in begins anew; an attacker's address does not."""
    await house.person("ada")
    await house.person("eve")
    for _ in range(4):
        await sign_in(house.browser(), "ada@example.com", "wrong")
    assert (await sign_in(house.browser(), "ada@example.com")).status == 200
    for _ in range(5):
        assert (await sign_in(house.browser(), "ada@example.com", "wrong")).status == 401
    codes = []
    for number in range(14):
        await sign_in(house.browser("2001:db8::1"), "eve@example.com")
        codes.append((await sign_in(house.browser(f"2001:db8::{number}"), f"{number}@example.com", "wrong")).status)
        codes.append((await sign_in(house.browser(f"2001:db8::{number}"), f"{number}@x.org", "wrong")).status)
    assert codes[:20] == [401] * 20
    assert codes[20] == 429


async def test_waiting_people_cost_no_hash(house: House) -> None:
    """While somebody has to wait, not even the right password is looked at."""
    await house.person("ada")
    for _ in range(5):
        await sign_in(house.browser(), "ada@example.com", "wrong")
    entries = len(await house.log())
    assert (await sign_in(house.browser(), "ada@example.com")).status == 429
    assert len(await house.log()) == entries


@pytest.mark.parametrize(("step", "limit"), [(12 * 3600, "idle"), (11 * 3600, "longest")], ids=["idle", "longest"])
async def test_sessions_end_by_themselves(house: House, step: int, limit: str) -> None:
    """After twelve hours without a request; and after thirty days, however busy."""
    browser = await house.newcomer("ada")
    for elapsed in range(step, 30 * 86_400 + 1, step):
        house.clock.advance(step)
        if limit == "idle":
            house.clock.advance(1)
            break
        assert await status(browser) == 200, elapsed
    else:
        house.clock.advance(30 * 86_400 - elapsed + 1)
    assert await status(browser) == 401
    assert await house.app.store.sessions((await house.app.store.users())[0].id) == []


async def test_disabled_people_are_out_at_once(house: House) -> None:
    """With the next request, not when their session ends."""
    owner, browser = await house.newcomer("owner", Role.OWNER), await house.newcomer("ada")
    ada = await house.app.store.user_by_email("ada@example.com")
    assert ada is not None
    assert (await owner.request("PATCH", f"/api/v1/users/{ada.id}", json={"disabled": True})).status == 200
    assert await status(browser) == 401


# ---------------------------------------------------------------------------------------- own sessions and password


async def test_own_sessions(house: House) -> None:
    """People see where they are signed in, and end what they do not know; those of others they do not reach."""
    ada = await house.person("ada")
    first = await house.signed_in(ada)
    house.clock.advance(60)
    second = await house.signed_in(ada)
    eve = await house.newcomer("eve")
    listed = (await second.get("/api/v1/sessions")).json["items"]
    assert [one["current"] for one in listed] == [True, False]
    path = f"/api/v1/sessions/{listed[1]['id']}"
    assert (await eve.delete(path)).code == "unknown_session"
    assert await status(first) == 200
    assert (await second.delete(path)).status == 204
    assert [await status(browser) for browser in (first, second)] == [401, 200]


async def test_changing_the_password(house: House) -> None:
    """It takes the current one; then all other sessions are over, and only the new one lets in."""
    ada = await house.person("ada")
    here, there = await house.signed_in(ada), await house.signed_in(ada)
    change = {"current": PASSWORD, "new": "mary had a little lamb"}
    wrong = await here.put("/api/v1/session/password", json=change | {"current": "not the password"})
    assert (wrong.status, wrong.code) == (400, "wrong_password")
    weak = await here.put("/api/v1/session/password", json=change | {"new": "ada@example.com"})
    assert (weak.status, weak.code) == (400, "weak_password")
    assert await status(there) == 200
    assert (await here.put("/api/v1/session/password", json=change)).status == 204
    assert [await status(browser) for browser in (here, there)] == [200, 401]
    assert (await sign_in(house.browser(), ada.email)).status == 401
    assert (await sign_in(house.browser(), ada.email, "mary had a little lamb")).status == 200


async def test_an_invitation(house: House) -> None:
    """Its code sets the password once, signs in, and ends whatever sessions there were."""
    owner = await house.newcomer("owner", Role.OWNER)
    made = await owner.post("/api/v1/users", json={"email": "ben@example.com", "name": "Ben", "role": "editor"})
    assert made.status == 201
    assert made.json["link"] == f"http://headrace.test/join#{made.json['code']}"
    browser, asked = house.browser(), {"code": made.json["code"], "password": PASSWORD}
    weak = await browser.post("/api/v1/session/invitation", json=asked | {"password": "ben@example.com"})
    assert weak.code == "weak_password"
    joined = await browser.post("/api/v1/session/invitation", json=asked)
    assert (joined.status, joined.json["role"]) == (200, "editor")
    assert await status(browser) == 200
    assert (await house.browser().post("/api/v1/session/invitation", json=asked)).code == "wrong_code"
    again = await owner.post(f"/api/v1/users/{made.json['user']['id']}/invitation")
    asked["code"] = again.json["code"]
    assert (await house.browser().post("/api/v1/session/invitation", json=asked)).status == 200
    assert await status(browser) == 401


async def test_an_invitation_lasts_a_week(house: House) -> None:
    """And not longer."""
    owner = await house.newcomer("owner", Role.OWNER)
    made = await owner.post("/api/v1/users", json={"email": "ben@example.com", "name": "Ben"})
    house.clock.advance(7 * 86_400)
    asked = {"code": made.json["code"], "password": PASSWORD}
    assert (await house.browser().post("/api/v1/session/invitation", json=asked)).code == "wrong_code"


async def test_ways_to_sign_in(house: House) -> None:
    """The sign-in page is told what there is, before anybody is signed in."""
    assert (await house.browser().get("/api/v1/session/ways")).json == {
        "password": True, "oidc": None, "refused": None,
    }  # fmt: skip
