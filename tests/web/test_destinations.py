"""Destinations in the page: how each fares, making one, editing it, and what stands in the way of deleting it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from headrace.testing.http_server import Answer, RecordingServer
from tests.promise.project import hook, write_config
from tests.serve.processes import Serving, until
from tests.web.axe import require_accessible
from tests.web.browser import LAPTOP, PHONE, Tabs
from tests.web.hostile import EMOJI, FORMULA, HTML, LONG, RIGHT_TO_LEFT, SCRIPT
from tests.web.house import QUERY, House, sqlite_shop


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, server: RecordingServer) -> Iterator[House]:
    """A service that lets the page call nothing on this machine until an owner allows it; its file's `crm` may."""
    folder = tmp_path_factory.mktemp("guarded")
    source = sqlite_shop(folder)
    people = {"source": "shop", "call": "identify", "query": QUERY, "destinations": ["crm"]}
    destinations = {"crm": hook(server)}
    write_config(folder, {"sources": {"shop": source}, "destinations": destinations, "syncs": {"people": people}})
    with Serving(folder) as service:
        house = House(service, server)
        house.set_up()
        house.run_people()
        yield house


def made(house: House, name: str, **definition: Any) -> None:
    """A webhook that was made over the API."""
    body = {"type": "webhook", "url": f"{house.server.url}/{name}", **definition}
    house.post("/api/v1/destinations", {"name": name, "definition": body})


def allow(house: House, *networks: str) -> None:
    """As an owner does in the settings."""
    put(house, "/api/v1/settings", {"definition": {"egress_allow": [*networks]}})


def put(house: House, path: str, body: object) -> None:
    """Change what is there, whatever version it has."""
    mine = {"Cookie": house.session("owner")}
    etag = house.service.ask("GET", path, **mine)[2]["etag"]
    ours = {"Origin": house.service.url, "Sec-Fetch-Site": "same-origin", "If-Match": etag}
    status, content, _ = house.service.ask("PUT", path, body, **mine, **ours)
    assert status == 200, content


def opened(house: House, tabs: Tabs, path: str, role: str = "owner", **how: Any) -> Page:
    page = tabs.open(house.service.url, house.session(role), **how)
    page.goto(path)
    return page


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("table", name="Destinations").get_by_role("row").filter(has_text=name)


def delivered(house: House, sync: str, destination: str, **more: Any) -> dict[str, Any]:
    """One run of a sync that is made for it."""
    definition = {"source": "shop", "call": "identify", "query": QUERY, "destinations": [destination], **more}
    house.post("/api/v1/syncs", {"name": sync, "definition": definition})
    return ran(house, sync)


def ran(house: House, sync: str) -> dict[str, Any]:
    run = house.post(f"/api/v1/syncs/{sync}/run")
    ended: dict[str, Any] = until(lambda: (now := house.get(f"/api/v1/runs/{run['id']}"))["ended_at"] and now)
    return ended


def test_what_there_is(guarded: House, tabs: Tabs) -> None:
    """The list says of each destination what kind it is, how it fares, what delivers there and when it last did; and
    what a file defines, it says so."""
    page = opened(guarded, tabs, "/destinations")
    crm = row(page, "crm")
    for text in ("managed in headrace.yaml", "Webhook", "Working", "8 at once"):
        expect(crm).to_contain_text(text)
    expect(crm.get_by_role("link", name="people")).to_have_attribute("href", "/syncs/people")
    page.get_by_role("searchbox", name="Filter by name or kind").fill("no such thing")
    expect(page.get_by_text("No destination matches “no such thing”")).to_be_visible()
    expect(page).to_have_url(re.compile(r"q=no\+such\+thing"))


