"""The page *Imports*: a row per run, its chart and filters, and the drawer that says why rows failed."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from headrace.testing.http_server import Answer, Recorded, RecordingServer
from tests.promise.project import hook, write_config
from tests.serve.processes import Serving, until
from tests.web.axe import require_accessible
from tests.web.browser import LAPTOP, PHONE, Tabs
from tests.web.house import QUERY, SERVICE, House

HOSTILE = "<img src=x onerror=alert(1)>"
LONG = "x" * 10_000
RTL = "\u202eevil\u202c שלום 🎉"
REFUSED = {"error": f"plan {HOSTILE} is not known"}
ROWS = [
    ("u1", "ann@example.com", "free"),
    ("u2", HOSTILE, RTL),  # refused by mixpanel
    (None, "=cmd()", LONG),  # becomes no call
    (None, "nobody@example.com", "free"),
]

NUMBERS = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 500)
SELECT n AS "userId" FROM numbers
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, server: RecordingServer) -> Iterator[House]:
    """Four rows to two destinations: two become no call, and mixpanel refuses one. One run is over."""
    folder = tmp_path_factory.mktemp("imports")
    with closing(sqlite3.connect(folder / "shop.sqlite")) as shop, shop:
        shop.execute("CREATE TABLE people (id TEXT, email TEXT, plan TEXT)")
        shop.executemany("INSERT INTO people VALUES (?, ?, ?)", ROWS)
    mixpanel = hook(server) | {"url": f"{server.url}/mixpanel", "format": "json", "headers": {"X-Key": "s3cret-value"}}
    people = {"source": "shop", "call": "identify", "query": QUERY, "destinations": ["crm", "mixpanel"]}
    write_config(
        folder,
        {
            "service": SERVICE,
            "sources": {"shop": {"type": "sqlite", "path": "shop.sqlite"}},
            "destinations": {
                "crm": hook(server),
                "mixpanel": mixpanel,
                "slow": hook(server, batch_size=1, in_flight=1),
            },
            "syncs": {"people": people, "others": people | {"query": NUMBERS, "destinations": ["slow"]}},
        },
    )
    server.always(answer)
    with Serving(folder) as service:
        house = House(service, server)
        house.set_up()
        house.run_people()
        yield house


def answer(request: Recorded) -> Answer:
    refused = request.path.startswith("/mixpanel") and request.body and b'"u2"' in request.body
    return Answer(400, REFUSED) if refused else Answer()


@pytest.fixture
def run(house: House) -> dict[str, Any]:
    """The run that the house began with, whatever other tests have added since."""
    first: dict[str, Any] = house.get("/api/v1/runs?sync=people&state=partial&trigger=manual")["items"][-1]
    return first


def imports(tabs: Tabs, house: House, path: str = "/imports", *, role: str = "owner", **tab: Any) -> Page:
    page = tabs.open(house.service.url, house.session(role), **tab)
    page.goto(path)
    expect(page.get_by_role("radiogroup", name="State", include_hidden=True)).to_be_visible()
    expect(page.locator('[aria-busy="true"]')).to_have_count(0)
    return page


def drawer(page: Page) -> Any:
    return page.get_by_role("dialog", name="Import", exact=True)


@contextmanager
def held(house: House) -> Iterator[None]:
    """No destination answers inside the block."""
    go_on = threading.Event()

    def wait(request: Recorded) -> Answer:
        if request.body:
            go_on.wait(30)
        return answer(request)

    house.server.always(wait)
    try:
        yield
    finally:
        go_on.set()
        house.server.always(answer)


def test_a_row_per_run(house: House, tabs: Tabs, run: dict[str, Any]) -> None:
    """A run has one row with its counts, a line for each destination; the figures over the list add them all up."""
    page = imports(tabs, house, "/imports?sync=people")
    row = page.get_by_role("row").filter(has=page.locator(f'a[href*="{run["id"]}"]'))
    cells = [cell.split() for cell in row.get_by_role("cell").all_inner_texts()]
    head = page.get_by_role("table", name="Imports").get_by_role("columnheader").all_inner_texts()
    said = dict(zip(head, cells, strict=True))
    assert said["State"] == ["With", "errors"]
    assert said["Extracted"] == ["4"]
    assert said["To"] == ["crm", "mixpanel"]
    assert [said[one] for one in ("Delivered", "Duplicate", "Invalid", "Rejected", "Pending")] == [
        ["2", "1"], ["0", "0"], ["2", "2"], ["0", "1"], ["0", "0"],
    ]  # fmt: skip


def test_a_drawer_with_a_deep_link(house: House, tabs: Tabs, run: dict[str, Any]) -> None:
    """A run opens in a drawer that has an address; Back closes it and brings the focus back, Forward opens it again."""
    page = imports(tabs, house)
    link = page.locator(f'a[href$="?run={run["id"]}"]').and_(page.get_by_role("link", name="people", exact=True))
    link.click()
    expect(drawer(page).get_by_role("heading", name="What happened")).to_be_visible()
    assert run["id"] in page.url
    page.go_back()
    expect(drawer(page)).to_be_hidden()
    expect(link).to_be_focused()
    page.go_forward()
    expect(drawer(page)).to_be_visible()
    page.reload()
    expect(drawer(page).get_by_text(run["id"])).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer(page)).to_be_hidden()
    assert "run=" not in page.url


def test_counts_add_up_and_what_happened(house: House, tabs: Tabs, run: dict[str, Any]) -> None:
    """The drawer shows for each destination a sum that is right, and as a timeline the cause, the version, from which
    last_sync_time it read, and where it ended."""
    page = imports(tabs, house, f"/imports?run={run['id']}")
    for name in run["destinations"]:
        block = drawer(page).locator(".sum").filter(has=page.get_by_role("heading", name=name, exact=True))
        *parts, total = [int(re.sub(r"\D", "", text)) for text in block.locator("dd").all_inner_texts()]
        assert sum(parts) == total == 4, name
    steps = drawer(page).locator(".timeline > li")
    expect(steps).to_have_count(3)
    expect(steps.nth(0)).to_contain_text("Started by hand")
    expect(steps.nth(0)).to_contain_text("Version 1 of people")
    expect(steps.nth(1)).to_contain_text("0: everything")
    expect(steps.nth(2)).to_contain_text(f"moved to {run['next_last_sync_time']}")


def test_why_rows_failed(house: House, tabs: Tabs, run: dict[str, Any]) -> None:
    """Errors are grouped; a group unfolds to a row with its call, the request without its secrets, and the answer. Text
    from outside is only ever text."""
    page = imports(tabs, house, f"/imports?run={run['id']}")
    reasons = drawer(page).locator(".reasons")
    expect(reasons.get_by_role("button")).to_have_count(2)
    reasons.get_by_role("button", name="http_400").click()
    sample = drawer(page).locator(".sample")
    expect(sample.get_by_role("heading", name="Row 2")).to_be_visible()
    expect(sample).to_contain_text(json.dumps(HOSTILE))
    expect(sample).to_contain_text("Status 400")
    expect(sample).to_contain_text("POST http://127.0.0.1")
    expect(sample).not_to_contain_text("s3cret-value")
    assert "reason=mixpanel%3Ahttp_400" in page.url
    page.reload()
    expect(drawer(page).locator(".sample")).to_contain_text("Status 400")
    drawer(page).get_by_text("All failed rows").click()
    rows = drawer(page).get_by_role("table", name="Failed rows")
    expect(rows.get_by_role("row")).to_have_count(1 + 3)
    expect(rows).to_contain_text("=cmd()")
    expect(rows).not_to_contain_text(LONG)  # cut: the file has the whole
    assert page.locator("img").count() == 0


def test_files_of_failed_rows(house: House, tabs: Tabs, run: dict[str, Any]) -> None:
    """Download gives the failed rows as CSV, where nothing is a formula, and as JSON lines, where all is as it was."""
    page = imports(tabs, house, f"/imports?run={run['id']}", downloads=True)
    found = {}
    for word in ("CSV", "JSON lines"):
        drawer(page).get_by_role("button", name="Download").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=word).click()
        assert download.value.suggested_filename.startswith(f"people-{run['id']}.")
        found[word] = Path(download.value.path()).read_text("utf-8")
    assert "'=cmd()" in found["CSV"]
    values = [json.loads(line)["values"] for line in found["JSON lines"].splitlines()]
    assert sorted(one["email"] for one in values) == sorted([HOSTILE, "=cmd()", "nobody@example.com"])


def test_resend_to_chosen_destinations(house: House, tabs: Tabs, run: dict[str, Any]) -> None:
    """Resend asks where to, sends only there, and shows the run that does it."""
    page = imports(tabs, house, f"/imports?run={run['id']}")
    drawer(page).get_by_role("button", name="Resend failed").click()
    ask = page.get_by_role("dialog", name="Resend failed rows")
    expect(ask.get_by_role("checkbox", name=re.compile("crm"))).to_be_checked()
    ask.get_by_role("checkbox", name=re.compile("crm")).uncheck()
    ask.get_by_role("checkbox", name=re.compile("mixpanel")).uncheck()
    expect(ask.get_by_role("button", name="Resend")).to_be_disabled()
    ask.get_by_role("checkbox", name=re.compile("mixpanel")).check()
    ask.get_by_role("button", name="Resend").click()
    expect(drawer(page)).to_contain_text("Failed rows of another import, sent again")
    newest = house.get("/api/v1/runs?trigger=resend")["items"][0]
    assert list(newest["destinations"]) == ["mixpanel"]
    assert newest["id"] in page.url


def test_a_live_run_and_its_end(house: House, tabs: Tabs) -> None:
    """A run that somebody else starts appears by itself, moves, can be cancelled after a question, and is then shown as
    cancelled, once what was on its way is answered; nothing is reloaded."""
    page = imports(tabs, house, "/imports?sync=others")
    table = page.get_by_role("table", name="Imports")
    with held(house):
        run = house.post("/api/v1/syncs/others/run")
        row = table.get_by_role("row").filter(has=page.locator(f'a[href*="{run["id"]}"]'))
        expect(row.get_by_text("Delivering")).to_be_visible()
        expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "0")
        row.get_by_role("link").first.click()
        drawer(page).get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog", name="Cancel this import").get_by_role("button", name="Cancel import").click()
        expect(drawer(page).get_by_role("button", name="Stopping")).to_be_disabled()
    expect(drawer(page)).to_contain_text("Somebody stopped it")
    page.go_back()
    expect(row.get_by_text("Cancelled")).to_be_visible()


def test_filters_in_the_address(house: House, tabs: Tabs) -> None:
    """Filters narrow the list and stand in the address; where nothing is left, one button clears them."""
    page = imports(tabs, house)
    states = page.get_by_role("radiogroup", name="State")
    states.get_by_text("With errors").click()
    expect(page).to_have_url(re.compile("state=partial"))
    table = page.get_by_role("table", name="Imports")
    expect(table.get_by_text("Cancelled")).to_have_count(0)
    page.get_by_role("combobox", name="Sync").click()
    page.get_by_role("option", name="people").click()
    expect(page).to_have_url(re.compile("sync=people"))
    states.get_by_text("Failed").click()
    expect(page.get_by_text("No import is like that")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(page).to_have_url(re.compile("/imports$"))
    expect(table.get_by_role("row").nth(1)).to_be_visible()


def test_the_chart_without_a_mouse(house: House, tabs: Tabs) -> None:
    """The chart is one stop for the keyboard, arrows go from run to run, Enter opens one; a table says the same."""
    page = imports(tabs, house, "/imports?sync=people")
    chart = page.get_by_role("figure", name="Rows per import")
    bars = chart.get_by_role("link")
    assert [bar.get_attribute("tabindex") for bar in bars.all()].count("0") == 1
    expect(chart.get_by_role("row")).to_have_count(1 + bars.count())
    bars.last.focus()
    page.keyboard.press("Home")
    expect(bars.first).to_be_focused()
    page.keyboard.press("Enter")
    expect(drawer(page)).to_be_visible()


def test_without_the_right_to_look_at_rows(house: House, tabs: Tabs, run: dict[str, Any]) -> None:
    """Who may only view sees reasons and counts. Values are not asked for, and neither files nor actions offered."""
    page = tabs.open(house.service.url, house.session("viewer"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/imports?run={run['id']}&reason=mixpanel:http_400")
    expect(drawer(page).locator(".reasons")).to_contain_text("http_400")
    expect(drawer(page).locator(".reasons")).to_contain_text("missing_identifier")
    expect(drawer(page)).to_contain_text("Values of rows are for people who may look at data")
    for word in ("Resend failed", "Download", "Calls in Data In"):
        expect(drawer(page).get_by_text(word)).to_have_count(0)
    assert [url for url in asked if re.search(r"/failures(\?|\.)|/calls", url)] == []


def test_ten_thousand_runs(house: House, tabs: Tabs) -> None:
    """A long history loads by itself as one scrolls, and only what is near the window is drawn."""
    _copies(house, 10_000)
    page = imports(tabs, house, "/imports?state=skipped")
    box = page.get_by_role("region", name="Imports")
    for wanted in (200, 400, 600):
        until(lambda wanted=wanted: box.evaluate(_SCROLLED) >= wanted)
    assert page.get_by_role("table", name="Imports").get_by_role("row").count() < 150


# To the end of what is loaded; the number of the last row that is drawn.
_SCROLLED = """
box => {
  box.scrollTo(0, box.scrollHeight);
  return Number([...box.querySelectorAll("tr[aria-rowindex]")].at(-1)?.getAttribute("aria-rowindex") ?? 0);
}
"""


def _copies(house: House, number: int) -> None:
    """Skipped runs of the sync ``people``, older than all others, straight into the store."""
    store = house.service.log.parent / ".headrace" / "store.sqlite"
    with closing(sqlite3.connect(store, timeout=30)) as ledger, ledger:
        ledger.row_factory = sqlite3.Row
        (model,) = ledger.execute("SELECT * FROM runs WHERE sync = 'people' ORDER BY created_at LIMIT 1")
        keys = list(model.keys())
        marks = ", ".join(f":{key}" for key in keys)
        copies = (
            dict(model) | {"id": f"20200101-000000-{at:06}", "state": "skipped", "due": None,
                           "created_at": "2020-01-01 00:00:00.000000"}
            for at in range(number)
        )  # fmt: skip
        names = ", ".join(f'"{key}"' for key in keys)
        ledger.executemany(f"INSERT INTO runs ({names}) VALUES ({marks})", copies)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, LAPTOP])
def test_for_everybody(house: House, tabs: Tabs, run: dict[str, Any], theme: str, width: int, shoot: Any) -> None:
    """axe finds nothing on the list, in the drawer and in its question, in both themes; nothing is wider than the
    window."""
    page = imports(tabs, house, width=width, theme=theme)
    shoot(page, f"imports-{width}-{theme}")
    require_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"/imports?run={run['id']}&reason=mixpanel:http_400")
    expect(drawer(page).locator(".sample")).to_contain_text("Status 400")
    shoot(page, f"import-{width}-{theme}")
    require_accessible(page)
    drawer(page).get_by_role("button", name="Resend failed").click()
    expect(page.get_by_role("dialog", name="Resend failed rows")).to_be_visible()
    require_accessible(page)


def test_one_run_of_old(house: House, tabs: Tabs) -> None:
    """The link to a run that is not kept any more says so."""
    page = imports(tabs, house, "/imports?run=20000101-000000-aaaaaa")
    expect(drawer(page).get_by_role("alert")).to_contain_text("unknown_run")
