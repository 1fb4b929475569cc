"""A whole service per test: a project in a folder of its own, its app, the API over it, and clients of each role."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from headrace.api.main import create_app
from headrace.app import App, opened
from headrace.model import Run
from headrace.people import Action, Actor, Role
from headrace.testing.http_server import RecordingServer
from tests.api.asgi import Client

CONFIG = """\
sources:
  shop: {type: sqlite, path: shop.sqlite}

destinations:
  export: {type: files, path: out}
  hook: {type: webhook, url: "${HOOK_URL}", auth: bearer, auth_token: "${HOOK_TOKEN}"}

syncs:
  people:
    description: Everyone who changed
    source: shop
    call: identify
    query: |
      SELECT id AS "userId", name
      FROM people
      WHERE changed > {{last_sync_time}}
      ORDER BY number
    destinations: [export, hook]
    schedule: every 15 minutes

  orders:
    source: shop
    call: track
    query: SELECT 'u1' AS "userId", 'Ordered' AS event, 3 AS total
    destinations: [hook]

service:
  egress_allow: [127.0.0.1]
"""
TOKEN = "a-token-nobody-may-see"


class RoleGate:
    """Believes what the bearer says: ``owner``, ``viewer+preview``, ``editor:view,edit`` (narrowed by scopes)."""

    async def actor(self, connection: HTTPConnection) -> Actor | None:
        text = connection.headers.get("authorization", "").removeprefix("Bearer ")
        if not text:
            return None
        who, _, scopes = text.partition(":")
        role, _, preview = who.partition("+")
        if role not in list(Role):
            return None
        narrowed = frozenset(Action(scope) for scope in scopes.split(",") if scope)
        return Actor("user", f"id-{role}", f"{role}@example.com", Role(role), bool(preview), narrowed)


@dataclass(frozen=True)
class Service:
    """A project with three people (the third has no id), the API over it, and the webhook's receiver."""

    app: App
    api: FastAPI
    folder: Path
    hook: RecordingServer

    @property
    def nobody(self) -> Client:
        """A client that is not signed in."""
        return Client(self.api)

    def as_role(self, role: str, *, preview: bool = False, scopes: str = "") -> Client:
        """A client that is signed in. ``preview``: with the right to look at rows; ``scopes``: view,edit…"""
        bearer = role + ("+preview" if preview else "") + (f":{scopes}" if scopes else "")
        return Client(self.api, {"authorization": f"Bearer {bearer}"})

    @property
    def owner(self) -> Client:
        """A client that may do everything."""
        return self.as_role("owner", preview=True)

    async def run(self, sync: str) -> Run:
        """Run a sync to its end, as the service's worker would."""
        return await self.app.carry(await self.app.begin(sync))

    def sql(self, statement: str) -> None:
        """Change the warehouse."""
        with closing(sqlite3.connect(self.folder / "shop.sqlite")) as connection, connection:
            connection.execute(statement)


def make_project(folder: Path, hook: RecordingServer) -> dict[str, str]:
    """Write the project and its warehouse; returns the environment to open it with."""
    (folder / "headrace.yaml").write_text(CONFIG)
    with closing(sqlite3.connect(folder / "shop.sqlite")) as shop, shop:
        shop.execute("CREATE TABLE people (number INTEGER, id TEXT, name TEXT, changed INTEGER)")
        people = [(1, "u1", "Ann", 100), (2, "u2", "=1+1", 100), (3, None, "Nobody", 100)]
        shop.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", people)
    return {"HOOK_URL": f"{hook.url}/calls", "HOOK_TOKEN": TOKEN}


@pytest.fixture
def hook() -> Iterator[RecordingServer]:
    """Receives what the destination ``hook`` sends."""
    with RecordingServer() as server:
        yield server


@pytest.fixture
async def service(tmp_path: Path, hook: RecordingServer) -> AsyncIterator[Service]:
    """A service in which nothing has run yet; no loops of its own: what is queued waits."""
    env = make_project(tmp_path, hook)
    async with opened(tmp_path, env) as app:
        yield Service(app, create_app(app, RoleGate()), tmp_path, hook)
