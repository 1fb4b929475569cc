"""The first run: the one-time code makes the first owner, once, for one."""

from __future__ import annotations

import asyncio

import pytest

from headrace.people import Role
from tests.api.asgi import Answer, Client
from tests.api.conftest import Service
from tests.api.people import PASSWORD, House


@pytest.fixture
def house(service: Service) -> House:
    return House(service.app)


async def code_of(house: House) -> str:
    code = await house.access.set_up.code()
    assert code is not None
    return code


async def set_up(browser: Client, code: str, **changes: str) -> Answer:
    asked = {"code": code, "email": "Ada@Example.com ", "name": "Ada", "password": PASSWORD}
    return await browser.post("/api/v1/setup", json=asked | changes)


async def test_the_first_owner(house: House) -> None:
    """The code makes an owner who may see rows, signs them in, and is logged; then nothing is left to set up."""
    code, browser = await code_of(house), house.browser()
    assert (await browser.get("/api/v1/setup")).json == {"needed": True}
    answer = await set_up(browser, code.upper().replace("-", " "))
    assert answer.status == 201
    assert (answer.json["email"], answer.json["role"], answer.json["preview"]) == ("ada@example.com", "owner", True)
    assert (await browser.get("/api/v1/session")).json == answer.json
    assert (await browser.get("/api/v1/setup")).json == {"needed": False}
    assert await house.access.set_up.code() is None
    assert [action for _, action, _ in await house.actions()] == ["user.create", "session.create"]


async def test_it_happens_once(house: House) -> None:
    """Of several who use codes at the same moment one becomes the owner; later nobody does."""
    codes = [await code_of(house) for _ in range(3)]  # as three processes would print them
    answers = await asyncio.gather(*(set_up(house.browser(), code, email=f"{code}@x.org") for code in codes))
    assert sorted(answer.status for answer in answers) == [201, 409, 409]
    assert {answer.code for answer in answers if answer.status == 409} == {"set_up"}
    assert (await set_up(house.browser(), codes[0])).code == "set_up"
    assert len(await house.app.store.users()) == 1


async def test_wrong_codes_are_refused_and_counted(house: House) -> None:
    """A wrong code makes nobody; after a few, even the right one has to wait."""
    code, browser = await code_of(house), house.browser()
    wrong = [await set_up(browser, "aaaa-bbbb-cccc-dddd-eeee") for _ in range(6)]
    assert [answer.code for answer in wrong] == ["wrong_code"] * 5 + ["too_many_tries"]
    waiting = await set_up(browser, code)
    assert (waiting.status, waiting.headers["retry-after"]) == (429, "1")
    house.clock.advance(1)
    assert (await set_up(browser, code)).status == 201


async def test_a_code_lasts_a_day(house: House) -> None:
    """What was printed yesterday works no more."""
    code = await code_of(house)
    house.clock.advance(86_400)
    assert (await set_up(house.browser(), code)).code == "wrong_code"


async def test_an_invitation_is_no_code_of_the_set_up(house: House) -> None:
    """Nor does the code of the set-up let anybody set a password."""
    code = await code_of(house)
    answer = await house.browser().post("/api/v1/session/invitation", json={"code": code, "password": PASSWORD})
    assert answer.code == "wrong_code"


async def test_a_weak_password_is_refused(house: House) -> None:
    """The first owner's password is judged like all others, and the code still works after that."""
    code = await code_of(house)
    assert (await set_up(house.browser(), code, password="password1234")).code == "weak_password"
    assert (await set_up(house.browser(), code)).status == 201


async def test_not_needed_where_there_are_people(house: House) -> None:
    """Where somebody was made on the command line, no code is made."""
    await house.person("ada", Role.OWNER)
    assert await house.access.set_up.code() is None
