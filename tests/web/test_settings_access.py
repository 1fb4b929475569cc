"""The settings in the page that say who gets in: people, one's account, tokens, keys, secrets."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.serve.processes import until
from tests.web.admin import drawer, inbox, joined, office, opened, row, status_of
from tests.web.browser import Tabs
from tests.web.house import PASSWORD, House

__all__ = ["inbox", "office"]  # fixtures


def test_inviting_somebody_who_joins(office: House, tabs: Tabs) -> None:
    """An invitation is a link that is shown once; whoever opens it in another browser sets a password and is in, with
    the role that was given, and stands in the list."""
    page = opened(office, tabs, "people")
    page.get_by_role("link", name="Invite").click()
    form = drawer(page, "Invite somebody")
    form.get_by_role("button", name="Make the invitation").click()
    expect(form.get_by_role("textbox", name="E-mail")).to_have_attribute("aria-invalid", "true")
    form.get_by_role("textbox", name="E-mail").fill("nora@example.com")
    form.get_by_role("textbox", name="Name").fill("Nora")
    form.get_by_role("radio", name=re.compile("^Operator")).check()
    form.get_by_role("button", name="Make the invitation").click()
    link = form.get_by_label("invitation link", exact=True).input_value()
    assert re.fullmatch(re.escape(office.service.url) + r"/join#\S+", link)
    expect(row(page, "People", "nora@example.com")).to_contain_text("Invited")
    page.reload()
    expect(drawer(page, "Invite somebody").get_by_role("textbox", name="E-mail")).to_be_visible()
    assert link.partition("#")[2] not in page.content()

    other = tabs.open(office.service.url)
    other.goto(link)
    other.get_by_role("textbox", name="Password").fill(PASSWORD)
    other.get_by_role("button", name="Join").click()
    other.get_by_role("button", name="Account: Nora").click()
    expect(other.get_by_text("nora@example.com · operator")).to_be_visible()
    page.goto("/settings/people")
    expect(row(page, "People", "nora@example.com")).to_contain_text("Active")
    page.goto("/settings/people?invite=1")
    form.get_by_role("textbox", name="E-mail").fill("nora@example.com")
    form.get_by_role("textbox", name="Name").fill("Nora again")
    form.get_by_role("button", name="Make the invitation").click()
    expect(form.get_by_text("There is a user 'nora@example.com' already")).to_be_visible()


def test_changing_what_somebody_may(office: House, tabs: Tabs) -> None:
    """Role, right to look at rows and disabling are saved as chosen; a disabled person is out at once."""
    cookie = joined(office, "walter")
    page = opened(office, tabs, "people")
    page.get_by_role("link", name="Walter").click()
    sheet = drawer(page, "Person")
    sheet.get_by_role("radio", name=re.compile("^Editor")).check()
    sheet.get_by_role("switch", name=re.compile("^May look")).check(force=True)
    sheet.get_by_role("button", name="Save").click()
    expect(row(page, "People", "walter@")).to_contain_text("Editor")
    me = office.service.ask("GET", "/api/v1/session", Cookie=cookie)[1]
    assert (me["role"], me["preview"]) == ("editor", True)
    sheet.get_by_role("switch", name=re.compile("^Disabled")).check(force=True)
    sheet.get_by_role("button", name="Save").click()
    expect(row(page, "People", "walter@")).to_contain_text("Disabled")
    assert status_of(office, "GET", "/api/v1/session", Cookie=cookie) == 401
    page.go_back()
    expect(sheet).to_have_count(0)


def test_the_last_owner_stays(office: House, tabs: Tabs) -> None:
    """The last owner can be neither demoted nor deleted: the API says so, where it was tried."""
    page = opened(office, tabs, "people")
    page.get_by_role("link", name="Olga Owner").click()
    sheet = drawer(page, "Person")
    sheet.get_by_role("radio", name=re.compile("^Viewer")).check()
    sheet.get_by_role("button", name="Save").click()
    expect(sheet.get_by_role("alert")).to_contain_text("last owner")
    sheet.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name=re.compile("^Delete Olga"))
    dialog.get_by_role("textbox").fill("owner@example.com")
    dialog.get_by_role("button", name="Delete person").click()
    expect(dialog.get_by_role("alert")).to_contain_text("last owner")


def test_sending_somebody_away(office: House, tabs: Tabs) -> None:
    """An owner ends all sessions of somebody, lets them in anew by another invitation, and deletes them once the
    address was typed."""
    cookie = joined(office, "gone")
    page = opened(office, tabs, "people")
    page.get_by_role("link", name="Gone").click()
    sheet = drawer(page, "Person")
    sheet.get_by_role("button", name="End all sessions").click()
    page.get_by_role("dialog", name=re.compile("^End all")).get_by_role("button", name="End all sessions").click()
    expect(page.get_by_text("Gone is signed out everywhere")).to_be_visible()
    assert status_of(office, "GET", "/api/v1/session", Cookie=cookie) == 401
    sheet.get_by_role("button", name="New invitation").click()
    expect(sheet.get_by_label("invitation link", exact=True)).to_have_value(re.compile("/join#"))
    sheet.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name=re.compile("^Delete Gone"))
    expect(dialog.get_by_role("button", name="Delete person")).to_be_disabled()
    dialog.get_by_role("textbox").fill("gone@example.com")
    dialog.get_by_role("button", name="Delete person").click()
    expect(row(page, "People", "olga").or_(row(page, "People", "owner@")).first).to_be_visible()
    expect(row(page, "People", "gone@")).to_have_count(0)


def test_ones_own_password_and_sessions(office: House, tabs: Tabs) -> None:
    """A wrong or weak password is told at its field; a new one ends all other sessions, and is the one that counts. A
    single session can be ended too."""
    cookie = joined(office, "petra")
    page = tabs.open(office.service.url, cookie)
    page.goto("/settings/account")
    current, new = (page.get_by_role("textbox", name=name) for name in ("Current password", "New password"))
    change = page.get_by_role("button", name="Change password")
    current.fill("not mine at all")
    new.fill("another good long one")
    change.click()
    expect(page.get_by_text("The current password is another")).to_be_visible()
    current.fill(PASSWORD)
    new.fill("short")
    change.click()
    expect(page.get_by_text("too easy to guess")).to_be_visible()

    phone, desk = signed_in(office, "petra", PASSWORD), signed_in(office, "petra", PASSWORD)
    page.reload()
    expect(page.get_by_role("row").filter(has_text="This browser")).to_have_count(1)
    page.get_by_role("button", name=re.compile("^End session")).first.click()
    expect(page.get_by_role("button", name=re.compile("^End session"))).to_have_count(1)
    assert sorted(status_of(office, "GET", "/api/v1/session", Cookie=one) for one in (phone, desk)) == [200, 401]
    current.fill(PASSWORD)
    new.fill("another good long one")
    change.click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^End session"))).to_have_count(0)
    signed_in(office, "petra", "another good long one")


def signed_in(house: House, name: str, password: str) -> str:
    ours = {"Origin": house.service.url, "Sec-Fetch-Site": "same-origin"}
    given = {"email": f"{name}@example.com", "password": password}
    status, content, headers = house.service.ask("POST", "/api/v1/session", given, **ours)
    assert status == 200, content
    return headers["set-cookie"].partition(";")[0]


def test_tokens(office: House, tabs: Tabs) -> None:
    """A token is shown once, may what it was given and no more, tells when it was used last, and is refused as soon as
    it is revoked."""
    page = opened(office, tabs, "tokens")
    page.get_by_role("link", name="Make a token").click()
    form = drawer(page, "Make a token")
    form.get_by_role("textbox", name="Name").fill("deploy")
    form.get_by_role("checkbox", name="view", exact=True).check()
    form.get_by_role("button", name="Make the token").click()
    text = form.get_by_label("token", exact=True).input_value()
    bearer = {"Authorization": f"Bearer {text}"}
    assert status_of(office, "GET", "/api/v1/syncs", **bearer) == 200
    assert status_of(office, "POST", "/api/v1/syncs/people/disable", **bearer) == 403
    page.reload()
    expect(drawer(page, "Make a token").get_by_role("textbox", name="Name")).to_be_visible()
    assert text not in page.content()
    page.goto("/settings/tokens?of=all")
    mine = row(page, "API tokens", "deploy")
    expect(mine).to_contain_text("Owner: view")
    expect(mine).to_contain_text("owner@example.com")
    expect(mine).not_to_contain_text("Never")
    mine.get_by_role("button", name="Revoke deploy").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke token").click()
    expect(page.get_by_text("No tokens yet").or_(page.get_by_role("table")).first).to_be_visible()
    expect(mine).to_have_count(0)
    assert status_of(office, "GET", "/api/v1/syncs", **bearer) == 401


def test_a_token_is_offered_what_its_maker_may(office: House, tabs: Tabs) -> None:
    """Nobody is offered a role or a right for a token that they do not have themselves."""
    page = opened(office, tabs, "tokens?new=token", "operator")
    form = drawer(page, "Make a token")
    expect(form.get_by_role("radio")).to_have_count(2)
    expect(form.get_by_role("checkbox")).to_have_count(3)
    expect(page.get_by_role("radio", name="Of everybody")).to_have_count(0)


def test_write_keys(office: House, tabs: Tabs) -> None:
    """A write key is shown once, and calls with it are taken until it is revoked."""
    page = opened(office, tabs, "write-keys")
    page.get_by_role("link", name="Make a write key").click()
    form = drawer(page, "Make a write key")
    form.get_by_role("textbox", name="Name").fill("production")
    form.get_by_role("button", name="Make the write key").click()
    text = form.get_by_label("write key", exact=True).input_value()
    assert accepted(office, text) == 200
    page.goto("/settings/write-keys")
    row(page, "Write keys", "production").get_by_role("button", name="Revoke production").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke key").click()
    expect(page.get_by_text("No write keys yet")).to_be_visible()
    assert until(lambda: accepted(office, text) == 401)


def accepted(house: House, key: str) -> int:
    call = {"userId": "u1", "writeKey": key}
    return house.service.ask("POST", "/v1/identify", call, Authorization=f"Bearer {key}")[0]


def test_secrets(office: House, tabs: Tabs) -> None:
    """A value is kept, replaced and deleted, and never shown; where the environment has the same name, that is told."""
    page = opened(office, tabs, "secrets")
    page.get_by_role("link", name="Keep a secret").click()
    form = drawer(page, "Keep a secret")
    form.get_by_role("textbox", name="Name").fill("not a name")
    form.get_by_role("textbox", name="Value").fill("hunter2")
    form.get_by_role("button", name="Keep it").click()
    expect(form.get_by_role("textbox", name="Name")).to_have_attribute("aria-invalid", "true")
    form.get_by_role("textbox", name="Name").fill("SLACK_URL")
    form.get_by_role("button", name="Keep it").click()
    expect(row(page, "Kept secrets", "${SLACK_URL}")).to_contain_text("Kept")
    expect(form).to_have_count(0)
    assert "hunter2" not in page.content()
    page.get_by_role("link", name="Keep a secret").click()
    form.get_by_role("textbox", name="Name").fill("IN_THE_ENVIRONMENT")
    form.get_by_role("textbox", name="Value").fill("other")
    form.get_by_role("button", name="Keep it").click()
    expect(row(page, "Kept secrets", "IN_THE_ENVIRONMENT")).to_contain_text("The environment goes first")
    page.get_by_role("link", name="Replace SLACK_URL").click()
    form.get_by_role("textbox", name="Value").fill("another")
    form.get_by_role("button", name="Keep it").click()
    expect(form).to_have_count(0)
    page.get_by_role("button", name="Delete SLACK_URL").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("SLACK_URL")
    dialog.get_by_role("button", name="Delete secret").click()
    expect(row(page, "Kept secrets", "SLACK_URL")).to_have_count(0)
