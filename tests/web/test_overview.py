"""The page *Overview*: what needs attention first, what runs and is next, and the way in for an empty service."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from headrace.testing.http_server import Answer, Recorded, RecordingServer
from tests.promise.project import hook, write_config
from tests.serve.processes import Serving, until
from tests.web.axe import require_accessible
from tests.web.browser import LAPTOP, PHONE, Tabs
from tests.web.house import QUERY, SERVICE, House, sqlite_shop


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, server: RecordingServer) -> Iterator[House]:
    """A sync with errors, one that cannot work, one that is due by time, and a channel that is told of all that."""
    folder = tmp_path_factory.mktemp("overview")
    people = {"source": "shop", "call": "identify", "query": QUERY, "destinations": ["crm"]}
    write_config(
        folder,
        {
            "service": SERVICE,
            "sources": {"shop": sqlite_shop(folder), "gone": {"type": "sqlite", "path": "nothing.sqlite"}},
            "destinations": {"crm": hook(server)},
            "syncs": {
                "people": people,
                "lost": people | {"source": "gone"},
                "monthly": people | {"schedule": "0 0 1 1 *"},
            },
            "alerts": {"pager": {"type": "webhook", "url": f"{server.url}/pager"}},
        },
    )
    with Serving(folder) as service:
        house = House(service, server)
        house.set_up()
        house.run_people()
        lost = house.post("/api/v1/syncs/lost/run")
        until(lambda: house.get(f"/api/v1/runs/{lost['id']}")["ended_at"])
        yield house


@pytest.fixture
def empty(tmp_path: Path, server: RecordingServer) -> Iterator[House]:
    """A service with nothing in it but its owner."""
    write_config(tmp_path, {"service": SERVICE})
    with Serving(tmp_path) as service:
        house = House(service, server)
        house.set_up()
        yield house


def overview(tabs: Tabs, house: House, role: str = "owner", **tab: Any) -> Page:
    page = tabs.open(house.service.url, house.session(role), **tab)
    page.goto("/")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    return page


@contextmanager
def held(server: RecordingServer) -> Iterator[None]:
    """No destination answers inside the block."""
    go_on = threading.Event()

    def wait(request: Recorded) -> Answer:
        if request.body:
            go_on.wait(30)
        return Answer()

    server.always(wait)
    try:
        yield
    finally:
        go_on.set()
        server.always(lambda request: Answer())


def test_what_needs_attention_comes_first(house: House, tabs: Tabs) -> None:
    """The gravest trouble stands first, with its message; it leads to the run that shows it."""
    page = overview(tabs, house)
    items = page.locator(".troubles > li")
    expect(items).to_have_count(2)
    expect(items.nth(0)).to_contain_text("lost")
    expect(items.nth(0)).to_contain_text("nothing.sqlite")
    expect(items.nth(1)).to_contain_text("With errors")
    expect(page.get_by_role("region", name="Overview").get_by_role("heading").first).to_have_text("Needs attention")
    items.nth(0).get_by_role("link", name="lost").click()
    expect(page.get_by_role("dialog", name="Import", exact=True)).to_contain_text("nothing.sqlite")


def test_who_was_told(house: House, tabs: Tabs) -> None:
    """Beside a trouble stands which alert channels know of it."""
    until(lambda: house.get("/api/v1/alerts")["items"])
    page = overview(tabs, house)
    expect(page.locator(".troubles > li").filter(has_text="lost").get_by_text("pager")).to_be_visible()


def test_figures_and_charts(house: House, tabs: Tabs) -> None:
    """The rows sent in 24 hours are those of the runs; each source has its chart, whose bars open their runs."""
    page = overview(tabs, house)
    totals = house.get("/api/v1/runs/totals")
    sent = page.locator(".kpi").filter(has_text="Rows sent, 24 h").locator("dd")
    expect(sent).to_have_text(str(totals["delivered"]))
    expect(page.get_by_role("figure", name="Rows per import of gone")).to_be_visible()
    bar = page.get_by_role("figure", name="Rows per import of shop").get_by_role("link").last
    assert "people" in (bar.get_attribute("aria-label") or "")
    bar.click()
    expect(page.get_by_role("dialog", name="Import", exact=True)).to_be_visible()


def test_next_runs(house: House, tabs: Tabs) -> None:
    """What is due next stands with its time, and leads to its sync."""
    page = overview(tabs, house)
    next_runs = page.get_by_role("region", name="Next runs")
    expect(next_runs.get_by_role("link", name="monthly")).to_have_attribute("href", "/syncs/monthly")
    expect(next_runs.get_by_role("listitem")).to_have_count(1)


def test_what_runs_appears_and_goes_by_itself(house: House, tabs: Tabs) -> None:
    """A run that somebody starts is listed as running at once, and no more when it is over; nothing is reloaded."""
    page = overview(tabs, house)
    running = page.get_by_role("region", name="Running now")
    expect(running).to_contain_text("Nothing runs at the moment")
    with held(house.server):
        run = house.post("/api/v1/syncs/people/run")
        expect(running.get_by_role("link", name="people")).to_have_attribute("href", re.compile(run["id"]))
        expect(running.get_by_role("progressbar")).to_be_visible()
    expect(running).to_contain_text("Nothing runs at the moment")


def test_three_steps_of_an_empty_service(empty: House, tabs: Tabs) -> None:
    """Who comes to an empty service is led: a database, a destination, a sync. What is there already is ticked off."""
    page = overview(tabs, empty)
    steps = page.get_by_role("listitem").filter(has=page.get_by_role("heading", level=3))
    expect(steps).to_have_count(3)
    expect(steps.nth(0).get_by_role("link", name="Choose a database")).to_have_attribute(
        "href", "/integrations?tab=directory"
    )
    expect(steps.nth(2).get_by_role("link")).to_have_count(0)
    require_accessible(page)
    made = {"name": "shop", "definition": {"type": "sqlite", "path": "shop.sqlite"}}
    empty.post("/api/v1/sources", made)
    page.reload()
    expect(steps.nth(0)).to_contain_text("done")
    expect(steps.nth(0).get_by_role("link")).to_have_count(0)


def test_a_viewer_is_led_nowhere(empty: House, tabs: Tabs) -> None:
    """Who may change nothing reads the steps, and that somebody else takes them."""
    page = overview(tabs, empty, "viewer")
    region = page.get_by_role("region", name="Three steps to your first sync")
    expect(region).to_contain_text("Your role lets you look")
    expect(region.get_by_role("link")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, LAPTOP])
def test_for_everybody(house: House, tabs: Tabs, theme: str, width: int, shoot: Any) -> None:
    """axe finds nothing in either theme, on a phone and on a laptop; nothing is wider than the window."""
    page = overview(tabs, house, width=width, theme=theme)
    expect(page.get_by_role("figure", name="Rows per import of shop")).to_be_visible()
    shoot(page, f"overview-{width}-{theme}")
    require_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
