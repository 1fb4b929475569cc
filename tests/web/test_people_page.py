"""People: whoever and whatever the embedded workspaces hold, searched, opened and followed from one to the next."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

from tests.web import hostile
from tests.web.browser import Tabs
from tests.web.gathering import HERE, event, gathering, looks, put, run, send
from tests.web.house import House

__all__ = ["gathering"]  # a fixture
WORKSPACE = f"/api/v1/workspaces/{HERE}"


def opened(house: House, tabs: Tabs, path: str = "/people", role: str = "owner", **options: Any) -> Page:
    """The page, once what it shows is there."""
    page = tabs.open(house.service.url, house.session(role), **options)
    page.goto(path)
    settled(page)
    return page


def settled(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def rows(page: Page, table: str = "People") -> Locator:
    return page.get_by_role("table", name=table).locator("tbody tr")


def person(house: House, search: str) -> dict[str, Any]:
    """The one person that a search finds."""
    (found,) = house.get(f"{WORKSPACE}/people?search={search}")["items"]
    return dict(found)


def at(house: House, search: str, tab: str = "") -> str:
    """The address of a person's page."""
    return f"/people/{person(house, search)['id']}?workspace={HERE}" + (f"&tab={tab}" if tab else "")


def test_people_are_searched_while_one_types(gathering: House, tabs: Tabs) -> None:
    """A search begins a moment after the last key, without Enter, and stands in the address. One that another has
    overtaken is given up: its late answer changes nothing."""
    page = opened(gathering, tabs)
    expect(rows(page)).to_have_count(50)
    held: list[Route] = []
    given_up: list[str] = []
    page.route(re.compile(r"search=u1(&|$)"), lambda route: held.append(route))  # noqa: PLW0108  Playwright wants a function of Python
    page.on("requestfailed", lambda request: given_up.append(request.url))
    field = page.get_by_role("searchbox", name="Search ids and attributes")
    with page.expect_request(re.compile("search=u1(&|$)")):
        field.fill("u1")
    field.fill("u17@")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("u17@example.com")
    assert len(held) == 1
    assert any("search=u1" in url for url in given_up)
    expect(page).to_have_url(re.compile(r"\?q=u17%40$"))
    page.reload()
    expect(rows(page)).to_have_count(1)
    field.fill("nobody is called so")
    expect(page.get_by_text("No people found")).to_be_visible()


def test_attributes_of_a_person(gathering: House, tabs: Tabs) -> None:
    """A person opens with all attributes by name, nested ones as JSON, each to be copied, and with their ids."""
    page = opened(gathering, tabs, "/people?q=u17%40")
    page.get_by_role("link", name="u17@example.com").click()
    expect(page.get_by_role("heading", name="u17@example.com", level=1)).to_be_visible()
    attributes = page.get_by_label("Attributes", exact=True)
    expect(attributes.locator("dt")).to_have_text(["address", "email", "plan"])
    expect(attributes.locator("dd").first).to_contain_text('"zip": "89073"')
    expect(page.get_by_role("textbox", name="userId")).to_have_value("u17")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy all as JSON").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => JSON.parse(text).plan === 'pro')")
    page.get_by_role("link", name="People", exact=True).first.click()
    expect(page).to_have_url(re.compile("/people"))


def test_events_of_a_person(gathering: House, tabs: Tabs) -> None:
    """Events stand under one another, the last first; each opens to its properties. The tab has its address."""
    page = opened(gathering, tabs, at(gathering, "u2@"))
    page.get_by_role("navigation", name="Person").get_by_role("link", name="Events").click()
    expect(page).to_have_url(re.compile(rf"workspace={HERE}&tab=events"))
    events = page.get_by_role("list", name="Events").locator(":scope > li")
    expect(events).to_have_count(3)
    expect(events.first).to_contain_text("Order Completed")
    expect(page.get_by_text("total")).to_have_count(0)
    events.first.locator("summary").press("Enter")
    properties = events.first.get_by_label("Properties")
    expect(properties.locator("dt")).to_have_text(["note", "total"])
    expect(properties).to_contain_text("7")
    expect(events.first.get_by_role("textbox", name="messageId")).to_have_value("o7")
    page.go_back()
    expect(page.get_by_label("Attributes", exact=True)).to_be_visible()


