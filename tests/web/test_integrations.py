"""Integrations in the page: what can be connected, what is, and how it is edited."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from headrace.testing.http_server import RecordingServer
from headrace.testing.machine import free_port
from headrace.testing.postgres import PostgresServer
from tests.promise.project import hook, write_config
from tests.serve.processes import Serving, until
from tests.web.axe import require_accessible
from tests.web.browser import LAPTOP, PHONE, Tabs
from tests.web.connecting import Shoot, empty, opened
from tests.web.house import QUERY, SERVICE, House, postgresql_shop

__all__ = ["empty"]  # a fixture

HOSTILE = (
    "<img src=x onerror=document.title='hit'>",
    "مرحبا \u202eabc\u202c \N{WATER WAVE}",
    "=cmd()|' /C calc'!A0",
    "x" * 200,  # as long as a file's name may be
)


def test_the_directory_is_searched_and_filtered(house: House, tabs: Tabs, shoot: Shoot) -> None:
    """Every connector is a tile that says its direction; search and filter stand in the address, and Back undoes a
    filter."""
    page = opened(tabs, house, "/integrations")
    tiles = page.get_by_role("list", name="Integrations").get_by_role("listitem")
    every = len(house.get("/api/v1/connectors")["items"])
    expect(tiles).to_have_count(every)
    shoot(page, "directory")
    page.get_by_text("Data Out", exact=True).first.click()
    expect(tiles.filter(has_text="Data In")).to_have_count(0)
    expect(tiles.filter(has_text="Data Out").filter(has_text="Mixpanel")).to_have_count(1)
    page.get_by_role("searchbox", name="Search integrations").fill("parquet")
    expect(tiles).to_have_count(1)
    assert "show=out" in page.url
    page.get_by_role("searchbox", name="Search integrations").fill("no such thing")
    expect(page.get_by_role("heading", name="Nothing is called “no such thing”")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    page.go_back()
    expect(tiles).to_have_count(every)
    expect(tiles.filter(has_text="SQLite")).to_contain_text("1 connected")


def test_connections_follow_their_runs(house: House, tabs: Tabs, shoot: Shoot) -> None:
    """What is connected shows its health, its syncs and its last run, which comes by itself as soon as a run ends."""
    page = opened(tabs, house, "/integrations?tab=connections")
    table = page.get_by_role("table", name="Connections")
    shop = table.get_by_role("row").filter(has=page.get_by_role("link", name="shop", exact=True))
    expect(shop).to_contain_text("With errors")
    expect(shop).to_contain_text("managed in headrace.yaml")
    run = house.run_people()
    expect(shop.get_by_role("link", name="With errors")).to_have_attribute("href", f"/imports?run={run['id']}")
    shoot(page, "connections")
    shop.get_by_role("link", name="shop", exact=True).click()
    expect(page.get_by_role("table", name="Last runs").get_by_role("link", name="people").first).to_be_visible()
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_text("The connection works.")).to_be_visible()
    shoot(page, "source-overview")


def test_programs_send_calls_with_the_lines_that_the_page_shows(
    empty: House, tabs: Tabs, server: RecordingServer, shoot: Shoot
) -> None:
    """An HTTP source is connected by its name alone; its write key is shown once, the example of each language runs
    as it was copied, and a deleted key is gone."""
    page = opened(tabs, empty, "/new/source/http")
    page.get_by_role("textbox", name="Name").fill("app")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", name="app is connected")).to_be_visible()
    empty.post("/api/v1/destinations", {"name": "sink", "definition": hook(server)})
    empty.post("/api/v1/syncs", {"name": "calls", "definition": {"source": "app", "destinations": ["sink"]}})

    page.get_by_role("button", name="Make write key").click()
    expect(page.get_by_role("form").or_(page.locator("form")).get_by_text("at least 1 character")).to_be_visible()
    page.get_by_role("textbox", name="Program").fill("checkout")
    page.get_by_role("button", name="Make write key").click()
    key = page.get_by_role("textbox", name="write key").input_value()
    example = page.get_by_role("region", name="example")
    programs = {"curl": ["bash", "-ec"], "Python": [sys.executable, "-c"], "Node": ["node", "-e"]}
    for language, program in programs.items():
        page.get_by_role("radiogroup", name="Language").get_by_text(language, exact=True).click()
        expect(example).to_contain_text({"curl": "curl http", "Python": "import", "Node": "fetch"}[language])
        lines = example.inner_text()
        assert key in lines
        done = subprocess.run([*program, lines], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
    until(lambda: sum(request.body.count(b"Order placed") for request in server.requests) == 3)
    shoot(page, "send-calls")
    require_accessible(page)

    page.goto("/integrations/app/calls")
    expect(page.get_by_role("table", name="Write keys")).to_contain_text("checkout")
    expect(page.get_by_text(key)).to_have_count(0)
    page.get_by_role("button", name="Delete checkout").click()
    page.get_by_role("button", name="Delete key").click()
    expect(page.get_by_role("heading", name="No write keys yet")).to_be_visible()


def edited(house: House, name: str, **change: Any) -> None:
    """Somebody else changes settings of a source."""
    path = f"/api/v1/sources/{name}"
    _, source, headers = house.service.ask("GET", path, Cookie=house.sessions["owner"])
    ours = {"Origin": house.service.url, "Sec-Fetch-Site": "same-origin", "Cookie": house.sessions["owner"]}
    definition = source["definition"] | change
    status, answer, _ = house.service.ask(
        "PUT", path, {"definition": definition}, **ours, **{"If-Match": headers["etag"]}
    )
    assert status == 200, answer


def test_settings_are_edited_and_nobodys_edit_is_lost(
    empty: House, tabs: Tabs, postgres: PostgresServer, shoot: Shoot
) -> None:
    """A kept password stays unless it is typed anew; a test of unsaved settings tells what is wrong at its field; of
    an edit that somebody else made meanwhile the page tells who and where, and neither is lost unasked."""
    empty.post("/api/v1/sources", {"name": "edited", "definition": postgresql_shop(postgres)})
    page = opened(tabs, empty, "/integrations/edited/settings")
    form = page.get_by_role("form", name="Settings of edited")
    password = form.get_by_role("textbox", name="Password")
    expect(password).to_have_value("")
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_text("The connection works.")).to_be_visible()
    password.fill("not this one")
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_text("refused the password").first).to_be_visible()
    form.get_by_role("button", name="Discard changes").click()
    expect(password).to_have_value("")

    form.get_by_role("textbox", name="User").fill("somebody")
    edited(empty, "edited", schema="public")
    form.get_by_role("button", name="Save", exact=True).click()
    conflict = form.get_by_role("alert")
    expect(conflict).to_contain_text("saved other settings while you edited")
    expect(conflict).to_contain_text("Schema")
    require_accessible(page)
    shoot(page, "edit-conflict")
    conflict.get_by_role("button", name="Take theirs, drop mine").click()
    expect(form.get_by_role("textbox", name="User")).to_have_value(postgres.user)

    form.get_by_role("textbox", name="User").fill("somebody")
    edited(empty, "edited", schema="sales")
    form.get_by_role("button", name="Save", exact=True).click()
    form.get_by_role("button", name="Save mine over theirs").click()
    expect(page.get_by_text("edited is saved")).to_be_visible()
    saved = empty.get("/api/v1/sources/edited")["definition"]
    assert (saved["user"], saved["schema"], saved["password"]) == ("somebody", "public", {"kept": True})


def test_a_source_in_use_is_not_deleted(fresh: House, tabs: Tabs) -> None:
    """A source that a sync reads from cannot be deleted, and the page says by what it is used; one that is free is
    deleted once its name is typed."""
    fresh.set_up()
    for name in ("used", "free"):
        fresh.post("/api/v1/sources", {"name": name, "definition": {"type": "sqlite", "path": "shop.sqlite"}})
    sync = {"source": "used", "call": "identify", "query": QUERY, "destinations": ["crm"]}
    fresh.post("/api/v1/syncs", {"name": "user", "definition": sync})
    page = opened(tabs, fresh, "/integrations/used/settings")
    danger = page.get_by_role("region", name="Delete")
    expect(danger.get_by_role("link", name="user")).to_have_attribute("href", "/syncs/user")
    expect(danger.get_by_role("button", name="Delete")).to_be_disabled()
    page.goto("/integrations/free/settings")
    danger.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Delete source")).to_be_disabled()
    page.get_by_role("textbox", name="Type free to confirm").fill("free")
    page.get_by_role("button", name="Delete source").click()
    expect(page.get_by_text("free is deleted")).to_be_visible()
    expect(page).to_have_url(f"{fresh.service.url}/integrations?tab=connections")
    expect(page.get_by_role("link", name="free", exact=True)).to_have_count(0)


def test_what_was_typed_outlives_reload_and_restart(tabs: Tabs, tmp_path: Path, server: RecordingServer) -> None:
    """A half-filled form is there again after a reload, except for secrets, which the browser never keeps; a restart
    of the service in between loses nothing that is on the screen."""
    write_config(tmp_path, {"service": SERVICE})
    with Serving(tmp_path, "--listen", f"127.0.0.1:{free_port()}") as service:
        house = House(service, server)
        house.set_up()
        page = opened(tabs, house, "/new/source/postgresql")
        tabs.expected += ["error: WebSocket connection to", "error: Failed to load resource: net::ERR"]
        page.get_by_role("textbox", name="Name").fill("slow")
        page.get_by_role("textbox", name="Host").fill("db.internal")
        page.get_by_role("textbox", name="Password").fill("hunter2 hunter2")
        page.on("dialog", lambda dialog: dialog.accept())
        page.reload()
        expect(page.get_by_role("textbox", name="Host")).to_have_value("db.internal")
        expect(page.get_by_role("textbox", name="Password")).to_have_value("")
        expect(page.get_by_text("What you had typed is back")).to_be_visible()
        assert "hunter2" not in page.evaluate("JSON.stringify([localStorage, sessionStorage, history.state])")

        page.get_by_role("textbox", name="Password").fill("hunter2 hunter2")
        service.stop(signal.SIGKILL)
        service.start()
        page.get_by_role("button", name="Test connection").click()
        expect(page.get_by_text("The required key 'database' is missing")).to_be_visible()
        expect(page.get_by_role("textbox", name="Password")).to_have_value("hunter2 hunter2")


def test_who_may_not_connect_is_offered_nothing(house: House, tabs: Tabs) -> None:
    """A viewer sees what is connected and how it is set up; connecting, checking, editing and deleting are not
    offered. What a file manages nobody edits here."""
    page = opened(tabs, house, "/integrations", "viewer")
    expect(page.get_by_text("Owners connect databases and destinations")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="PostgreSQL").get_by_role("link")).to_have_count(0)
    page.goto("/new/source/postgresql")
    expect(page.get_by_role("heading", name="Owners connect databases")).to_be_visible()
    page.goto("/integrations/shop")
    expect(page.get_by_role("table", name="Syncs").get_by_role("link", name="people")).to_be_visible()
    for name in ("Add sync", "Check again"):
        expect(page.get_by_text(name)).to_have_count(0)
    page.goto("/integrations/shop/settings")
    expect(page.get_by_role("textbox", name="Path")).to_be_disabled()
    for role in ("viewer", "owner"):
        page = opened(tabs, house, "/integrations/shop/settings", role)
        expect(page.get_by_role("textbox", name="Path")).to_be_disabled()
        for name in ("Save", "Delete"):
            expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page.get_by_text("managed in headrace.yaml").first).to_be_visible()


def test_hostile_settings_are_text(empty: House, tabs: Tabs) -> None:
    """Markup, other directions and endless words in settings and in what a check says are shown as text, and push
    nothing off a phone's screen."""
    page = opened(tabs, empty, "/integrations", width=PHONE)
    for number, hostile in enumerate(HOSTILE):
        name = f"hostile{number}"
        empty.post("/api/v1/sources", {"name": name, "definition": {"type": "sqlite", "path": hostile}})
        page.goto(f"/integrations/{name}/settings")
        expect(page.get_by_role("textbox", name="Path")).to_have_value(hostile)
        page.get_by_role("button", name="Test connection").click()
        expect(page.get_by_role("region", name="Result of the test")).to_contain_text("There is no file")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    endless = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "database": "x" * 10_000, "user": "reader"}
    empty.post("/api/v1/sources", {"name": "endless", "definition": endless})
    page.goto("/integrations/endless/settings")
    expect(page.get_by_role("textbox", name="Database")).to_have_value("x" * 10_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    assert page.title() != "hit"
    assert page.locator("img").count() == 0


def test_what_is_not_there_says_so(empty: House, tabs: Tabs) -> None:
    """A source, a tab or a connector that does not exist has a page that says so and leads back."""
    page = opened(tabs, empty, "/integrations/nobody")
    expect(page.get_by_role("heading", name="There is no source called nobody")).to_be_visible()
    page.goto("/new/source/abacus")
    expect(page.get_by_role("heading", name="There is no connector called abacus")).to_be_visible()
    page.goto("/new/source/sqlite?name=nobody")
    expect(page.get_by_role("alert")).to_contain_text("There is no source 'nobody'")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out(house: House, tabs: Tabs, theme: str, shoot: Shoot) -> None:
    """axe-core finds nothing on any page of the area, in either theme, on a phone and on a laptop."""
    addresses = {
        "directory": "/integrations",
        "connections": "/integrations?tab=connections",
        "overview": "/integrations/shop",
        "settings": "/integrations/shop/settings",
        "connect": "/new/source/postgresql",
        "files": "/new/source/files",
    }
    for width in (PHONE, LAPTOP):
        page = opened(tabs, house, "/integrations", width=width, theme=theme)
        for name, address in addresses.items():
            page.goto(address)
            expect(page.get_by_text("Loading")).to_have_count(0)
            require_accessible(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            shoot(page, f"look-{name}-{theme}-{width}")