def test_a_new_one(guarded: House, tabs: Tabs) -> None:
    """From the choice of the system to the saved destination: what is wrong stands at its field, a check refuses this
    machine and explains why, and once an owner has allowed it, the same settings (which were kept) work."""
    allow(guarded)
    page = opened(guarded, tabs, "/destinations")
    page.get_by_role("link", name="Add destination").click()
    page.get_by_role("link", name=re.compile("^Webhook")).click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Not A Name")
    page.get_by_role("button", name="Save destination").click()
    expect(page.get_by_text("A name begins with a-z")).to_be_visible()
    expect(page.get_by_label("URL")).to_have_attribute("aria-invalid", "true")

    page.get_by_role("textbox", name="Name", exact=True).fill("made_here")
    page.get_by_label("URL").fill(f"{guarded.server.url}/made_here")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_text("leads to 127.0.0.1, this machine itself")).to_be_visible()
    page.get_by_role("link", name="Allow 127.0.0.1").click()
    page.get_by_role("dialog").get_by_role("button", name="Leave, keep them").click()
    expect(page.get_by_text("127.0.0.1 was added below")).to_be_visible()
    page.get_by_role("region", name="Private networks").get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("The settings are saved")).to_be_visible()

    page.goto("/new/destination/webhook")
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("made_here")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_text("It works")).to_be_visible()
    page.get_by_role("button", name="Save destination").click()
    expect(page.get_by_role("heading", name="made_here", level=1)).to_be_visible()
    expect(page).to_have_url(re.compile("/destinations/made_here$"))
    page.goto("/new/destination/webhook")
    page.get_by_role("textbox", name="Name", exact=True).fill("made_here")
    page.get_by_label("URL").fill("https://example.com")
    page.get_by_role("button", name="Save destination").click()
    expect(page.get_by_text("There is a destination 'made_here' already")).to_be_visible()


def test_a_kept_secret_stays(guarded: House, tabs: Tabs) -> None:
    """A secret is never shown again, and stays through an edit of something else until it is typed anew."""
    allow(guarded, "127.0.0.0/8")
    made(guarded, "secretive", auth="bearer", auth_token="hunter2-kept")
    page = opened(guarded, tabs, "/destinations/secretive?tab=settings")
    token = page.get_by_label("Auth token", exact=True)
    expect(token).to_have_attribute("placeholder", re.compile("Kept"))
    expect(token).to_have_value("")
    page.get_by_label("URL").fill(f"{guarded.server.url}/moved")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("The settings of secretive are saved")).to_be_visible()
    assert "hunter2" not in page.content()
    delivered(guarded, "with_secret", "secretive")
    (first, *_) = [request for request in guarded.server.requests if request.path == "/moved" and request.body]
    assert first.headers["authorization"] == "Bearer hunter2-kept"

    token.fill("typed-anew")
    page.get_by_role("button", name="Save changes").click()
    expect(token).to_have_value("")
    guarded.server.clear()
    ran(guarded, "with_secret")
    (first, *_) = [request for request in guarded.server.requests if request.path == "/moved" and request.body]
    assert first.headers["authorization"] == "Bearer typed-anew"


def test_two_edit_at_once(guarded: House, tabs: Tabs) -> None:
    """Whoever saves second is told, loses nothing, and decides: take what is saved, or save over it."""
    made(guarded, "contested")
    page = opened(guarded, tabs, "/destinations/contested?tab=settings")
    page.get_by_label("URL").fill("https://mine.example.com")
    theirs = {"definition": {"type": "webhook", "url": "https://theirs.example.com"}}
    put(guarded, "/api/v1/destinations/contested", theirs)
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("alert")).to_contain_text("owner@example.com saved other settings")
    expect(page.get_by_label("URL")).to_have_value("https://mine.example.com")
    page.get_by_role("button", name="Take what is saved").click()
    expect(page.get_by_label("URL")).to_have_value("https://theirs.example.com")
    expect(page.get_by_role("alert")).to_have_count(0)

    page.get_by_label("URL").fill("https://mine.example.com")
    put(guarded, "/api/v1/destinations/contested", theirs | {"definition": {**theirs["definition"], "method": "PUT"}})
    page.get_by_role("button", name="Save changes").click()
    page.get_by_role("button", name="Save mine over it").click()
    expect(page.get_by_text("The settings of contested are saved")).to_be_visible()
    assert guarded.get("/api/v1/destinations/contested")["definition"]["url"] == "https://mine.example.com"


def test_deleting(guarded: House, tabs: Tabs) -> None:
    """What a sync delivers to is not deleted, and the dialog names the sync; what nobody uses goes, once its name was
    typed."""
    allow(guarded, "127.0.0.0/8")
    made(guarded, "used")
    delivered(guarded, "uses_it", "used")
    made(guarded, "unused")
    page = opened(guarded, tabs, "/destinations/used")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("These syncs deliver there: uses_it")
    expect(dialog.get_by_role("button", name="Delete destination")).to_be_disabled()
    dialog.get_by_label("Type used to confirm").fill("used")
    dialog.get_by_role("button", name="Delete destination").click()
    expect(dialog.get_by_role("alert")).to_contain_text("is in use: sync uses_it")

    page.goto("/destinations/unused")
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_label("Type unused to confirm").fill("unused")
    dialog.get_by_role("button", name="Delete destination").click()
    expect(page).to_have_url(re.compile("/destinations$"))
    expect(row(page, "contested").or_(row(page, "crm")).first).to_be_visible()
    expect(row(page, "unused")).to_have_count(0)
    page.goto("/destinations/unused")
    expect(page.get_by_text("There is no destination unused")).to_be_visible()