def test_from_a_person_to_an_object_and_back(gathering: House, tabs: Tabs) -> None:
    """A person's relationships lead to the object, and the object to all who relate to it."""
    page = opened(gathering, tabs, at(gathering, "u1@", "relationships"))
    acme = rows(page, "Relationships").filter(has_text="acme")
    expect(acme).to_contain_text('"role": "admin"')
    acme.get_by_role("link", name="acme").click()
    expect(rows(page, "Objects")).to_have_count(1)
    page.get_by_role("link", name="acme").click()
    expect(page.get_by_role("heading", name="acme", level=1)).to_be_visible()
    expect(page.get_by_label("Attributes", exact=True)).to_contain_text("Acme")
    page.get_by_role("navigation", name="Object").get_by_role("link", name="People").click()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("link", name="u2@example.com").click()
    expect(page.get_by_role("heading", name="u2@example.com", level=1)).to_be_visible()


def test_objects_by_type(gathering: House, tabs: Tabs) -> None:
    """Objects are filtered by type, which says how many it has, and searched; both stand in the address."""
    page = opened(gathering, tabs, "/people/objects")
    expect(rows(page, "Objects")).to_have_count(3)
    page.get_by_role("combobox", name="Type").or_(page.get_by_role("textbox", name="Type")).click()
    page.get_by_role("option", name="company (2)").click()
    expect(rows(page, "Objects")).to_have_count(2)
    page.get_by_role("searchbox", name="Search ids and attributes").fill("Globex")
    expect(rows(page, "Objects")).to_have_count(1)
    expect(page).to_have_url(re.compile("type=company&q=Globex"))


def test_devices(gathering: House, tabs: Tabs) -> None:
    """A device that a program told of is shown with its platform and token, while the page looks on."""
    page = opened(gathering, tabs, at(gathering, "u3@", "devices"))
    expect(page.get_by_text("No devices")).to_be_visible()
    device = {"token": "token-1", "type": "ios", "model": "one"}
    send(gathering, [{**event(1, "Device Created or Updated", "u3"), "context": {"device": device}, "properties": {}}])
    expect(page.get_by_role("textbox", name="token")).to_have_value("token-1")
    expect(page.get_by_role("list", name="Devices")).to_contain_text("ios")


def test_what_a_run_brings_appears(gathering: House, tabs: Tabs) -> None:
    """Whoever a run brings is in the list as it ends, and the figures count them."""
    page = opened(gathering, tabs)
    people = page.locator(".kpi").filter(has_text=re.compile("^People")).locator("dd")
    before = int(people.inner_text())
    put(gathering.service.log.parent, "people", "id, email, plan, city, zip, note",
        [("new1", "new1@example.com", "pro", "Ulm", "89073", "")])  # fmt: skip
    run(gathering, "people")
    expect(page.get_by_role("link", name="new1@example.com")).to_be_visible()
    expect(people).to_have_text(str(before + 1))


