"""The editor of a sync: its details, its query on a real PostgreSQL, and what becomes of the rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from headrace.config.syncs import LIMIT_FIELDS, SYNC_FIELDS
from headrace.testing.http_server import RecordingServer
from headrace.testing.postgres import PostgresServer
from tests.promise.project import hook
from tests.serve.processes import until
from tests.web.browser import Tabs
from tests.web.house import House
from tests.web.office import (
    CHANGED,
    QUERY,
    choose,
    definition,
    editor,
    kept,
    opened,
    opened_office,
    query_of,
    row,
    run,
    write,
)

EVIL = "<img src=x onerror=\"document.title='owned'\">"
RIGHT_TO_LEFT = "\u202eeman"

Shoot = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def office(
    tmp_path_factory: pytest.TempPathFactory, server: RecordingServer, postgres: PostgresServer
) -> Iterator[House]:
    """The service that the tests of this module share."""
    with opened_office(tmp_path_factory.mktemp("office"), server, postgres) as house:
        yield house


# ------------------------------------------------------------------------------------------------------ a new sync


def test_from_details_to_delivered_rows(office: House, tabs: Tabs, shoot: Shoot) -> None:
    """A sync is made in two steps, with a mistake told at its field; Enable says that everything is sent first, and
    then it is."""
    page = opened(office, tabs, "/new/sync?source=shop")
    page.get_by_role("textbox", name="Name").fill("My People")
    page.get_by_role("button", name="Next: Define query").first.click()
    expect(page.get_by_role("textbox", name="Name")).to_have_accessible_description(
        re.compile("A name begins with a-z")
    )
    expect(page.get_by_text("The list is empty.")).to_be_visible()
    page.get_by_role("textbox", name="Name").fill("mine")
    page.get_by_role("checkbox", name="crm").check()
    page.get_by_role("button", name="Next: Define query").first.click()
    write(page, CHANGED)
    run(page)
    expect(page.get_by_text("The first 100 rows")).to_be_visible()
    shoot(page, "sync-editor")
    page.get_by_role("button", name="Enable").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Everything is sent first")
    expect(dialog).to_contain_text("at once")
    office.server.requests.clear()
    dialog.get_by_role("button", name="Enable").click()
    expect(page).to_have_url(f"{office.service.url}/syncs/mine")
    until(lambda: office.get("/api/v1/runs?sync=mine")["items"][0]["ended_at"])
    assert office.get("/api/v1/runs?sync=mine")["items"][0]["destinations"]["crm"]["delivered"] == 139
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.includes('draft'))") == []
    office.post("/api/v1/syncs/mine/disable")


def test_saved_without_enabling(office: House, tabs: Tabs) -> None:
    """A new sync may be saved only: nothing runs until it is enabled."""
    page = opened(office, tabs, "/new/sync?step=query&source=shop")
    write(page, QUERY)
    page.get_by_role("link", name="1. Details").click()
    page.get_by_role("textbox", name="Name").fill("resting")
    page.get_by_role("checkbox", name="box").check()
    page.keyboard.press("Control+S")
    expect(page.get_by_role("heading", name="resting")).to_be_visible()
    assert office.get("/api/v1/syncs/resting")["enabled"] is False
    page.get_by_role("button", name="Enable", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Every run sends everything")


def test_a_name_that_is_taken(office: House, tabs: Tabs) -> None:
    """What the service refuses stands at the field that it is about."""
    page = opened(office, tabs, "/new/sync?step=query")
    write(page, QUERY)
    page.get_by_role("link", name="1. Details").click()
    page.get_by_role("textbox", name="Name").fill("orders")
    page.get_by_role("checkbox", name="crm").check()
    page.keyboard.press("Control+S")
    expect(page.get_by_text("There is a sync 'orders' already")).to_be_visible()


def test_every_frequency(office: House, tabs: Tabs) -> None:
    """Each kind of schedule has its fields, and the service says what it means or what is wrong with it."""
    page = opened(office, tabs, "/new/sync?source=shop")
    every = page.get_by_role("textbox", name="Every", exact=True)
    every.fill("45")
    expect(page.get_by_text("Runs every 45 minutes. Next:")).to_be_visible()
    every.fill("0")
    expect(page.get_by_text("Runs every 45")).to_be_hidden()
    choose(page, "Frequency", "Every day at a time")
    page.get_by_label("Time", exact=True).fill("07:30")
    choose(page, "Time zone", "Europe/Warsaw", typed="Warsaw")
    expect(page.get_by_text("at 07:30 every day (Europe/Warsaw)")).to_be_visible()
    choose(page, "Frequency", "By a cron line")
    page.get_by_role("textbox", name="Cron line").fill("0 6 * * 9")
    expect(page.locator(".schedule-help.bad")).to_be_visible()
    choose(page, "Frequency", "After another sync")
    choose(page, "Sync", "orders")
    expect(page.get_by_text("Start", exact=True)).to_be_hidden()
    choose(page, "Frequency", "Only by hand")
    expect(page.get_by_text("It runs when somebody says so")).to_be_visible()


def test_a_start_on_a_date(office: House, tabs: Tabs) -> None:
    """A first moment is given in the viewer's time, and kept in UTC."""
    name = kept(office, "later", schedule="every 15 minutes")
    page = opened(office, tabs, f"/syncs/{name}?tab=settings")
    page.get_by_text("On a date").click()
    page.get_by_label("Start date").fill("2031-05-06T07:08")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Sync later is saved.")).to_be_visible()
    assert definition(office, name)["start"] == "2031-05-06T07:08:00.000Z"