def test_what_a_file_manages(guarded: House, tabs: Tabs) -> None:
    """What stands in the file is shown with its place, and nothing of it can be changed or deleted here."""
    page = opened(guarded, tabs, "/destinations/crm?tab=settings")
    expect(page.get_by_text(re.compile(r"stands in headrace\.yaml:\d+: edit it there"))).to_be_visible()
    expect(page.get_by_label("URL")).to_be_disabled()
    expect(page.get_by_role("button", name=re.compile("Save|Delete"))).to_have_count(0)
    expect(page.get_by_role("button", name="Check", exact=True)).to_be_visible()


@pytest.mark.parametrize("role", ["viewer", "operator", "editor"])
def test_who_may(guarded: House, tabs: Tabs, role: str) -> None:
    """Whoever is no owner sees how destinations fare and is offered no change, wherever a link leads them."""
    page = opened(guarded, tabs, "/destinations", role)
    expect(row(page, "crm")).to_be_visible()
    expect(page.get_by_role("link", name="Add destination")).to_have_count(0)
    page.goto("/new/destination/webhook")
    expect(page.get_by_text("Only owners add destinations")).to_be_visible()
    page.goto("/destinations/crm?tab=settings")
    expect(page.get_by_label("URL")).to_be_disabled()
    expect(page.get_by_role("button", name=re.compile("Check|Save|Delete"))).to_have_count(0)


def test_it_fares_worse_while_one_looks(guarded: House, tabs: Tabs) -> None:
    """A destination that begins to fail is shown as failing without a reload, with the reason of its last run."""
    allow(guarded, "127.0.0.0/8")
    made(guarded, "falling")
    delivered(guarded, "to_falling", "falling")
    page = opened(guarded, tabs, "/destinations/falling")
    expect(page.get_by_role("banner").or_(page.locator("header")).get_by_text("Working")).to_be_visible()
    guarded.server.always(Answer(403, body="go away"), path="/falling")
    try:
        ended = ran(guarded, "to_falling")
    finally:
        guarded.server.always(Answer(200), path="/falling")
    assert ended["state"] == "failed", ended
    expect(page.locator("header").get_by_text("Failing")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text=ended["error"])).to_be_visible()


def test_hostile_settings_are_text(guarded: House, tabs: Tabs) -> None:
    """Whatever stands in the settings of a destination is shown as text, and widens no page."""
    short = HTML + SCRIPT + RIGHT_TO_LEFT + EMOJI + FORMULA
    definition = {"type": "mixpanel", "project_token": "t", "page_event": short, "screen_event": LONG.strip()}
    guarded.post("/api/v1/destinations", {"name": "hostile", "definition": definition})
    page = opened(guarded, tabs, "/destinations/hostile?tab=settings", width=PHONE)
    expect(page.get_by_label("Page event")).to_have_value(short)
    expect(page.get_by_label("Screen event")).to_have_value(LONG.strip())
    expect(page).to_have_title("hostile · Headrace")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible(guarded: House, tabs: Tabs, shoot: Callable[[Page, str], None], theme: str) -> None:
    """axe-core finds nothing on any page of destinations, and none scrolls sideways."""
    made(guarded, f"seen_{theme}")
    pages = {
        "/destinations": "crm",
        f"/destinations/seen_{theme}": "No sync delivers here",
        "/destinations/crm?tab=settings": "stands in",
        "/new/destination": "Mixpanel",
        "/new/destination/mixpanel": "Check tries these settings",
    }
    page = tabs.open(guarded.service.url, guarded.session("owner"), theme=theme)
    for path, seen in pages.items():
        page.goto(path)
        for width in (LAPTOP, PHONE):
            page.set_viewport_size({"width": width, "height": 900})
            expect(page.get_by_text(seen).first).to_be_visible()
            shoot(page, f"{Path(path).as_posix().strip('/')}-{width}-{theme}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            require_accessible(page)
