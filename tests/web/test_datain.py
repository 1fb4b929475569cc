"""Data In: calls as they arrive and as they were kept, and the way of each from its row to every answer."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.web import hostile
from tests.web.browser import LAPTOP, Tabs
from tests.web.gathering import HERE, STREAM, event, gathering, looks, run, send
from tests.web.house import House

__all__ = ["gathering"]  # a fixture


def opened(house: House, tabs: Tabs, path: str = "/data-in", role: str = "owner", **options: object) -> Page:
    """The page, once it follows along and its list is there."""
    page = tabs.open(house.service.url, house.session(role), **options)  # type: ignore[arg-type]
    page.goto(path)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    return page


def calls(page: Page) -> Locator:
    """The rows of the list."""
    return page.get_by_role("table", name="Calls").locator("tbody tr")


def choose(page: Page, choice: str, option: str) -> None:
    page.get_by_role("combobox", name=choice).or_(page.get_by_role("textbox", name=choice)).click()
    page.get_by_role("option", name=option, exact=True).click()


def pause(page: Page) -> None:
    page.get_by_role("button", name="Pause").click()


def test_from_the_row_to_every_answer(gathering: House, tabs: Tabs) -> None:
    """A call opens with the row it was made from, the call, and each destination's request and answer: status and body.
    It has a deep link, Back closes it, and it leads to its source, sync and run."""
    page = opened(gathering, tabs, "/data-in?sync=people&q=u7")
    page.get_by_role("link", name="u7", exact=True).click()
    expect(page).to_have_url(re.compile(r"[?&]call=\d+"))
    sheet = page.get_by_role("dialog", name="Call")
    row = sheet.get_by_role("region", name="Row")
    expect(row.locator("dt")).to_have_text(
        ["userId", "email", "plan", "address.city", "address.zip", "note", "messageId"]
    )
    expect(row.get_by_text("u7@example.com")).to_be_visible()
    expect(sheet.get_by_role("region", name="Call", exact=True)).to_contain_text('"city": "Ulm"')
    refused = sheet.get_by_role("article", name="crm")
    expect(refused.get_by_text("Rejected")).to_be_visible()
    expect(refused.get_by_role("textbox", name="request to crm")).to_have_value(
        re.compile(r"^POST http://127\.0\.0\.1:")
    )
    expect(refused.get_by_text("Answered 422")).to_be_visible()
    expect(refused.get_by_role("region", name="answer of crm")).to_have_text(f"u7 is refused {hostile.HTML}")
    expect(sheet.get_by_role("article", name=HERE).get_by_text("Delivered")).to_be_visible()
    link = page.url
    page.go_back()
    expect(sheet).to_be_hidden()
    page.goto(link)
    for name in ("shop", "people"):
        expect(sheet.get_by_role("link", name=name, exact=True)).to_be_visible()
    to_run = sheet.get_by_role("link", name=re.compile(r"^\d{8}-"))
    expect(to_run).to_have_attribute("href", re.compile(r"^/imports\?run=\d{8}-"))


def test_the_gravest_outcome_stands_in_the_list(gathering: House, tabs: Tabs) -> None:
    """A call that one of two destinations refused counts as rejected in the list, and says of how many."""
    page = opened(gathering, tabs, "/data-in?sync=people&q=u7")
    expect(calls(page).first).to_contain_text("Rejected1 of 2")


def test_a_row_that_became_no_call(gathering: House, tabs: Tabs) -> None:
    """An invalid row is in the list by its number, and opens with its values and the reason."""
    page = opened(gathering, tabs, "/data-in?sync=people&outcome=invalid")
    expect(calls(page)).to_have_count(1)
    page.get_by_role("link", name="Row 67").click()
    sheet = page.get_by_role("dialog", name="Call")
    expect(sheet.get_by_text("This row became no call.")).to_be_visible()
    expect(sheet.get_by_text("nobody@example.com")).to_be_visible()
    expect(sheet.get_by_role("region", name="Destinations")).to_have_count(0)


def test_filters_stand_in_the_address(gathering: House, tabs: Tabs) -> None:
    """Each filter is in the address: a reload keeps it, Back takes it away, and an empty list offers to clear all."""
    page = opened(gathering, tabs)
    choose(page, "Sync", "orders")
    expect(calls(page)).to_have_count(15)
    choose(page, "Outcome", "Rejected")
    expect(page.get_by_text("No call passes these filters")).to_be_visible()
    expect(page).to_have_url(re.compile(r"sync=orders&outcome=rejected"))
    page.reload()
    page.get_by_role("link", name="Clear filters").click()
    expect(page).to_have_url(re.compile(r"/data-in$"))
    page.go_back()
    page.go_back()
    expect(page).to_have_url(re.compile(r"\?sync=orders$"))
    expect(calls(page)).to_have_count(15)


def test_calls_of_one_run(gathering: House, tabs: Tabs) -> None:
    """A link from a run shows its calls alone, says so, and lets one go on to all; older calls come page by page."""
    (people,) = gathering.get("/api/v1/runs?sync=people&limit=1")["items"]
    page = opened(gathering, tabs, f"/data-in?run={people['id']}")
    expect(calls(page)).to_have_count(50)
    page.get_by_role("button", name="Load more").click()
    expect(calls(page)).to_have_count(67)
    page.get_by_role("button", name=f"Run {people['id']}").click()
    expect(page).to_have_url(re.compile(r"/data-in$"))


def test_calls_appear_as_they_arrive(gathering: House, tabs: Tabs) -> None:
    """What a program sends appears by itself, before any run has it, and can be opened; when a run has delivered it,
    the same line says so, and there is no second one."""
    page = opened(gathering, tabs, "/data-in?source=app&q=Arrived")
    send(gathering, [event(1, "Arrived", color="red")])
    first = calls(page).filter(has_text="Arrived")
    expect(first).to_have_count(1)
    first.get_by_role("link").click()
    sheet = page.get_by_role("dialog", name="Call")
    expect(sheet.get_by_role("region", name="Call", exact=True)).to_contain_text('"color": "red"')
    link = page.url
    page.go_back()
    expect(first).to_contain_text("Delivered")
    expect(first).to_have_count(1)
    page.goto(link)
    expect(sheet.get_by_role("article", name=HERE)).to_contain_text("Delivered")


def test_a_call_that_is_wrong(gathering: House, tabs: Tabs) -> None:
    """A received call that is invalid is shown at once, as it came, with the reason."""
    page = opened(gathering, tabs, "/data-in?source=app")
    send(gathering, [{"type": "track", "userId": "wrong-1", "messageId": "wrong-1"}])
    page.get_by_role("link", name="wrong-1").click()
    sheet = page.get_by_role("dialog", name="Call")
    expect(sheet.get_by_text("Invalid").first).to_be_visible()
    expect(sheet.locator(".note.bad")).to_contain_text("event")
    expect(sheet.get_by_text('"wrong-1"').first).to_be_visible()


def test_a_pause_keeps_what_comes(gathering: House, tabs: Tabs) -> None:
    """While the list is paused it stands still and what comes is counted; going on shows all of it."""
    page = opened(gathering, tabs, "/data-in?source=app&q=Paused")
    send(gathering, [event(1, "Paused")])
    expect(calls(page)).to_have_count(1)
    pause(page)
    send(gathering, [event(2, "Paused", "u2"), event(3, "Paused", "u3")])
    resume = page.get_by_role("button", name=re.compile(r"^Resume · [2-9] new"))
    expect(resume).to_be_visible()
    expect(calls(page)).to_have_count(1)
    resume.click()
    expect(calls(page)).to_have_count(3)
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()


def test_the_filter_is_for_what_arrives_too(gathering: House, tabs: Tabs) -> None:
    """Only calls that pass the filter appear; another filter begins anew, with what is kept."""
    page = opened(gathering, tabs, "/data-in?source=app&kind=page&q=Passing")
    send(gathering, [event(1, "Passing"), {**event(2, "Passing"), "type": "page", "name": "Passing"}])
    expect(calls(page)).to_have_count(1)
    expect(calls(page)).to_contain_text("page")
    page.goto("/data-in?source=app&q=Passing")
    expect(calls(page)).to_have_count(2)


def test_thousands_of_calls(gathering: House, tabs: Tabs) -> None:
    """When calls come by the thousand the page keeps the newest few hundred, says how many it left out, stays at hand,
    and reads the list again when told to."""
    page = opened(gathering, tabs, "/data-in?source=stream")
    for part in range(12):
        send(gathering, [event(number, "Flood") for number in range(part * 500, part * 500 + 500)], STREAM)
    left = page.get_by_text(re.compile(r"[\d,]+ more came too fast to be shown"))
    expect(left).to_be_visible()
    expect(page.get_by_text(re.compile(r"^[1-5]\d\d calls$"))).to_be_visible()
    assert calls(page).count() <= 500
    pause(page)
    resume = page.get_by_role("button", name=re.compile("^Resume"))
    expect(resume).to_be_visible(timeout=3_000)
    resume.click()
    page.get_by_role("button", name="Read the list again").click()
    expect(left).to_be_hidden()


def test_runs_bring_their_calls(gathering: House, tabs: Tabs) -> None:
    """The calls of a run appear when it ends, while the page looks on."""
    page = opened(gathering, tabs, "/data-in?sync=teams")
    before = calls(page).count()
    run(gathering, "teams")
    expect(calls(page)).to_have_count(before + 4)


def test_hostile_texts_are_text(gathering: House, tabs: Tabs) -> None:
    """Whatever a row brings is shown letter by letter, in the list and in the sheet; a long value is folded."""
    page = opened(gathering, tabs, "/data-in?sync=orders")
    for text in hostile.TEXTS:
        expect(calls(page).filter(has_text=text[:40].strip())).not_to_have_count(0)
    page.goto("/data-in?sync=people&q=long+long")
    calls(page).first.get_by_role("link").click()
    row = page.get_by_role("dialog", name="Call").get_by_role("region", name="Row")
    more = row.get_by_role("button", name="Show all 10,000 characters").first
    more.click()
    expect(row.get_by_text(hostile.LONG.strip()).first).to_be_visible()
    assert page.evaluate("document.querySelectorAll('main img, dialog img, [role=dialog] img').length") == 0
    assert page.title() == "Data In · Headrace"
    assert page.evaluate("document.documentElement.scrollWidth") <= LAPTOP


def test_copying(gathering: House, tabs: Tabs) -> None:
    """What is copied is the value itself: of the row to the letter, of the call as JSON."""
    page = opened(gathering, tabs, "/data-in?sync=orders&q=x4")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    calls(page).first.get_by_role("link").click()
    sheet = page.get_by_role("dialog", name="Call")
    sheet.get_by_role("button", name="Copy note").click()
    expect(sheet.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == hostile.FORMULA
    sheet.get_by_role("button", name="Copy call").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => JSON.parse(text).type === 'track')")


def test_who_may_not_look_at_rows(gathering: House, tabs: Tabs) -> None:
    """Without the right to preview the page says so and asks for nothing."""
    page = tabs.open(gathering.service.url, gathering.session("viewer"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/data-in?call=1")
    expect(page.get_by_role("heading", name="You may not look at rows of data")).to_be_visible()
    assert [url for url in asked if "/api/v1/calls" in url] == []


def test_accessible(gathering: House, tabs: Tabs, shoot: Callable[[Page, str], None]) -> None:
    """axe-core finds nothing in the list, in a call's sheet and in the empty list: in the light and in the dark, at a
    desk and on a phone; and nothing is too wide."""
    page = opened(gathering, tabs)
    for name, path in (("list", ""), ("call", "?sync=people&q=u7"), ("none", "?q=nothing+of+the+kind")):
        page.goto(f"/data-in{path}")
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        if name == "call":
            calls(page).first.get_by_role("link").click()
            expect(page.get_by_role("article", name="crm")).to_be_visible()
        for look in looks(page):
            shoot(page, f"data-in-{name}-{look}")
