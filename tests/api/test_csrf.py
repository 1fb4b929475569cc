"""No other site acts for whoever is signed in here."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, WebSocket

from headrace.api.gate import PeopleGate
from headrace.api.main import create_app
from headrace.people import Role
from tests.api.asgi import Client, Closed
from tests.api.conftest import Service
from tests.api.people import House

HERE, THERE = "http://headrace.test", "https://evil.example"
BEARER = {"authorization": "Bearer nonsense"}


@pytest.fixture
def house(service: Service) -> House:
    return House(service.app)


def bare(browser: Client) -> Client:
    """The same browser, which says nothing of where it comes from."""
    return Client(browser.api, {}, browser.cookies)


TABLE = [
    # headers                                                cookie  passes
    ({"sec-fetch-site": "same-origin"}, True, True),
    ({"sec-fetch-site": "none"}, True, True),
    ({"sec-fetch-site": "same-site"}, True, False),
    ({"sec-fetch-site": "cross-site"}, True, False),
    ({"sec-fetch-site": "SAME-ORIGIN"}, True, False),
    ({"sec-fetch-site": "cross-site", "origin": HERE}, True, False),
    ({"sec-fetch-site": "same-origin", "origin": THERE}, True, True),  # a browser's own word; scripts cannot set it
    ({"origin": HERE}, True, True),
    ({"origin": THERE}, True, False),
    ({"origin": "http://headrace.test.evil.example"}, True, False),
    ({"origin": "http://headrace.test:81"}, True, False),
    ({"origin": "http://evil.example@headrace.test"}, True, False),
    ({"origin": "null"}, True, False),
    ({"origin": ""}, True, False),
    ({"origin": "http://[", "host": ""}, True, False),
    ({"referer": f"{HERE}/"}, True, False),
    ({}, True, False),
    ({**BEARER}, True, False),
    ({**BEARER, "origin": THERE}, True, False),
    ({**BEARER, "sec-fetch-site": "cross-site"}, True, False),
    ({**BEARER}, False, True),
    ({**BEARER, "origin": THERE}, False, True),
    ({}, False, True),
    ({"origin": THERE}, False, False),
    ({"sec-fetch-site": "cross-site"}, False, False),
    ({"authorization": "Basic YTpi", "origin": THERE}, False, False),
]


async def test_what_changes_something_comes_from_here(house: House) -> None:
    """With a cookie the browser must say that the request is ours; without one it must not say the contrary."""
    signed_in, wrong = bare(await house.newcomer("owner", Role.OWNER)), []
    for headers, cookie, passes in TABLE:
        for method, path in (("POST", "/api/v1/tokens"), ("DELETE", "/api/v1/nothing"), ("PATCH", "/api/v1/users/x")):
            browser = signed_in if cookie else bare(house.browser())
            answer = await browser.request(method, path, json={}, headers=headers)
            if (answer.status == 403 and answer.code == "cross_site") is passes:
                wrong.append((method, headers, cookie, answer.text))
    assert wrong == []


async def test_reading_is_free(house: House) -> None:
    """A link from another site leads here, signed in or not."""
    browser = bare(await house.newcomer("ada"))
    assert (await browser.get("/api/v1/session", headers={"sec-fetch-site": "cross-site"})).status == 200


async def test_signing_in_is_ours_too(house: House) -> None:
    """Another site cannot sign a browser in with its own account."""
    await house.person("eve")
    asked = {"email": "eve@example.com", "password": "three blind mice in a row"}
    forged = await bare(house.browser()).post("/api/v1/session", json=asked, headers={"origin": THERE})
    assert (forged.status, forged.code) == (403, "cross_site")
    assert "set-cookie" not in forged.headers


async def test_behind_a_proxy(house: House) -> None:
    """Where a proxy renames the host, the address that people see counts."""
    browser = bare(await house.newcomer("owner", Role.OWNER))
    seen = {"origin": "https://headrace.example.com"}
    assert (await browser.post("/api/v1/tokens", json={}, headers=seen)).code == "cross_site"
    house.configure(public_url="https://headrace.example.com/")
    assert (await browser.post("/api/v1/tokens", json={}, headers=seen)).code == "invalid_request"
    assert (await browser.post("/api/v1/tokens", json={}, headers={"origin": HERE})).code == "invalid_request"


@pytest.mark.parametrize(
    "content", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "Text/Plain;charset=utf-8"]
)
async def test_forms_are_refused(house: House, content: str) -> None:
    """What a page can send to any site without asking is not read, even from our own."""
    browser = await house.newcomer("owner", Role.OWNER)
    body = b'{"name": "x"}'
    answer = await browser.post("/api/v1/tokens", body=body, headers={"content-type": content})
    assert (answer.status, answer.code) == (415, "not_json")


async def test_the_ingest_is_for_all_sites(house: House) -> None:
    """Programs in pages of other sites may send calls: there is no cookie involved."""
    answer = await bare(house.browser()).post("/v1/track", json={}, headers={"origin": THERE})
    assert answer.code == "not_found"  # and not refused: nothing answers here in this test


async def test_web_sockets_come_from_here(house: House) -> None:
    """A WebSocket with a cookie is opened from our own pages only; programs with a token need none."""
    router = APIRouter()

    @router.websocket("/api/v1/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json("hello")

    api = create_app(house.app, PeopleGate(house.app), router)
    cookies = (await house.newcomer("ada")).cookies
    for headers in ({"origin": HERE}, {"sec-fetch-site": "same-origin"}):
        async with Client(api, {}, cookies).websocket("/api/v1/echo", headers=headers) as socket:
            assert await socket.receive() == "hello"
    async with Client(api, BEARER).websocket("/api/v1/echo", headers={"origin": THERE}) as socket:
        assert await socket.receive() == "hello"
    for headers in ({"origin": THERE}, {"sec-fetch-site": "same-site"}, {}, BEARER):
        with pytest.raises(Closed):
            async with Client(api, {}, cookies).websocket("/api/v1/echo", headers=headers):
                pass
