"""The settings in the page: who sees what, alerts, what counts, and who changed what."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from headrace.testing.http_server import Answer, RecordingServer
from tests.promise.project import write_config
from tests.serve.processes import Serving
from tests.upkeep.mail_server import Inbox
from tests.web.admin import AREAS, FOR_ALL, drawer, inbox, office, opened, row
from tests.web.axe import require_accessible
from tests.web.browser import LAPTOP, PHONE, Tabs
from tests.web.hostile import EMOJI, HTML, RIGHT_TO_LEFT
from tests.web.house import House

__all__ = ["inbox", "office"]  # fixtures


@pytest.mark.parametrize("role", ["viewer", "operator", "editor", "owner"])
def test_who_sees_which_page(office: House, tabs: Tabs, role: str) -> None:
    """Only pages that somebody may use are offered; a link to another says whom to ask, and shows nothing of it."""
    page = opened(office, tabs, "account", role)
    links = page.get_by_role("navigation", name="Settings").get_by_role("link")
    expect(links.first).to_be_visible()
    if role == "owner":
        expect(links).to_have_count(len(AREAS))
        return
    expect(links).to_have_text(FOR_ALL)
    for area in ("people", "audit", "retention"):
        page.goto(f"/settings/{area}")
        expect(page.get_by_text("Only owners see this page")).to_be_visible()
        expect(page.get_by_role("table")).to_have_count(0)
    page.goto("/settings/alerts")
    expect(row(page, "Channels", "pager")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("test|channel", re.IGNORECASE))).to_have_count(0)
    page.goto("/settings/network")
    expect(page.get_by_text("Addresses of this service")).to_be_visible()
    expect(page.get_by_role("button", name="Save settings")).to_have_count(0)


def test_an_e_mail_channel(office: House, tabs: Tabs, inbox: Inbox) -> None:
    """What is wrong with a channel stands at its field; its test arrives in a real mailbox, and what the mail server
    says when it refuses is told as it said it."""
    page = opened(office, tabs, "alerts")
    page.get_by_role("link", name="Add a channel").click()
    form = drawer(page, "Add a channel")
    form.get_by_role("textbox", name="Name").fill("team")
    to = form.get_by_role("combobox", name="To").or_(form.get_by_role("textbox", name="To"))
    to.fill("no address")
    to.press("Enter")
    form.get_by_role("button", name="Save channel").click()
    expect(form.get_by_text("An e-mail address is expected")).to_be_visible()
    to.press("Backspace")
    to.fill("ann@example.com")
    to.press("Enter")
    form.get_by_role("checkbox", name=re.compile("^Empty")).uncheck()
    form.get_by_role("button", name="Save channel").click()
    expect(row(page, "Channels", "team")).to_contain_text("failed, partial, late")
    page.get_by_role("button", name="Send a test to team").click()
    expect(page.get_by_text("The test message to team is sent")).to_be_visible()
    tests = [one for one in inbox.letters if "A test of the alert channel team" in str(one["subject"])]
    assert [one["to"] for one in tests] == ["ann@example.com"]
    inbox.refuse = f"554 no {HTML}"
    try:
        page.get_by_role("button", name="Send a test to team").click()
        expect(page.get_by_role("status").filter(has_text="554")).to_contain_text(HTML)
    finally:
        inbox.refuse = ""
    expect(page).to_have_title("Alerts · Headrace")
    row(page, "Channels", "team").get_by_role("link").click()
    drawer(page, "Channel").get_by_role("button", name="Delete channel").click()
    dialog = page.get_by_role("dialog", name="Delete team?")
    dialog.get_by_role("textbox").fill("team")
    dialog.get_by_role("button", name="Delete channel").click()
    expect(row(page, "Channels", "team")).to_have_count(0)


def test_channels_over_http(office: House, tabs: Tabs) -> None:
    """A webhook gets its test as JSON; what it refuses is told in its own words, which are shown as text. A channel of
    the file is not edited here, but can be tried."""
    page = opened(office, tabs, "alerts?channel=pager")
    sheet = drawer(page, "Channel")
    expect(sheet.get_by_text(re.compile(r"stands in headrace\.yaml:\d+"))).to_be_visible()
    expect(sheet.get_by_label("URL")).to_be_disabled()
    expect(sheet.get_by_role("button", name="Save channel")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    office.server.clear()
    page.get_by_role("button", name="Send a test to pager").click()
    expect(page.get_by_text("The test message to pager is sent")).to_be_visible()
    (told,) = office.server.wait_for(1, path="/pager")
    assert told.json["trouble"] == "test"
    office.server.answer(Answer(404, body=f"gone {HTML}"), path="/pager")
    page.get_by_role("button", name="Send a test to pager").click()
    expect(page.get_by_role("status").filter(has_text="HTTP 404")).to_contain_text(HTML)


def test_trouble_appears_while_one_looks(office: House, tabs: Tabs) -> None:
    """A sync that fails stands among what is wrong without a reload, with its run; and what was sent to whom is
    listed with its text."""
    url = f"{office.server.url}/pager"
    office.post("/api/v1/alerts/channels", {"name": "mail", "definition": {"type": "email", "to": ["a@example.com"]}})
    broken = {"source": "shop", "call": "identify", "query": "SELECT nothing FROM nowhere", "destinations": ["crm"]}
    office.post("/api/v1/syncs", {"name": "broken", "definition": broken})
    page = opened(office, tabs, "alerts")
    expect(row(page, "Channels", "mail")).to_be_visible()
    office.post("/api/v1/syncs/broken/run")
    wrong = row(page, "Wrong now", "broken")
    expect(wrong).to_contain_text("Failed", timeout=40_000)
    expect(wrong.get_by_role("link", name="Open the run")).to_have_attribute("href", re.compile(r"/imports\?run="))
    message = row(page, "Messages", "The sync broken failed")
    expect(message).to_contain_text("Sent", timeout=40_000)
    message.get_by_role("link").click()
    expect(drawer(page, "Message")).to_contain_text("Reason:")
    assert url not in page.content()


def test_general_settings(office: House, tabs: Tabs) -> None:
    """Each setting tells where its value is from; a wrong value is told at its field; what is saved counts; what the
    file has is not edited here."""
    page = opened(office, tabs, "retention")
    part = page.get_by_role("region", name="Retention")
    expect(part.get_by_role("textbox", name="Errors")).to_be_disabled()
    expect(part.get_by_role("textbox", name="Errors")).to_have_value("60 days")
    part.get_by_role("textbox", name="Runs").fill("a while")
    part.get_by_role("button", name="Save settings").click()
    expect(part.get_by_role("textbox", name="Runs")).to_have_attribute("aria-invalid", "true")
    part.get_by_role("textbox", name="Runs").fill("10 days")
    part.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("The settings are saved")).to_be_visible()
    items = office.get("/api/v1/settings/effective")["items"]
    (runs,) = [one for one in items if one["name"] == "retention.runs"]
    assert (runs["value"], runs["origin"]) == ("10 days", "store")
    part.get_by_role("button", name="Use the default of retention.runs").click()
    part.get_by_role("button", name="Save settings").click()
    expect(part.get_by_role("button", name="Save settings")).to_be_disabled()
    expect(row(page, "Settings of the file", "mail.host")).to_contain_text("127.0.0.1")


def test_network(office: House, tabs: Tabs) -> None:
    """A network that is none is told at its field; the addresses that an owner writes down are shown to everybody."""
    page = opened(office, tabs, "network")
    part = page.get_by_role("region", name="Addresses of this service")
    field = part.get_by_label("Egress addresses", exact=True)
    field.fill("nowhere")
    field.press("Enter")
    part.get_by_role("button", name="Save settings").click()
    expect(part.get_by_text("An IP address or a network")).to_be_visible()
    field.press("Backspace")
    field.fill("203.0.113.7")
    field.press("Enter")
    part.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("The settings are saved")).to_be_visible()
    viewer = opened(office, tabs, "network", "viewer")
    expect(viewer.get_by_role("region", name="addresses", exact=True)).to_have_text("203.0.113.7")


def test_about(office: House, tabs: Tabs) -> None:
    """Version, store, Python and every package's licence are told; the licences of the page are a file."""
    page = opened(office, tabs, "about", "viewer")
    expect(page.get_by_text("SQLite")).to_be_visible()
    page.get_by_role("searchbox", name="Filter packages").fill("fastapi")
    expect(row(page, "Python packages", "fastapi")).to_contain_text("MIT")
    link = page.get_by_role("link", name="third-party-licenses.md")
    answer = page.request.get(office.service.url + (link.get_attribute("href") or ""))
    assert answer.ok
    assert "react" in answer.text().lower()


