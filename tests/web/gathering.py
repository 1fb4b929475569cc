"""A service whose syncs have filled a workspace with people, events, objects and hostile texts, and that takes calls
from programs: for the tests of Data In and People."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from headrace.testing.http_server import Answer, Recorded, RecordingServer
from tests.promise.project import hook, write_config
from tests.serve.processes import Serving, until
from tests.web import hostile
from tests.web.axe import require_accessible
from tests.web.browser import HEIGHTS, LAPTOP, PHONE, WIDE
from tests.web.house import SERVICE, House

APP, STREAM = "app-key", "stream-key"  # write keys of the sources `app`, and `stream`, which no sync reads
HERE = "people_here"  # the workspace
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_PEOPLE = (
    'SELECT id AS "userId", email, plan, city AS "address.city", zip AS "address.zip", note, id AS "messageId" '
    "FROM people"
)
_ORDERS = 'SELECT user AS "userId", event, total, note, message AS "messageId" FROM orders'
_TEAMS = (
    'SELECT id AS "groupId", kind AS "objectTypeId", user AS "userId", name, '
    """json_object('role', role) AS "relationshipAttributes" FROM teams"""
)
_ROWS = [
    *[(f"u{number}", f"u{number}@example.com", ["free", "pro"][number % 2], "Ulm", "89073", "")
      for number in range(1, 60)],
    *[(text[:60], f"h{number}@example.com", text, text, "", text)
      for number, text in enumerate(hostile.TEXTS)],
    (None, "nobody@example.com", "free", None, None, None),
]  # fmt: skip
_EVENTS = [
    *[(f"u{number % 3 + 1}", "Order Completed", number, "", f"o{number}") for number in range(1, 8)],
    *[("u1", text[:90], 1, text, f"x{number}") for number, text in enumerate(hostile.TEXTS)],
    ("u1", "", 1, "no name", "x-none"),
]
_GROUPS = [
    ("acme", "company", "u1", "Acme", "admin"), ("acme", "company", "u2", "Acme", "member"),
    ("globex", "company", "u2", "Globex", "member"), (hostile.HTML, hostile.RIGHT_TO_LEFT, "u1", hostile.EMOJI, "x"),
]  # fmt: skip


@pytest.fixture(scope="module")
def gathering(tmp_path_factory: pytest.TempPathFactory, server: RecordingServer) -> Iterator[House]:
    """The service, set up, after one run of each sync."""
    folder = tmp_path_factory.mktemp("gathering")
    write_gathering(folder, server)
    server.always(_refusing_u7, path="/hook")
    with Serving(folder) as service:
        house = House(service, server)
        house.set_up()
        for sync in ("people", "orders", "teams"):
            run(house, sync)
        yield house


def _refusing_u7(request: Recorded) -> Answer:
    """The webhook says what it thinks of u7, in HTML."""
    return Answer(422, f"u7 is refused {hostile.HTML}") if b'"u7"' in request.body else Answer(200, {"taken": True})


def write_gathering(folder: Path, server: RecordingServer) -> None:
    """The project. ``crm`` is a webhook, ``empty`` a workspace that no sync delivers to."""
    put(folder, "people", "id, email, plan, city, zip, note", _ROWS)
    put(folder, "orders", "user, event, total, note, message", _EVENTS)
    put(folder, "teams", "id, kind, user, name, role", _GROUPS)
    write_config(
        folder,
        {
            "service": SERVICE,
            "sources": {
                "shop": {"type": "sqlite", "path": "shop.sqlite"},
                "app": {"type": "http", "write_key": APP},
                "stream": {"type": "http", "write_key": STREAM},
            },
            "destinations": {
                HERE: {"type": "workspace"},
                "empty": {"type": "workspace", "path": "other.sqlite"},
                "crm": hook(server, batch_size=1),
            },
            "syncs": {
                "people": _sync("identify", _PEOPLE, [HERE, "crm"]),
                "orders": _sync("track", _ORDERS, [HERE]),
                "teams": _sync("group", _TEAMS, [HERE]),
                "app_calls": {"source": "app", "destinations": [HERE]},
            },
        },
    )


def put(folder: Path, table: str, columns: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows of a table of the warehouse, which is made when first asked."""
    with closing(sqlite3.connect(folder / "shop.sqlite")) as shop, shop:
        shop.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        shop.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _sync(call: str, query: str, destinations: list[str]) -> dict[str, Any]:
    return {"source": "shop", "call": call, "query": query, "destinations": destinations, "schedule": "manual"}


def run(house: House, sync: str) -> dict[str, Any]:
    """One run of a sync, to its end."""
    started = house.post(f"/api/v1/syncs/{sync}/run")
    ended: dict[str, Any] = until(lambda: (now := house.get(f"/api/v1/runs/{started['id']}"))["ended_at"] and now)
    return ended


def send(house: House, calls: Sequence[dict[str, Any]], key: str = APP) -> None:
    """Calls of a program with a write key, as one batch."""
    basic = base64.b64encode(f"{key}:".encode()).decode()
    status, content, _ = house.service.ask("POST", "/v1/batch", {"batch": [*calls]}, Authorization=f"Basic {basic}")
    assert status == 200, content


def event(number: int, name: str = "Clicked", user: str = "u1", **properties: Any) -> dict[str, Any]:
    """A call of the kind track, whose messageId has the number."""
    return {
        "type": "track", "userId": user, "event": name, "messageId": f"{name}-{number}", "properties": properties,
    }  # fmt: skip


def looks(page: Page) -> Iterator[str]:
    """The page in every look, by its name; in each axe-core finds nothing, and nothing makes it scroll sideways."""
    for width in (LAPTOP, PHONE, WIDE):
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", theme)
            if (width, theme) in ((LAPTOP, "light"), (LAPTOP, "dark"), (PHONE, "dark")):  # the others are like these
                require_accessible(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            yield f"{width}-{theme}"