def test_every_setting_has_its_field(office: House, tabs: Tabs) -> None:
    """Whatever a sync in a file can say, the page can say: no key is forgotten, and defaults are the service's."""
    page = opened(office, tabs, "/new/sync?source=shop")
    page.get_by_text("More", exact=True).click()
    elsewhere = {"query", "query_file", "enabled", "limits", "schedule", "start", "call", "destinations", "source"}
    for field in SYNC_FIELDS:
        if field.name in elsewhere:
            continue
        label = field.name.replace("_", " ").capitalize()
        named = page.get_by_label(re.compile(f"^{label}")).or_(page.get_by_role("group", name=label))
        expect(named.first).to_be_visible()
        if field.kind == "choice":
            expect(page.get_by_role("combobox", name=label)).to_have_attribute("placeholder", str(field.default))
    shown = page.get_by_role("group", name="Limits of the result").get_by_role("textbox")
    placeholders = [box.get_attribute("placeholder") for box in shown.all()]
    assert placeholders == [f"{field.default:,}" for field in LIMIT_FIELDS]


# ----------------------------------------------------------------------------------------------------- Run Query


def test_rows_beside_their_calls(office: House, tabs: Tabs) -> None:
    """Each row stands beside its call; one that becomes none says why, and can be looked at alone."""
    page = opened(office, tabs, f"/syncs/{kept(office, 'beside')}?tab=query")
    run(page)
    table = page.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(101)
    expect(table.get_by_role("row").nth(1)).to_contain_text('"userId": "u1"')
    page.get_by_role("button", name="1 invalid").click()
    expect(table.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("region", name="Row 2", exact=True)).to_contain_text("missing_identifier")
    page.get_by_text("Calls", exact=True).click()
    expect(page.get_by_role("columnheader", name="email")).to_be_hidden()
    assert "view=calls" in page.url


def test_the_exact_request(office: House, tabs: Tabs) -> None:
    """Per destination stands the request as it would go: secrets left out, and no digit of a number lost."""
    query = "SELECT 'u1' AS \"userId\", 9007199254740993 AS big"
    page = opened(office, tabs, f"/syncs/{kept(office, 'exact', query=query, destinations=['crm', 'box'])}?tab=query")
    run(page)
    inspector = page.get_by_role("region", name="Row 1", exact=True)
    crm = inspector.get_by_role("group").filter(has_text="To crm")
    expect(crm).to_contain_text(f"POST {hook(office.server)['url']}")
    expect(crm).to_contain_text('"big": 9007199254740993')
    expect(inspector.get_by_role("group").filter(has_text="To box")).to_contain_text("not over HTTP")


