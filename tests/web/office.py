"""A service on a real PostgreSQL for tests of the sync editor, and the editor's parts in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from headrace.testing.http_server import RecordingServer
from headrace.testing.postgres import PostgresServer
from tests.promise.project import hook, write_config
from tests.serve.processes import Serving
from tests.web.browser import Tabs
from tests.web.house import SERVICE, House

TABLES = """
CREATE SCHEMA app;
CREATE TABLE app.users (id text, email text, plan text, big bigint, updated_at timestamptz);
INSERT INTO app.users
SELECT CASE WHEN n = 2 THEN NULL ELSE 'u' || n END, 'person' || n || '@example.com', 'free', 9007199254740993,
       timestamptz '2026-01-01' + n * interval '1 minute'
FROM generate_series(1, 140) AS n
"""
QUERY = 'SELECT id AS "userId", email, plan FROM app.users ORDER BY updated_at'
CHANGED = f"{QUERY.partition(' ORDER')[0]} WHERE extract(epoch FROM updated_at) > {{{{last_sync_time}}}}"


@contextmanager
def opened_office(folder: Path, server: RecordingServer, postgres: PostgresServer) -> Iterator[House]:
    """A service on a PostgreSQL with 140 users, a webhook and a workspace; `orders` is managed in a file."""
    database = postgres.create_database()
    with postgres.connect(database) as connection:
        connection.execute(TABLES)
    shop = {
        "type": "postgresql", "host": postgres.host, "port": postgres.port, "database": database,
        "user": postgres.user, "password": postgres.password, "tls": "prefer",
    }  # fmt: skip
    orders = {"source": "shop", "call": "identify", "query": QUERY, "destinations": ["crm"]}
    write_config(
        folder,
        {
            "service": SERVICE,
            "sources": {"shop": shop},
            "destinations": {"crm": hook(server), "box": {"type": "workspace"}},
            "syncs": {"orders": orders},
        },
    )
    with Serving(folder) as service:
        house = House(service, server)
        house.set_up()
        yield house


def kept(house: House, name: str, **keys: Any) -> str:
    """A sync in the store; its name."""
    definition = {
        "source": "shop",
        "call": "identify",
        "query": QUERY,
        "destinations": ["crm"],
        "enabled": False,
        **keys,
    }
    house.post("/api/v1/syncs", {"name": name, "definition": definition})
    return name


def edited(house: House, name: str, **keys: Any) -> None:
    """Somebody else saves the sync."""
    path = f"/api/v1/syncs/{name}"
    _, was, headers = house.service.ask("GET", path, Cookie=house.sessions["owner"])
    ours = {"Origin": house.service.url, "Sec-Fetch-Site": "same-origin", "Cookie": house.sessions["owner"]}
    changed = {"definition": {**was["definition"], **keys}}
    status, content, _ = house.service.ask("PUT", path, changed, **ours, **{"If-Match": headers["etag"]})
    assert status == 200, content


def definition(house: House, name: str) -> Any:
    """What is saved of a sync."""
    return house.get(f"/api/v1/syncs/{name}")["definition"]


def opened(house: House, tabs: Tabs, path: str, role: str = "owner", **how: Any) -> Page:
    """A tab of somebody with the role, at the address."""
    page = tabs.open(house.service.url, house.session(role), **how)
    page.goto(path)
    return page


def editor(page: Page) -> Locator:
    """Where the query is written."""
    return page.get_by_role("textbox", name="SQL query")


def write(page: Page, query: str) -> None:
    """Put the query in the place of what is in the editor."""
    editor(page).click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(query)


def query_of(page: Page) -> str:
    """The text in the editor."""
    return "\n".join(editor(page).locator(".cm-line").all_inner_texts())


def run(page: Page) -> None:
    """Run Query, until rows are there."""
    page.get_by_role("button", name="Run Query").click()
    expect(page.get_by_role("region", name="Rows of the preview")).to_be_visible()


def row(page: Page, number: int) -> Locator:
    """The button of a row."""
    return page.get_by_role("button", name=f"Row {number}", exact=True)


def choose(page: Page, label: str, option: str, typed: str = "") -> None:
    """Pick an option of a field; ``typed`` finds it among many."""
    field = page.get_by_role("combobox", name=label, exact=True)
    field.click()
    if typed:
        field.fill(typed)
    page.get_by_role("option", name=option, exact=True).click()
