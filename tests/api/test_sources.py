"""Sources over the API: made, checked, kept while in use; and their SSH keys."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Service

TUNNELLED: dict[str, Any] = {
    "type": "postgresql",
    "host": "db.internal",
    "database": "shop",
    "user": "reader",
    "password": "hunter2",
    "ssh_tunnel": {"host": "127.0.0.1", "port": 1, "user": "tunnel"},
}


async def test_make_use_and_delete(service: Service) -> None:
    """A source that was made here can be queried by syncs, and is deleted only when none uses it any more."""
    body = {"name": "copy", "definition": {"type": "sqlite", "path": "shop.sqlite"}}
    made = await service.owner.post("/api/v1/sources", json=body)
    assert made.status == 201, made.text
    sync = {
        "source": "copy",
        "call": "identify",
        "query": 'SELECT id AS "userId" FROM people',
        "destinations": ["export"],
    }
    using = await service.owner.post("/api/v1/syncs", json={"name": "copies", "definition": sync})
    assert using.status == 201, using.text
    assert (await service.owner.get("/api/v1/sources/copy")).json["syncs"] == ["copies"]
    etag = {"if-match": made.headers["etag"]}
    refused = await service.owner.delete("/api/v1/sources/copy", headers=etag)
    assert (refused.status, refused.code) == (409, "in_use")
    assert (await service.run("copies")).extracted == 3
    gone = await service.owner.delete("/api/v1/syncs/copies", headers={"if-match": using.headers["etag"]})
    assert gone.status == 204
    assert (await service.owner.delete("/api/v1/sources/copy", headers=etag)).status == 204


async def test_check(service: Service) -> None:
    """A check tells what was found out, and what is wrong, as 200: asking was no mistake."""
    good = await service.owner.post("/api/v1/sources/shop/check")
    assert (good.status, good.json["ok"]) == (200, True)
    body = {"definition": {"type": "sqlite", "path": "gone.sqlite"}}
    bad = await service.owner.post("/api/v1/sources/test", json=body)
    assert (bad.status, bad.json["ok"]) == (200, False)
    assert "gone.sqlite" in bad.json["problems"][0]
    assert (await service.owner.get("/api/v1/sources")).json["items"][0]["name"] == "shop"


async def test_ssh_key_in_two_phases(service: Service) -> None:
    """A new key is pending, shown in its public half only; it is not saved while no connection with it works."""
    assert (await service.owner.post("/api/v1/sources", json={"name": "far", "definition": TUNNELLED})).status == 201
    path = "/api/v1/sources/far/ssh-key"
    made = await service.owner.post(f"{path}/new", json={})
    assert made.status == 200, made.text
    assert made.json["pending"]["public"].startswith("ssh-ed25519 ")
    assert 'permitopen="db.internal:5432"' in made.json["pending"]["authorized_key"]
    assert "PRIVATE" not in made.text
    assert made.json["active"] is None
    assert (await service.owner.post(f"{path}/new", json={})).status == 409
    saved = await service.owner.post(f"{path}/save")
    assert saved.status == 502, saved.text
    assert (await service.as_role("viewer").get(path)).json["pending"] == made.json["pending"]
    assert (await service.owner.post(f"{path}/discard")).json["pending"] is None
    actions = [entry.change.action for entry in await service.app.store.audit()]
    assert actions == ["ssh_key.discard", "ssh_key.make", "source.create"]


async def test_ssh_key_of_a_source_without_tunnel(service: Service) -> None:
    """A source that is reached directly has no SSH key; one that is not there is a 404."""
    assert (await service.owner.get("/api/v1/sources/shop/ssh-key")).code == "ssh"
    assert (await service.owner.get("/api/v1/sources/nope/ssh-key")).status == 404