def test_several_workspaces(gathering: House, tabs: Tabs) -> None:
    """The one that most syncs deliver to comes first; another is chosen by name, stays through all links, and says what
    to do while it is empty."""
    page = opened(gathering, tabs)
    choice = page.get_by_role("combobox", name="Workspace").or_(page.get_by_role("textbox", name="Workspace"))
    expect(choice).to_have_value(HERE)
    choice.click()
    page.get_by_role("option", name="empty").click()
    expect(page).to_have_url(re.compile("workspace=empty"))
    expect(page.get_by_role("heading", name="No people yet")).to_be_visible()
    expect(page.get_by_role("link", name="Add sync")).to_be_visible()
    page.get_by_role("navigation", name="Workspace").get_by_role("link", name="Objects").click()
    expect(page).to_have_url(re.compile(r"/people/objects\?workspace=empty"))
    expect(page.get_by_role("heading", name="No objects yet")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(choice).to_have_value(HERE)


def test_no_workspace(house: House, tabs: Tabs) -> None:
    """Where there is none the page says what one is; who may connect is led to it, others are told whom to ask."""
    page = opened(house, tabs)
    expect(page.get_by_role("heading", name="There is no workspace yet")).to_be_visible()
    expect(page.get_by_role("link", name="Add a workspace")).to_have_attribute("href", "/new/destination/workspace")
    page = opened(house, tabs, role="editor")
    expect(page.get_by_text("Ask an owner to add a destination")).to_be_visible()
    expect(page.get_by_role("link", name="Add a workspace")).to_have_count(0)


def test_hostile_texts_are_text(gathering: House, tabs: Tabs) -> None:
    """Whatever is in ids, names of events and attributes is shown letter by letter, makes no link and no image; a long
    value is folded and opens to its end."""
    page = opened(gathering, tabs)
    for number, text in enumerate(hostile.TEXTS):
        expect(rows(page).filter(has_text=f"h{number}@")).to_contain_text(text[:20].strip())
    page.goto(at(gathering, "h6@"))
    attributes = page.get_by_label("Attributes", exact=True)
    attributes.get_by_role("button", name="Show all 10,000 characters").first.click()
    expect(attributes.get_by_role("button", name="Show less")).to_be_visible()
    expect(attributes.get_by_text(hostile.LONG.strip(), exact=True).first).to_be_visible()
    page.goto(at(gathering, "u1@", "events"))
    for text in hostile.TEXTS:
        expect(page.get_by_text(text[:90].strip(), exact=True).first).to_be_visible()
    page.goto(f"/people/objects?workspace={HERE}")
    page.get_by_role("link", name=hostile.HTML).click()
    expect(page.get_by_role("heading", name=hostile.HTML, level=1)).to_be_visible()
    assert page.locator("main img").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.title() == f"{hostile.HTML} · Headrace"


def test_what_is_not_there(gathering: House, tabs: Tabs) -> None:
    """A person that was merged away, an id that is none and a workspace that is none say so and lead on."""
    page = opened(gathering, tabs, f"/people/99999?workspace={HERE}")
    expect(page.get_by_role("heading", name="This person is not here")).to_be_visible()
    page.get_by_role("link", name="Go to people").click()
    expect(rows(page)).not_to_have_count(0)
    page.goto(f"/people/objects/nonsense?workspace={HERE}")
    expect(page.get_by_role("alert").or_(page.get_by_text("This object is not here"))).to_be_visible()
    page.goto("/people?workspace=crm")
    expect(page.get_by_role("alert").first).to_contain_text("is no workspace")


def test_who_may_not_look_at_rows(gathering: House, tabs: Tabs) -> None:
    """Without the right to preview the page says so and asks for nothing."""
    page = tabs.open(gathering.service.url, gathering.session("viewer"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/people?workspace={HERE}")
    expect(page.get_by_role("heading", name="You may not look at rows of data")).to_be_visible()
    assert [url for url in asked if "/workspaces/" in url] == []


def test_accessible(gathering: House, tabs: Tabs, shoot: Callable[[Page, str], None]) -> None:
    """axe-core finds nothing on any of the pages and tabs, full or empty: in the light and in the dark, at a desk and
    on a phone; and nothing is too wide."""
    page = tabs.open(gathering.service.url, gathering.session("owner"))
    for name, path in {
        "people": "/people?q=h",
        "person": at(gathering, "h0@"),
        "events": at(gathering, "u1@", "events"),
        "relationships": at(gathering, "u1@", "relationships"),
        "devices": at(gathering, "u1@", "devices"),
        "objects": "/people/objects",
        "object": f"/people/objects/1?workspace={HERE}",
        "no-people": "/people?workspace=empty",
    }.items():
        page.goto(path)
        settled(page)
        if name == "events":
            page.locator("summary").first.click()
        for look in looks(page):
            shoot(page, f"people-{name}-{look}")
