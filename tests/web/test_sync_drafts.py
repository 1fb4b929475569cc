"""Unsaved changes of a sync, its versions, who may edit it, and whether everybody can use its editor."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from headrace.testing.http_server import RecordingServer
from headrace.testing.machine import free_port
from headrace.testing.postgres import PostgresServer
from tests.serve.processes import Serving, until
from tests.web.axe import require_accessible
from tests.web.browser import LAPTOP, PHONE, Tabs
from tests.web.house import House, sqlite_shop, write_shop
from tests.web.office import (
    CHANGED,
    definition,
    edited,
    editor,
    kept,
    opened,
    opened_office,
    query_of,
    row,
    run,
    write,
)

Shoot = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def office(
    tmp_path_factory: pytest.TempPathFactory, server: RecordingServer, postgres: PostgresServer
) -> Iterator[House]:
    """The service that the tests of this module share."""
    with opened_office(tmp_path_factory.mktemp("office"), server, postgres) as house:
        yield house


# ------------------------------------------------------------------------------------------------ unsaved changes


def test_a_draft_survives_reload_and_crash(office: House, tabs: Tabs) -> None:
    """What was typed is there after a reload and in a new tab after a crash, until it is thrown away."""
    page = opened(office, tabs, f"/syncs/{kept(office, 'draft')}?tab=query")
    editor(page).focus()
    page.keyboard.press("Control+End")
    page.keyboard.type(" -- unsaved")
    expect(page.get_by_text("Unsaved", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_text("Unsaved changes from before are back.")).to_be_visible()
    expect(editor(page)).to_contain_text("-- unsaved")
    again = page.context.new_page()
    page.close()
    again.goto("/syncs/draft?tab=query")
    expect(editor(again)).to_contain_text("-- unsaved")
    again.get_by_role("button", name="Throw them away").click()
    expect(editor(again)).not_to_contain_text("-- unsaved")


def test_leaving_asks(office: House, tabs: Tabs) -> None:
    """Whoever leaves with changes is asked; what they keep is there when they come back, however quickly they left."""
    page = tabs.open(office.service.url, office.session("owner"))
    # Time stands still for what the page keeps a quarter of a second after the last key.
    page.add_init_script("const real = setTimeout; setTimeout = (act, ms) => (ms === 250 ? 0 : real(act, ms))")
    page.goto(f"/syncs/{kept(office, 'leave')}?tab=query")
    write(page, "SELECT 1")
    page.get_by_role("link", name="Destinations").click()
    page.get_by_role("dialog").get_by_role("button", name="Leave, keep them").click()
    expect(page.get_by_role("heading", name="Destinations")).to_be_visible()
    page.go_back()
    expect(editor(page)).to_have_text("SELECT 1")
    page.get_by_role("link", name="Destinations").click()
    page.get_by_role("dialog").get_by_role("button", name="Throw them away").click()
    expect(page.get_by_role("heading", name="Destinations")).to_be_visible()
    page.go_back()
    expect(editor(page)).to_contain_text("FROM app.users")


def test_a_restart_in_the_middle(tabs: Tabs, tmp_path: Path, server: RecordingServer) -> None:
    """The service is killed and started anew while somebody writes: nothing is lost, and it can be saved after."""
    write_shop(tmp_path, sqlite_shop(tmp_path), server)
    with Serving(tmp_path, "--listen", f"127.0.0.1:{free_port()}") as service:
        house = House(service, server)
        house.set_up()
        page = opened(house, tabs, f"/syncs/{kept(house, 'alive', query='SELECT 1')}?tab=query")
        tabs.expected += ["error: WebSocket", "error: Failed to load resource"]
        write(page, "SELECT 2")
        service.stop(signal.SIGKILL)
        page.keyboard.type(" AS a")
        page.keyboard.press("Control+S")
        expect(page.get_by_text("The service does not answer.").first).to_be_visible()
        assert query_of(page) == "SELECT 2 AS a"
        service.start()
        until(lambda: service.ask("GET", "/login", Accept="text/html")[0] == 200)
        expect(editor(page)).to_have_text("SELECT 2 AS a")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Sync alive is saved.")).to_be_visible()
        assert definition(house, "alive")["query"] == "SELECT 2 AS a"


@pytest.mark.parametrize("mine", [True, False], ids=["mine", "theirs"])
def test_two_people_edit(office: House, tabs: Tabs, mine: bool, shoot: Shoot) -> None:
    """Nobody overwrites what somebody else saved without having seen both; the choice is theirs."""
    name = kept(office, f"both-{str(mine).lower()}", query="SELECT 1")
    page = opened(office, tabs, f"/syncs/{name}?tab=query")
    write(page, "SELECT 2")
    edited(office, name, query="SELECT 3", description="Theirs")
    page.keyboard.press("Control+S")
    dialog = page.get_by_role("dialog", name="Somebody else saved this sync")
    expect(dialog.get_by_role("row", name="Description")).to_contain_text("Theirs")
    expect(dialog.locator(".cm-deletedChunk")).to_contain_text("SELECT 3")
    expect(dialog.locator(".cm-changedLine")).to_contain_text("SELECT 2")
    shoot(page, "sync-conflict")
    require_accessible(page)
    if mine:
        dialog.get_by_role("button", name="Save mine over it").click()
        expect(dialog).to_be_hidden()
        assert definition(office, name)["query"] == "SELECT 2"
    else:
        dialog.get_by_role("button", name="Take what is saved").click()
        expect(editor(page)).to_have_text("SELECT 3")
    expect(page.get_by_text("Unsaved", exact=True)).to_be_hidden()


# --------------------------------------------------------------------------------------------- history, rights, file


def test_history(office: House, tabs: Tabs, shoot: Shoot) -> None:
    """Versions say who changed what and when; an old one comes back into the draft, and is saved as any other."""
    name = kept(office, "past", query="SELECT 1", lookback="5 minutes")
    edited(office, name, query="SELECT 2", lookback="0", timezone="Europe/Warsaw")
    page = opened(office, tabs, f"/syncs/{name}?tab=history")
    expect(page.get_by_role("row", name="Timezone")).to_contain_text("Europe/Warsaw")
    expect(page.locator(".cm-deletedChunk")).to_contain_text("SELECT 1")
    shoot(page, "sync-history")
    page.get_by_role("link", name="Version 1").click()
    expect(page).to_have_url(f"{office.service.url}/syncs/{name}?tab=history&version=1")
    page.get_by_text("Against now").click()
    expect(page.get_by_role("row", name="Lookback")).to_contain_text("300")
    page.get_by_role("button", name="Restore into the draft").click()
    expect(editor(page)).to_have_text("SELECT 1")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(f"Sync {name} is saved.")).to_be_visible()
    newest, _, first = office.get(f"/api/v1/syncs/{name}/versions")["items"]
    assert json.dumps(newest["definition"]) == json.dumps(first["definition"])


def test_managed_in_a_file(office: House, tabs: Tabs) -> None:
    """What a file defines is shown and can be previewed, and is not edited here."""
    page = opened(office, tabs, "/syncs/orders?tab=query")
    expect(page.get_by_text("managed in headrace.yaml")).to_be_visible()
    expect(page.locator(".cm-content")).to_have_attribute("contenteditable", "false")
    run(page)
    expect(row(page, 1)).to_be_visible()
    expect(page.get_by_role("button", name="Format the query")).to_have_count(0)
    page.get_by_role("link", name="Settings").last.click()
    expect(page.get_by_role("radio", name="track")).to_be_disabled()


def test_rights(office: House, tabs: Tabs) -> None:
    """What somebody may not do is not offered: a viewer reads, an operator also enables and looks at rows."""
    name = kept(office, "rights")
    page = opened(office, tabs, f"/syncs/{name}?tab=query", role="viewer")
    expect(page.get_by_text("Rows are not shown to you")).to_be_visible()
    expect(page.get_by_role("button", name="Run Query")).to_have_count(0)
    expect(page.get_by_role("button", name="Enable")).to_have_count(0)
    expect(page.locator(".cm-content")).to_have_attribute("contenteditable", "false")
    page.goto("/new/sync")
    expect(page.get_by_text("You may not add syncs")).to_be_visible()
    page = opened(office, tabs, f"/syncs/{name}?tab=query", role="operator")
    expect(page.locator(".cm-content")).to_have_attribute("contenteditable", "false")
    run(page)
    expect(page.get_by_role("button", name="Enable", exact=True)).to_be_visible()


def test_an_unknown_sync(office: House, tabs: Tabs) -> None:
    """A sync that is not there says so."""
    page = opened(office, tabs, "/syncs/nobody")
    expect(page.get_by_role("heading", name="There is no sync nobody")).to_be_visible()


# ---------------------------------------------------------------------------------------------------- for everybody


@pytest.mark.parametrize(("theme", "width"), [("light", LAPTOP), ("dark", LAPTOP), ("dark", PHONE)])
def test_accessible(office: House, tabs: Tabs, theme: str, width: int, shoot: Shoot) -> None:
    """Each view of a sync is well for those who do not see it, or not its colours, and nothing stands over its edge."""
    if "looked-at" not in [sync["name"] for sync in office.get("/api/v1/syncs?limit=200")["items"]]:
        edited(office, kept(office, "looked-at", query=CHANGED), schedule="every hour")
    page = tabs.open(office.service.url, office.session("owner"), width=width, theme=theme)

    def look(what: str) -> None:
        require_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), what
        shoot(page, f"sync-{what}-{width}-{theme}")

    page.goto("/new/sync?source=shop")
    expect(page.get_by_role("checkbox", name="crm")).to_be_visible()
    page.get_by_text("More", exact=True).click()
    look("details")
    page.goto("/syncs/looked-at?tab=query")
    expect(editor(page)).to_contain_text("{{last_sync_time}}")
    look("query")
    run(page)
    look("preview")
    write(page, "SELECT nope")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    look("error")
    page.get_by_role("button", name="Enable", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    look("enable")
    page.goto("/syncs/looked-at?tab=history")
    expect(page.get_by_role("heading", name="Version 2")).to_be_visible()
    look("history")