def test_another_type_of_call_asks_no_database(office: House, tabs: Tabs) -> None:
    """The rows that are there become other calls at once: the query is run once."""
    name = kept(office, "remap", query="SELECT 'u1' AS \"userId\", 'Ordered' AS event")
    page = opened(office, tabs, f"/syncs/{name}?tab=query")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    run(page)
    expect(page.get_by_role("region", name="Row 1", exact=True)).to_contain_text('"traits"')
    choose(page, "Type of call", "track")
    expect(page.get_by_role("columnheader", name="track call")).to_be_visible()
    expect(page.get_by_role("region", name="Row 1", exact=True)).to_contain_text('"properties"')
    assert [url.rpartition("/")[2] for url in asked] == ["previews", "map"]


def test_the_value_of_last_sync_time(office: House, tabs: Tabs) -> None:
    """A preview runs with 0, unless another moment is chosen; the choice stands in the address."""
    page = opened(office, tabs, f"/syncs/{kept(office, 'since', query=CHANGED)}?tab=query")
    run(page)
    expect(page.get_by_text("The first 100 rows")).to_be_visible()
    choose(page, "Value of last_sync_time in the preview", "A date")
    page.get_by_label("Date of last_sync_time in the preview").fill("2026-01-01T02:15")
    expect(page.get_by_text("Not of this query")).to_be_visible()
    run(page)
    expect(page.get_by_text("5 rows")).to_be_visible()
    assert "from=1767233700" in page.url


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("SELECT 1 AS \"userId\",\n  '😀', nope\nFROM app.users", "nope"),
        ('SELECT {{last_sync_time}} AS "userId", nope FROM app.users', "nope"),
        ('SELECT 1 AS "userId"\nWHERE 1 > {{last_sync_tim}}', "{{last_sync_tim}}"),
        ("SELEC 1", "SELEC"),
    ],
    ids=["behind an emoji", "behind the variable", "a wrong variable", "the first word"],
)  # fmt: skip
def test_an_error_stands_at_its_place(office: House, tabs: Tabs, query: str, wrong: str) -> None:
    """What the database or the service does not take is underlined in the user's own text."""
    page = opened(office, tabs, "/new/sync?step=query")
    page.get_by_role("link", name="1. Details").click()
    page.get_by_role("checkbox", name="crm").check()
    page.get_by_role("link", name="2. Query").click()
    write(page, query)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(editor(page).locator(".cm-lintRange-error").first).to_be_visible()
    assert "".join(editor(page).locator(".cm-lintRange-error").all_inner_texts()) == wrong


def test_hostile_rows_are_text(office: House, tabs: Tabs) -> None:
    """Values and names of columns are only ever text, in the table, the call and the request."""
    long = "x" * 10_000
    values = [EVIL, RIGHT_TO_LEFT, "=cmd()", "😀", long]
    columns = ", ".join(f"'{value.replace(chr(39), chr(39) * 2)}' AS \"c{at}\"" for at, value in enumerate(values))
    name = EVIL[:50].replace('"', '""')
    page = opened(office, tabs, f"/syncs/{kept(office, 'evil')}?tab=query")
    write(page, f'SELECT \'u1\' AS "userId", 1 AS "{name}", {columns}')
    run(page)
    cells = page.get_by_role("table").get_by_role("row").nth(1).get_by_role("cell")
    expect(cells.filter(has_text="onerror").first).to_have_text(EVIL)
    expect(page.get_by_role("columnheader").filter(has_text="onerror")).to_be_visible()
    expect(page.get_by_role("region", name="Row 1", exact=True)).to_contain_text(long)
    assert page.locator("table img, .inspect img").count() == 0
    assert page.title() == "evil · Headrace"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_wide_result(office: House, tabs: Tabs) -> None:
    """Of very many columns the first are shown at once, and all when asked for."""
    columns = ", ".join(f"{number} AS c{number}" for number in range(200))
    page = opened(office, tabs, f"/syncs/{kept(office, 'wide', query=f'SELECT 1 AS id, {columns}')}?tab=query")
    run(page)
    expect(page.get_by_role("columnheader", name="c199")).to_have_count(0)
    page.get_by_role("button", name="Show all 201").click()
    expect(page.get_by_role("columnheader", name="c199")).to_have_count(1)


