"""The page *Syncs*: how each stands, when it ran and will run, and what can be done with it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from headrace.testing.http_server import Answer, Recorded, RecordingServer
from tests.promise.project import hook, write_config
from tests.serve.processes import Serving, until
from tests.web.axe import require_accessible
from tests.web.browser import LAPTOP, PHONE, Tabs
from tests.web.house import QUERY, SERVICE, House, sqlite_shop

MANY = 1_000
HOSTILE = "<img src=x onerror=alert(1)> \u202eevil\u202c שלום 🎉"
PEOPLE = {"source": "shop", "call": "identify", "query": QUERY, "destinations": ["crm", "mixpanel"]}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, server: RecordingServer) -> Iterator[House]:
    """Syncs in a file and one that was made over the API; `people` ran once, with errors."""
    folder = tmp_path_factory.mktemp("syncs")
    write_config(
        folder,
        {
            "service": SERVICE,
            "sources": {"shop": sqlite_shop(folder), "other": {"type": "sqlite", "path": "shop.sqlite"}},
            "destinations": {"crm": hook(server), "mixpanel": hook(server)},
            "syncs": {
                "people": PEOPLE | {"description": HOSTILE},
                "idle": PEOPLE,
                "hourly": PEOPLE | {"source": "other", "call": "track", "schedule": "every hour", "enabled": False,
                                    "query": "SELECT id AS \"userId\", 'Seen' AS event FROM people",
                                    "destinations": ["crm"]},
            },
        },
    )  # fmt: skip
    with Serving(folder) as service:
        house = House(service, server)
        house.set_up()
        house.run_people()
        house.post("/api/v1/syncs", {"name": "made", "definition": PEOPLE})
        yield house


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, server: RecordingServer) -> Iterator[House]:
    """A service with a thousand syncs."""
    folder = tmp_path_factory.mktemp("many")
    write_config(
        folder,
        {
            "service": SERVICE,
            "sources": {"shop": sqlite_shop(folder)},
            "destinations": {"crm": hook(server)},
            "syncs": {f"sync-{at:04}": PEOPLE | {"destinations": ["crm"]} for at in range(MANY)},
        },
    )
    with Serving(folder) as service:
        house = House(service, server)
        house.set_up()
        yield house


def syncs(tabs: Tabs, house: House, path: str = "/syncs", role: str = "owner", **tab: Any) -> Page:
    page = tabs.open(house.service.url, house.session(role), **tab)
    page.goto(path)
    expect(page.get_by_role("table", name="Syncs")).to_have_attribute("aria-busy", "false")
    return page


def row_of(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def menu(page: Page, name: str, item: str) -> None:
    page.get_by_role("button", name=f"More for {name}").click()
    page.get_by_role("menuitem", name=item).click()


def test_how_each_stands(house: House, tabs: Tabs) -> None:
    """A row tells status, way, frequency in words, last run with its counts, next run, and whose file it is in."""
    page = syncs(tabs, house)
    people = row_of(page, "people")
    expect(people.get_by_role("cell").nth(2)).to_have_text("Enabled")
    expect(people.get_by_role("link", name="shop")).to_have_attribute("href", "/integrations/shop")
    expect(people).to_contain_text("crm+1")
    expect(people).to_contain_text("With errors")
    expect(people).to_contain_text("4 delivered · 2 failed")
    expect(people).to_contain_text("managed in headrace.yaml")
    expect(people).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0
    hourly = row_of(page, "hourly")
    expect(hourly).to_contain_text("every hour")
    expect(hourly).to_contain_text("Disabled")
    expect(row_of(page, "idle")).to_contain_text("Never ran")
    people.get_by_role("link", name="With errors").click()
    expect(page.get_by_role("dialog", name="Import", exact=True)).to_be_visible()


def test_the_switch_shows_at_once(house: House, tabs: Tabs) -> None:
    """A sync is shown as enabled before the service has answered; where it refuses, the switch goes back and its
    message is shown."""
    page = syncs(tabs, house)
    switch = page.get_by_role("switch", name="Enable hourly")
    asked: list[Route] = []

    def hold(route: Route) -> None:
        asked.append(route)

    page.route("**/enable", hold)
    with page.expect_request("**/enable"):
        switch.press("Space")
    expect(switch).to_be_checked()
    expect(row_of(page, "hourly")).to_contain_text("Enabled")
    refused = {"error": {"code": "busy", "message": "It is not possible now. Try again.", "findings": []}}
    asked[0].fulfill(status=409, json=refused)
    expect(page.get_by_role("alert")).to_contain_text("It is not possible now")
    expect(switch).not_to_be_checked()
    page.unroute("**/enable")
    switch.press("Space")
    until(lambda: house.get("/api/v1/syncs/hourly")["enabled"])
    expect(row_of(page, "hourly").get_by_role("cell").nth(6)).to_contain_text("in ")
    switch.press("Space")
    until(lambda: not house.get("/api/v1/syncs/hourly")["enabled"])


def test_run_now_is_live(house: House, tabs: Tabs) -> None:
    """Run now starts a run; while it lives the row shows how far it is, and nothing else can be started."""
    page = syncs(tabs, house)
    go_on = threading.Event()

    def wait(request: Recorded) -> Answer:
        if request.body:
            go_on.wait(30)
        return Answer()

    house.server.always(wait)
    try:
        start = page.get_by_role("button", name="Run made now")
        start.click()
        expect(row_of(page, "made").get_by_role("progressbar")).to_be_visible()
        expect(start).to_be_disabled()
    finally:
        go_on.set()
        house.server.always(lambda request: Answer())
    expect(row_of(page, "made")).to_contain_text("With errors")
    expect(start).to_be_enabled()


def test_search_and_filters_in_the_address(house: House, tabs: Tabs) -> None:
    """What is looked for stands in the address; a link with filters shows the same."""
    page = syncs(tabs, house)
    page.get_by_role("searchbox", name="Search syncs").fill("HOUR")
    expect(row_of(page, "people")).to_have_count(0)
    expect(row_of(page, "hourly")).to_be_visible()
    expect(page).to_have_url(re.compile("q=HOUR"))
    page.goto("/syncs?state=attention&source=shop&destination=mixpanel")
    expect(row_of(page, "people")).to_be_visible()
    expect(row_of(page, "hourly")).to_have_count(0)
    page.get_by_role("radiogroup", name="Status").get_by_text("Running").click()
    expect(page.get_by_text("No sync is like that")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(row_of(page, "hourly")).to_be_visible()


def test_last_sync_time(house: House, tabs: Tabs) -> None:
    """Setting it says what follows from it; back to 0 takes the name of the sync, because everything goes out again."""
    page = syncs(tabs, house)
    before = house.get("/api/v1/syncs/people")["last_sync_time"]
    menu(page, "people", "Set last sync time")
    ask = page.get_by_role("dialog", name="Last sync time of people")
    expect(ask).to_contain_text(str(before))
    expect(ask.get_by_role("button", name="Set last sync time")).to_be_disabled()
    ask.get_by_label("Moment", exact=True).fill("2020-01-01T00:00:00")
    expect(ask).to_contain_text("are read and sent again")
    ask.get_by_role("button", name="Set last sync time").click()
    expect(ask).to_be_hidden()
    assert house.get("/api/v1/syncs/people")["last_sync_time"] == 1_577_836_800
    menu(page, "people", "Set last sync time")
    ask.get_by_text("Everything", exact=True).click()
    expect(ask).to_contain_text("sends everything again")
    expect(ask.get_by_role("button", name="Reset to 0")).to_be_disabled()
    ask.get_by_label("Type people to confirm").fill("people")
    ask.get_by_role("button", name="Reset to 0").click()
    expect(ask).to_be_hidden()
    assert house.get("/api/v1/syncs/people")["last_sync_time"] == 0


def test_run_full_once(house: House, tabs: Tabs) -> None:
    """A run over everything is asked about, and says where it will send."""
    page = syncs(tabs, house)
    menu(page, "people", "Run full once")
    ask = page.get_by_role("dialog", name="Run people once over everything?")
    expect(ask).to_contain_text("crm, mixpanel")
    ask.get_by_role("button", name="Run full once").click()
    expect(ask).to_be_hidden()
    run = house.get("/api/v1/runs?sync=people&trigger=full")["items"][0]
    assert run["last_sync_time"] == 0
    until(lambda: house.get(f"/api/v1/runs/{run['id']}")["ended_at"])


def test_delete_takes_the_name(house: House, tabs: Tabs) -> None:
    """A sync is deleted after its name was typed. One that is used says by what, and cannot be; one of a file is not
    offered."""
    house.post("/api/v1/syncs", {"name": "first", "definition": PEOPLE})
    house.post("/api/v1/syncs", {"name": "second", "definition": PEOPLE | {"schedule": "after first"}})
    page = syncs(tabs, house)
    menu(page, "first", "Delete")
    ask = page.get_by_role("dialog", name="Delete the sync first?")
    expect(ask).to_contain_text("second")
    expect(ask.get_by_role("button", name="Delete sync")).to_be_disabled()
    page.keyboard.press("Escape")
    for name in ("second", "first"):
        menu(page, name, "Delete")
        ask = page.get_by_role("dialog", name=f"Delete the sync {name}?")
        expect(ask.get_by_role("button", name="Delete sync")).to_be_disabled()
        ask.get_by_label(f"Type {name} to confirm").fill(name)
        ask.get_by_role("button", name="Delete sync").click()
        expect(row_of(page, name)).to_have_count(0)
    page.get_by_role("button", name="More for people").click()
    expect(page.get_by_role("menuitem", name="Imports")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Delete")).to_have_count(0)


def test_one_sync_at_a_glance(house: House, tabs: Tabs) -> None:
    """The first tab of a sync tells how it stands, and shows its last runs; one opens over it, and Back closes it."""
    page = tabs.open(house.service.url, house.session("owner"))
    page.goto("/syncs/people")
    expect(page.get_by_role("switch", name="Enable people")).to_be_checked()
    expect(page.get_by_role("button", name="Run now")).to_be_enabled()
    expect(page.locator(".kpi").filter(has_text="Frequency")).to_contain_text("manual")
    expect(page.get_by_role("figure", name="Rows per run of people").get_by_role("link").last).to_be_visible()
    runs = page.get_by_role("table", name="Last runs")
    runs.get_by_role("link").first.click()
    expect(page.get_by_role("dialog", name="Import", exact=True)).to_contain_text("Version 1 of people")
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile("/syncs/people$"))
    require_accessible(page)


def test_overruns_are_warned_of(house: House, tabs: Tabs) -> None:
    """Due times that were skipped because a run took too long stand beside the status, with what to do."""
    page = tabs.open(house.service.url, house.session("owner"))

    def overrun(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        for sync in body["items"]:
            sync["overruns"] = 3 if sync["name"] == "people" else 0
        route.fulfill(response=answer, json=body)

    page.route("**/api/v1/syncs?*", overrun)
    page.route_web_socket("**/api/v1/events", lambda socket: None)  # or it would tell the truth
    page.goto("/syncs")
    expect(row_of(page, "people")).to_contain_text("3 skipped")
    expect(row_of(page, "people")).to_contain_text("Run it less often")
    expect(row_of(page, "made")).not_to_contain_text("skipped")


def test_a_viewer_looks(house: House, tabs: Tabs) -> None:
    """Who may only view sees everything and can change nothing."""
    page = syncs(tabs, house, role="viewer")
    expect(page.get_by_role("switch", name="Enable people")).to_be_disabled()
    expect(page.get_by_role("link", name="Add sync")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("^Run "))).to_have_count(0)
    page.get_by_role("button", name="More for made").click()
    expect(page.get_by_role("menuitem")).to_have_text(["Imports"])


def test_a_thousand(many: House, tabs: Tabs) -> None:
    """A thousand syncs are all there, only those near the window are drawn, and each is found by its name."""
    page = syncs(tabs, many)
    table = page.get_by_role("table", name="Syncs")
    expect(table).to_have_attribute("aria-rowcount", str(MANY + 1))
    assert table.get_by_role("row").count() < 100
    page.get_by_role("region", name="Syncs").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    expect(row_of(page, f"sync-{MANY - 1:04}")).to_be_in_viewport()
    page.get_by_role("searchbox", name="Search syncs").fill("sync-0500")
    expect(table.get_by_role("row")).to_have_count(2)


def test_none_yet(tabs: Tabs, server: RecordingServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where there is no sync, the page says what one is and offers to add it."""
    folder = tmp_path_factory.mktemp("none")
    write_config(folder, {"service": SERVICE})
    with Serving(folder) as service:
        house = House(service, server)
        house.set_up()
        page = tabs.open(service.url, house.session("owner"))
        page.goto("/syncs")
        expect(page.get_by_role("heading", name="No syncs yet")).to_be_visible()
        expect(page.get_by_role("region", name="Syncs").get_by_role("link", name="Add sync")).to_be_visible()
        require_accessible(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, LAPTOP])
def test_for_everybody(house: House, tabs: Tabs, theme: str, width: int, shoot: Any) -> None:
    """axe finds nothing on the list, in its menu and in its dialogs, in both themes; nothing is wider than the
    window."""
    page = syncs(tabs, house, width=width, theme=theme)
    shoot(page, f"syncs-{width}-{theme}")
    require_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="More for made").click()
    expect(page.get_by_role("menu")).to_be_visible()
    require_accessible(page)
    page.get_by_role("menuitem", name="Set last sync time").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    require_accessible(page)
