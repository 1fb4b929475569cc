"""What holds for each page: it is accessible, at every width and in both themes, and it is all our own."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.web.axe import require_accessible
from tests.web.browser import HEIGHTS, LAPTOP, PHONE, WIDE, Tabs
from tests.web.house import House

OUTSIDE = {"/login": "Sign in", "/join#a-code": "Join Headrace"}
INSIDE = {
    "/": "Overview",
    "/integrations": "Integrations",
    "/syncs": "Syncs",
    "/imports": "Imports",
    "/data-in": "Data In",
    "/people": "People",
    "/destinations": "Destinations",
    "/settings": "Account",
    "/no/such/page": "Not found",
}
WIDTHS = {"phone": PHONE, "laptop": LAPTOP, "wide": WIDE}


def settled(page: Page, path: str) -> None:
    """Wait until the page's head is there and nothing is being loaded."""
    expect(page.get_by_role("heading", name=(OUTSIDE | INSIDE)[path], level=1)).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", OUTSIDE | INSIDE)
def test_accessible_at_every_width(
    house: House, tabs: Tabs, shoot: Callable[[Page, str], None], path: str, theme: str
) -> None:
    """On a phone, at a desk and on a wall axe-core finds nothing, in the light and in the dark, and nothing makes the
    page itself scroll sideways."""
    page = tabs.open(house.service.url, "" if path in OUTSIDE else house.session("owner"), theme=theme)
    page.goto(path)
    for name, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        settled(page, path)
        shoot(page, f"{path.partition('#')[0].strip('/') or 'overview'}-{name}-{theme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        require_accessible(page)


def test_nothing_moves_while_it_loads(house: House, tabs: Tabs) -> None:
    """What index.html draws before the first script is where the page has it: no layout shift that counts."""
    page = tabs.open(house.service.url, house.session("owner"))
    page.add_init_script(
        "window.moved = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries())"
        " window.moved += entry.value; }).observe({ type: 'layout-shift', buffered: true })"
    )
    page.goto("/")
    settled(page, "/")
    assert page.evaluate("window.moved") < 0.05


def test_only_the_service_is_asked(house: House, tabs: Tabs) -> None:
    """A page is made of what the service itself serves: scripts, styles, fonts and data, and all of it by its own
    content security policy."""
    page = tabs.open(house.service.url, house.session("owner"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto("/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    settled(page, "/")
    page.evaluate("document.fonts.ready")
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(house.service.url).netloc}
    endings = {urlsplit(url).path.rpartition(".")[2] for url in asked}
    assert {"js", "css", "woff2"} <= endings


def test_a_script_in_the_page_does_not_run(house: House, tabs: Tabs) -> None:
    """Were markup ever to get into the page, the browser would still not run it."""
    tabs.expected = ["error: Executing inline", "error: Failed to load resource"]
    page = tabs.open(house.service.url, house.session("owner"))
    page.goto("/")
    settled(page, "/")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.broken = 1\">')")
    page.evaluate(
        "() => { const added = document.createElement('script'); added.textContent = 'window.broken = 1';"
        " document.body.append(added); }"
    )
    assert page.evaluate("window.broken") is None


def test_programs_are_not_led_to_the_page(house: House) -> None:
    """The service's own addresses say to browsers what they say to programs; who does not ask for HTML gets JSON, also
    where the page is; and the page is only read."""
    ask = house.service.ask
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/metrics", 401), ("/api/v1/nothing", 404)):
        answers = [ask("GET", path, Accept=accept) for accept in ("text/html", "*/*")]
        assert [(code, isinstance(said, dict)) for code, said, _ in answers] == [(status, True)] * 2, path
    assert ask("GET", "/", Accept="application/json")[1]["api"] == "/api/v1"
    assert ask("GET", "/syncs", Accept="*/*")[1]["error"]["code"] == "not_found"
    assert ask("POST", "/syncs", {}, Accept="text/html")[1]["error"]["code"] == "method_not_allowed"
