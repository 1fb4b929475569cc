"""Write keys: of sources that take calls, shown once, known to every process at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.keep.write_keys import digest
from headrace.model import Connection
from headrace.people import Role
from tests.api.asgi import Client
from tests.api.conftest import Service
from tests.api.people import House

KEYS = "/api/v1/write-keys"


@pytest.fixture
def house(service: Service) -> House:
    """A service with two sources that take calls."""
    project = service.app.project
    taking = {name: Connection(name, "http", {}) for name in ("web", "app")}
    service.app.project = replace(project, sources={**project.sources, **taking})
    return House(service.app)


@pytest.fixture
async def owner(house: House) -> Client:
    return await house.newcomer("owner", Role.OWNER)


async def test_making_and_deleting(house: House, owner: Client) -> None:
    """The key is shown with its making alone; both change the generation, so that services take note."""
    generation = await house.app.store.generation()
    made = await owner.post(KEYS, json={"source": "web", "name": "production"})
    assert made.status == 201
    text, key_id = made.json["text"], made.json["key"]["id"]
    assert text.startswith(f"{key_id}_")
    (kept,) = await house.app.store.write_keys()
    assert (kept.id, kept.hash, kept.source) == (key_id, digest(text), "web")
    listed = await owner.get(KEYS)
    assert listed.json["items"] == [made.json["key"]]
    assert text not in listed.text
    changed = await house.app.store.generation()
    assert [(await owner.delete(f"{KEYS}/{key_id}")).status for _ in range(2)] == [204, 404]
    assert generation < changed < await house.app.store.generation()
    assert [action for _, action, _ in await house.actions()][1:] == ["write_key.create", "write_key.delete"]


async def test_by_source(owner: Client) -> None:
    """The list may be of one source."""
    for source in ("web", "app", "web"):
        await owner.post(KEYS, json={"source": source, "name": "x"})
    listed = (await owner.get(KEYS, params={"source": "web"})).json["items"]
    assert [key["source"] for key in listed] == ["web", "web"]


@pytest.mark.parametrize("source", ["shop", "nothing"])
async def test_only_sources_that_take_calls(owner: Client, source: str) -> None:
    """A database has no write keys."""
    answer = await owner.post(KEYS, json={"source": source, "name": "x"})
    assert (answer.status, answer.code) == (404, "unknown_source")