def test_the_audit_log(office: House, tabs: Tabs) -> None:
    """Each entry tells who did what, with what was and what is; the list is filtered, and goes on page by page."""
    first = {"source": "shop", "call": "identify", "query": "SELECT 1 AS userId\nFROM people", "destinations": ["crm"]}
    office.post("/api/v1/syncs", {"name": "watched", "definition": first})
    edited = first | {"query": "SELECT 2 AS userId\nFROM people"}
    mine = {"Cookie": office.session("owner"), "Origin": office.service.url, "Sec-Fetch-Site": "same-origin"}
    etag = office.service.ask("GET", "/api/v1/syncs/watched", **mine)[2]["etag"]
    office.service.ask("PUT", "/api/v1/syncs/watched", {"definition": edited}, **mine, **{"If-Match": etag})
    for _ in range(30):
        office.post("/api/v1/syncs/watched/disable")
        office.post("/api/v1/syncs/watched/enable")
    page = opened(office, tabs, "audit?kind=sync&q=watched")
    entries = page.get_by_role("table", name="Audit log").get_by_role("row")
    expect(entries).to_have_count(51)
    page.get_by_role("button", name="Load more").click()
    expect(entries).to_have_count(63)
    page.get_by_role("link", name="Sync changed").last.click()
    entry = drawer(page, "Entry")
    expect(entry.locator("del")).to_have_text("− SELECT 1 AS userId")
    expect(entry.locator("ins")).to_have_text("+ SELECT 2 AS userId")
    page.go_back()
    expect(entry).to_have_count(0)
    page.goto("/settings/audit?who=nobody")
    expect(page.get_by_text("Nothing matches")).to_be_visible()


