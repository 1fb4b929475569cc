"""Coming in and going out through the page: the first owner, signing in and out, invitations, and where one lands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from headrace.testing.http_server import RecordingServer
from headrace.testing.machine import free_port
from headrace.testing.oidc import OpenIdProvider
from tests.promise.project import write_config
from tests.serve.processes import Serving
from tests.web.browser import Tabs
from tests.web.house import OWNER, PASSWORD, ROLES, House


def sign_in(page: Page, email: str = OWNER, password: str = PASSWORD) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("textbox", name="Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def expect_overview(page: Page) -> None:
    expect(page).to_have_url(re.compile(r"^http://[^/]+/$"))
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def test_the_first_owner(fresh: House, tabs: Tabs) -> None:
    """Whoever opens an empty service is led to the set-up, where the printed code makes the owner, who is then inside.
    A wrong code is refused in the API's words, and loses nothing of what was typed."""
    page = tabs.open(fresh.service.url)
    page.goto("/syncs")
    expect(page).to_have_url(re.compile("/setup$"))
    given = {"One-time code": "aaaa-bbbb-cccc-dddd-eeee", "Your name": "Olga", "E-mail": OWNER}
    for label, text in given.items():
        page.get_by_label(label).fill(text)
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("alert")).to_contain_text("code")
    expect(page.get_by_label("Your name")).to_have_value("Olga")
    page.get_by_label("One-time code").fill(fresh.service.setup_code())
    page.get_by_role("button", name="Set up").click()
    expect_overview(page)
    page.reload()
    expect_overview(page)


def test_signing_in_and_out(house: House, tabs: Tabs) -> None:
    """A wrong password says so and lets one try again; the right one leads to the overview. After signing out the
    session is over, for the API too."""
    page = tabs.open(house.service.url)
    page.goto("/")
    expect(page).to_have_url(re.compile("/login$"))
    sign_in(page, password="not the password")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    sign_in(page)
    expect_overview(page)
    page.get_by_role("button", name="Account: Olga Owner").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/login"))
    assert page.context.cookies() == []
    page.goto("/syncs")
    expect(page).to_have_url(re.compile("/login"))


def test_a_deep_link_survives_the_sign_in(house: House, tabs: Tabs) -> None:
    """Who opens a link to a view and must sign in first lands in that view, with its filters."""
    page = tabs.open(house.service.url)
    page.goto("/imports?sync=people")
    sign_in(page)
    expect(page).to_have_url(re.compile(r"/imports\?sync=people$"))
    expect(page.get_by_role("heading", name="Imports", level=1)).to_be_visible()


@pytest.mark.parametrize(
    "back", ["//evil.example/x", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_link_to_the_sign_in_leads_nowhere_else(house: House, tabs: Tabs, back: str) -> None:
    """A link that somebody prepared brings nobody from our sign-in to another site."""
    page = tabs.open(house.service.url)
    page.goto(f"/login?back={back}")
    sign_in(page)
    expect_overview(page)


def test_an_invitation(house: House, tabs: Tabs) -> None:
    """The link of an invitation lets its person choose a password and come in; the code leaves the address bar at once,
    and works once."""
    asked = {"email": "ina@example.com", "name": "Ina", "role": "viewer"}
    link = house.post("/api/v1/users", asked)["link"]
    page = tabs.open(house.service.url)
    page.goto(link)
    expect(page).to_have_url(re.compile("/join$"))
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect_overview(page)
    second = tabs.open(house.service.url)
    second.goto(link)
    second.get_by_role("textbox", name="Password").fill(PASSWORD)
    second.get_by_role("button", name="Join").click()
    expect(second.get_by_role("alert")).to_be_visible()


@pytest.mark.parametrize("role", ROLES)
def test_everybody_comes_in(house: House, tabs: Tabs, role: str) -> None:
    """Each role sees the overview, and who they are."""
    page = tabs.open(house.service.url, house.session(role))
    page.goto("/")
    expect_overview(page)
    page.get_by_role("button", name="Account:").click()
    expect(page.get_by_text(f"{role}@example.com")).to_be_visible()


def test_a_session_that_ends_meanwhile(house: House, tabs: Tabs) -> None:
    """Who was signed out elsewhere is led to the sign-in, and from there back to where they were."""
    page = tabs.open(house.service.url, house.session("editor"))
    page.goto("/")
    expect_overview(page)
    page.get_by_role("link", name="Syncs").click()
    expect(page.get_by_role("heading", name="Syncs", level=1)).to_be_visible()
    page.context.clear_cookies()
    page.reload()
    expect(page).to_have_url(re.compile(r"/login\?back=%2Fsyncs$"))
    sign_in(page, "editor@example.com")
    expect(page).to_have_url(re.compile("/syncs$"))


@pytest.mark.parametrize("signed_in", [True, False], ids=["inside", "outside"])
def test_an_address_that_is_none(house: House, tabs: Tabs, signed_in: bool) -> None:
    """An address that leads nowhere says so inside, with a way on; outside one must sign in first."""
    page = tabs.open(house.service.url, house.session("viewer") if signed_in else "")
    page.goto("/no/such/page")
    if signed_in:
        expect(page.get_by_role("heading", name="There is no page at /no/such/page")).to_be_visible()
        page.get_by_role("link", name="Go to the overview").click()
        expect_overview(page)
    else:
        expect(page).to_have_url(re.compile(r"/login\?back=%2Fno%2Fsuch%2Fpage$"))


def test_by_openid_connect(tmp_path: Path, server: RecordingServer, tabs: Tabs) -> None:
    """The button leads to the provider and back: who is not invited reads why, and who is lands where they wanted to
    go. What stands in the address of the sign-in is never shown as if it were ours."""
    with OpenIdProvider() as provider:
        tabs.expected = [f"request to another host: {provider.issuer}/"]
        oidc = {"issuer": provider.issuer, "client_id": provider.client_id, "client_secret": "${OIDC_SECRET}"}
        here = f"127.0.0.1:{free_port()}"
        settings = {"public_url": f"http://{here}", "oidc": {**oidc, "label": "Sign in with Example"}}
        write_config(tmp_path, {"service": settings})
        with Serving(tmp_path, "--listen", here, env={"OIDC_SECRET": provider.client_secret}) as service:
            house = House(service, server)
            house.set_up()
            page = tabs.open(service.url)
            page.goto("/login?error=Call+0900+123")
            expect(page.get_by_role("alert")).to_contain_text("Begin again")
            expect(page.get_by_text("0900")).to_have_count(0)
            page.goto("/imports?sync=people")
            page.get_by_role("link", name="Sign in with Example").click()
            expect(page.get_by_role("alert")).to_have_text("You have not been invited. Ask an owner.")
            house.post("/api/v1/users", {"email": "ada@example.com", "name": "Ada"})
            page.goto("/imports?sync=people")
            page.get_by_role("link", name="Sign in with Example").click()
            expect(page).to_have_url(re.compile(r"/imports\?sync=people$"))
            expect(page.get_by_role("button", name="Account: Ada")).to_be_visible()
            page.context.close()
