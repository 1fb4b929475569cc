"""A service with people in it, for tests in the browser: as whom one may open a tab, and on which project."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.testing.http_server import RecordingServer
from headrace.testing.postgres import PostgresServer
from tests.promise.project import hook, write_config
from tests.serve.processes import Serving, until

PASSWORD = "three blind mice in a row"
OWNER = "owner@example.com"
ROLES = ("owner", "editor", "operator", "viewer")
QUERY = 'SELECT id AS "userId", email, plan FROM people'
SERVICE = {"egress_allow": ["127.0.0.0/8"]}  # what tests deliver to is on this machine
_TABLE = "CREATE TABLE people (id TEXT, email TEXT, plan TEXT)"
_ROWS = [("u1", "ann@example.com", "free"), ("u2", "bob@example.com", "pro"), (None, "nobody@example.com", "free")]


def sqlite_shop(folder: Path) -> dict[str, Any]:
    """A small warehouse in the project's folder: three people, one of them without an id. The source's definition."""
    with closing(sqlite3.connect(folder / "shop.sqlite")) as shop, shop:
        shop.execute(_TABLE)
        shop.executemany("INSERT INTO people VALUES (?, ?, ?)", _ROWS)
    return {"type": "sqlite", "path": "shop.sqlite"}


def postgresql_shop(server: PostgresServer) -> dict[str, Any]:
    """The same in a fresh database of a real PostgreSQL."""
    database = server.create_database(_TABLE)
    with server.connect(database) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO people VALUES (%s, %s, %s)", _ROWS)
    return {
        "type": "postgresql", "host": server.host, "port": server.port, "database": database,
        "user": server.user, "password": server.password, "tls": "prefer",
    }  # fmt: skip


def write_shop(folder: Path, source: dict[str, Any], server: RecordingServer, **sync: Any) -> None:
    """A project in files: the sync ``people`` brings the warehouse ``shop`` to the webhook ``crm``."""
    people = {"source": "shop", "call": "identify", "query": QUERY, "destinations": ["crm"], **sync}
    write_config(
        folder,
        {
            "service": SERVICE,
            "sources": {"shop": source},
            "destinations": {"crm": hook(server)},
            "syncs": {"people": people},
        },
    )


@dataclass
class House:
    """A running service, its receiving end, and the sessions of its people by role; all have `PASSWORD`."""

    service: Serving
    server: RecordingServer
    sessions: dict[str, str] = field(default_factory=dict)

    def set_up(self) -> None:
        """Make the first owner with the printed code."""
        me = {"email": OWNER, "name": "Olga Owner", "password": PASSWORD}
        self.sessions["owner"] = self._signed_in("/api/v1/setup", {"code": self.service.setup_code(), **me})

    def session(self, role: str) -> str:
        """The cookie of a person with the role, made when first asked. A viewer may not look at rows."""
        if role not in self.sessions:
            asked = {"email": f"{role}@example.com", "name": role.title(), "role": role, "preview": role != "viewer"}
            invitation = self.post("/api/v1/users", asked)
            given = {"code": invitation["code"], "password": PASSWORD}
            self.sessions[role] = self._signed_in("/api/v1/session/invitation", given)
        return self.sessions[role]

    def run_people(self) -> dict[str, Any]:
        """One run of the sync ``people``, to its end."""
        run = self.post("/api/v1/syncs/people/run")
        ended: dict[str, Any] = until(lambda: (now := self.get(f"/api/v1/runs/{run['id']}"))["ended_at"] and now)
        return ended

    def get(self, path: str) -> Any:
        """What the API tells the owner."""
        status, content, _ = self.service.ask("GET", path, Cookie=self.sessions["owner"])
        assert status == 200, content
        return content

    def post(self, path: str, body: object = None) -> Any:
        """What the API answers to the owner."""
        status, content, _ = self._asked(path, body, Cookie=self.sessions["owner"])
        assert status < 300, content
        return content

    def _signed_in(self, path: str, body: object) -> str:
        status, content, headers = self._asked(path, body)
        assert status < 300, content
        return headers["set-cookie"].partition(";")[0]

    def _asked(self, path: str, body: object, **headers: str) -> tuple[int, Any, dict[str, str]]:
        ours = {"Origin": self.service.url, "Sec-Fetch-Site": "same-origin"}
        return self.service.ask("POST", path, body, **ours, **headers)