def test_verifying_the_audit_log(tmp_path: Path, server: RecordingServer, tabs: Tabs) -> None:
    """A whole log is told as such, with the hash to note; one that somebody wrote to past the service is not."""
    write_config(tmp_path, {})
    with Serving(tmp_path) as service:
        house = House(service, server)
        house.set_up()
        page = opened(house, tabs, "audit")
        page.get_by_role("button", name="Verify").click()
        expect(page.get_by_text("The log is whole and unchanged")).to_be_visible()
        expect(page.get_by_label(re.compile(r"^hash of entry \d+$"))).to_have_value(re.compile("^[0-9a-f]{64}$"))
        with closing(sqlite3.connect(tmp_path / ".headrace" / "store.sqlite")) as store, store:
            for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                store.execute(f"DROP TRIGGER {name}")
            store.execute("UPDATE audit SET actor = 'user:somebody@else' WHERE seq = 1")
        page.get_by_role("button", name="Verify").click()
        expect(page.get_by_text("The log is broken: entry 1")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible(office: House, tabs: Tabs, shoot: Callable[[Page, str], None], theme: str) -> None:
    """axe-core finds nothing on any page of the settings, nor in what opens there; none scrolls sideways, whatever
    people are called."""
    odd = f"{HTML}{RIGHT_TO_LEFT}{EMOJI}".replace("\u202e", "").replace("\u202c", "")[:90]
    office.post("/api/v1/users", {"email": f"odd-{theme}@example.com", "name": odd})
    office.post("/api/v1/tokens", {"name": odd})
    sheets = {
        "people?invite=1": "Invite somebody",
        "tokens?new=token": "Make a token",
        "alerts?new=channel": "Add a channel",
        "secrets?set=%2B": "Keep a secret",
        "audit?entry=1": "Entry",
    }
    page = tabs.open(office.service.url, office.session("owner"), theme=theme)
    for path in (*AREAS, *sheets):
        page.goto(f"/settings/{path}")
        for width in (LAPTOP, PHONE):
            page.set_viewport_size({"width": width, "height": 900})
            if path in sheets:
                expect(drawer(page, sheets[path])).to_be_visible()
            expect(page.locator("[aria-busy=true]")).to_have_count(0)
            shoot(page, f"settings-{path}-{width}-{theme}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            require_accessible(page)