# ---------------------------------------------------------------------------------------------------- the editor


def test_completion_knows_the_database(office: House, tabs: Tabs) -> None:
    """The editor offers the tables and columns of the source, and the variable after two braces."""
    page = opened(office, tabs, "/new/sync?step=query&source=shop")
    expect(page.get_by_text("postgresql", exact=True)).to_be_visible()
    write(page, "SELECT u. FROM app.users AS u")
    for _ in " FROM app.users AS u":
        page.keyboard.press("ArrowLeft")
    page.keyboard.type("updat")
    page.get_by_role("option", name="updated_at").click()
    assert query_of(page) == "SELECT u.updated_at FROM app.users AS u"
    page.keyboard.press("End")
    page.keyboard.type(" WHERE 1 > {{la")
    page.get_by_role("option", name="{{last_sync_time}}").click()
    assert query_of(page).endswith("WHERE 1 > {{last_sync_time}}")


def test_the_variable_is_one_thing(office: House, tabs: Tabs) -> None:
    """`{{last_sync_time}}` is a chip: a button puts it in, and one Backspace takes it out."""
    page = opened(office, tabs, "/new/sync?step=query&source=shop")
    write(page, "SELECT ")
    page.get_by_role("button", name="Insert last_sync_time").click()
    expect(editor(page).locator(".cm-variable")).to_have_text("{{last_sync_time}}")
    page.keyboard.press("Backspace")
    assert query_of(page).strip() == "SELECT"


def test_formatting_leaves_the_variable_alone(office: House, tabs: Tabs) -> None:
    """Format changes blanks alone: variables, quotes and comments stay as they are, and one undo brings all back."""
    query = (
        "select id as \"userId\", '{{ last_sync_time }}  a' x from t -- {{last_sync_time}}\n"
        "where a>{{last_sync_time}} and b=1"
    )
    page = opened(office, tabs, "/new/sync?step=query&source=shop")
    write(page, query)
    page.get_by_role("button", name="Format the query").click()
    expect(editor(page).locator(".cm-line")).not_to_have_count(2)
    made = query_of(page)
    assert "".join(made.split()) == "".join(query.split())
    assert "'{{ last_sync_time }}  a'" in made
    assert made.count("{{last_sync_time}}") == 2
    editor(page).click()
    page.keyboard.press("Control+Z")
    assert query_of(page) == query


def test_the_keyboard_is_enough(office: House, tabs: Tabs) -> None:
    """Tab leaves the editor; the bar between query and rows moves by arrows, as does the row that is looked at."""
    page = opened(office, tabs, f"/syncs/{kept(office, 'keys')}?tab=query")
    editor(page).focus()
    page.keyboard.press("Control+Enter")
    expect(row(page, 1)).to_be_visible()
    page.keyboard.press("Tab")
    bar = page.get_by_role("separator", name="Height of the query")
    expect(bar).to_be_focused()
    before = int(bar.get_attribute("aria-valuenow") or 0)
    page.keyboard.press("ArrowUp")
    expect(bar).to_have_attribute("aria-valuenow", str(before - 5))
    row(page, 1).focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Row 2, invalid")).to_be_focused()
    expect(page.get_by_role("region", name="Row 2", exact=True)).to_be_visible()
    editor(page).focus()
    page.keyboard.press("Control+End")
    page.keyboard.type(" -- mine")
    page.keyboard.press("Control+S")
    expect(page.get_by_text("Sync keys is saved.")).to_be_visible()
    assert definition(office, "keys")["query"].endswith("-- mine")


def test_full_height(office: House, tabs: Tabs) -> None:
    """The rows can have the whole height; Back gives the query its place again."""
    page = opened(office, tabs, f"/syncs/{kept(office, 'tall')}?tab=query")
    page.get_by_role("button", name="Full height").click()
    expect(editor(page)).to_be_hidden()
    page.go_back()
    expect(editor(page)).to_be_visible()
