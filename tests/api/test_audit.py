"""The audit log over the API: by page and filter, with its check; and that every change of people is in it."""

from __future__ import annotations

import pytest

from headrace.people import Role
from tests.api.conftest import Service
from tests.api.people import House

AUDIT = "/api/v1/audit"


@pytest.fixture
def house(service: Service) -> House:
    return House(service.app)


async def test_pages_and_filters(house: House) -> None:
    """The newest first, a page at a time; by thing or actor, or the beginning of either."""
    owner = await house.newcomer("owner", Role.OWNER)
    for name in ("ada", "ben", "cleo"):
        await owner.post("/api/v1/users", json={"email": f"{name}@example.com", "name": name})
    first = (await owner.get(AUDIT, params={"limit": 2})).json
    rest = (await owner.get(AUDIT, params={"limit": 2, "cursor": first["next"]})).json
    assert [entry["seq"] for entry in first["items"] + rest["items"]] == [4, 3, 2, 1]
    assert rest["next"] is None
    (ada,) = (await owner.get(AUDIT, params={"thing": "user/ada@example.com"})).json["items"]
    assert ada["after"] == {"email": "ada@example.com", "name": "ada", "role": "viewer", "preview": False}
    assert len((await owner.get(AUDIT, params={"thing": "user/", "actor": "user:"})).json["items"]) == 4
    assert (await owner.get(AUDIT, params={"actor": "local:"})).json["items"] == []
    assert (await owner.get(AUDIT, params={"cursor": "nonsense"})).code == "bad_cursor"


async def test_the_check(house: House) -> None:
    """It says that all is well, and the hash of the newest entry, to be noted elsewhere."""
    owner = await house.newcomer("owner", Role.OWNER)
    (newest,) = (await owner.get(AUDIT)).json["items"]
    verified = (await owner.get(f"{AUDIT}/verify")).json
    assert verified == {"ok": True, "broken": None, "newest": 1, "hash": newest["hash"]}


async def test_each_change_leaves_one_entry(house: House) -> None:
    """Every route that changes something of people leaves exactly one entry, and one that fails leaves none."""
    owner = await house.newcomer("owner", Role.OWNER)
    ben = (await owner.post("/api/v1/users", json={"email": "ben@example.com", "name": "Ben"})).json["user"]["id"]
    token = (await owner.post("/api/v1/tokens", json={"name": "x"})).json["token"]["id"]
    count = len(await house.log())
    change = {"current": "three blind mice in a row", "new": "mary had a little lamb"}
    for method, path, body, action in (
        ("PATCH", f"/users/{ben}", {"role": "editor"}, "user.update"),
        ("POST", f"/users/{ben}/invitation", None, "user.invite"),
        ("DELETE", f"/users/{ben}/sessions", None, "session.delete"),
        ("DELETE", f"/users/{ben}", None, "user.delete"),
        ("DELETE", f"/tokens/{token}", None, "token.delete"),
        ("POST", "/tokens", {"name": "y"}, "token.create"),
        ("PUT", "/session/password", change, "user.password"),
        ("DELETE", "/session", None, "session.delete"),
    ):
        answer = await owner.request(method, f"/api/v1{path}", json=body)
        assert answer.status < 300, answer.text
        log = await house.log()
        assert [entry.change.action for entry in log[count:]] == [action]
        count = len(log)
    assert await house.app.store.verify_audit() is None
