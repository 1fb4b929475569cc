"""A database behind SSH, connected and kept by the page alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from headrace.testing.postgres import PostgresServer
from headrace.testing.ssh import SshServer, sshd_binary
from tests.web.axe import require_accessible
from tests.web.browser import Tabs
from tests.web.connecting import REFUSED, Shoot, empty, opened
from tests.web.house import House, postgresql_shop

__all__ = ["empty"]  # a fixture


@pytest.fixture(scope="module")
def sshd() -> Iterator[SshServer]:
    """A real SSH server, which nobody may log in to at first."""
    if sshd_binary() is None:
        pytest.skip("no SSH server installed")
    with SshServer() as server:
        yield server


def filled_in(form: Locator, shop: dict[str, Any], sshd: SshServer) -> Locator:
    """What a database wants to know, with a wrong password and a wrong SSH port; returns the part of the tunnel."""
    form.get_by_role("textbox", name="Name", exact=True).fill("warehouse")
    form.get_by_role("textbox", name="Host").fill(shop["host"])
    expect(form.get_by_text("The required key 'host' is missing")).to_have_count(0)
    form.get_by_role("textbox", name="Port").fill(str(shop["port"]))
    form.get_by_role("textbox", name="Database").fill(shop["database"])
    form.get_by_role("textbox", name="User").fill(shop["user"])
    form.get_by_role("textbox", name="Password").fill("wrong")
    form.get_by_role("switch", name="SSH tunnel").check()
    tunnel = form.get_by_role("group", name="SSH tunnel")
    tunnel.get_by_role("textbox", name="Host", exact=True).fill(sshd.host)
    tunnel.get_by_role("textbox", name="Port").fill("1")
    tunnel.get_by_role("textbox", name="User").fill(sshd.user)
    return tunnel


def key_made(form: Locator, tunnel: Locator, sshd: SshServer) -> None:
    """Before the key works there is nothing to test, and the page says where to go on. The port is mended."""
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_text("the SSH key does not work yet")).to_be_visible()
    tunnel.get_by_role("button", name="Generate public key").click()
    tunnel.get_by_role("button", name="Show its fingerprint").click()
    expect(tunnel.get_by_role("alert")).to_contain_text(f"Nothing answers at {sshd.host}:1.")
    tunnel.get_by_role("textbox", name="Port").fill(str(sshd.port))
    tunnel.get_by_role("button", name="Save changes").click()


def server_trusted(tunnel: Locator, sshd: SshServer) -> None:
    """Another server's fingerprint is refused, and so is one that the eye does not know."""
    tunnel.get_by_role("button", name="Show its fingerprint").click()
    expect(tunnel.get_by_role("textbox", name="shown fingerprint")).to_have_value(sshd.fingerprint())
    tunnel.get_by_role("button", name="It is another").click()
    expect(tunnel.get_by_text("Nothing was trusted")).to_be_visible()
    expect(tunnel.get_by_role("button", name="Test login")).to_be_disabled()
    tunnel.get_by_role("button", name="Show its fingerprint").click()
    printed = tunnel.get_by_role("textbox", name="What the server prints")
    printed.fill("256 SHA256:uNiVztksCsDhcc0u9e8BrsvGTGE0T5CVPo6e9A0cEZE root@elsewhere (ED25519)")
    tunnel.get_by_role("button", name="Same: trust this server").click()
    expect(tunnel.get_by_role("alert")).to_contain_text("Nothing was changed")
    printed.fill(f"256 {sshd.fingerprint()} root@bastion (ED25519)")
    tunnel.get_by_role("button", name="Same: trust this server").click()


def line_installed(tunnel: Locator, shop: dict[str, Any], sshd: SshServer) -> None:
    """The login is refused before the line is installed, and works after."""
    tunnel.get_by_role("button", name="Test login").click()
    expect(tunnel.get_by_role("alert")).to_contain_text("refused the key of 'warehouse'")
    line = tunnel.get_by_role("region", name="public key").inner_text()
    assert f'permitopen="{shop["host"]}:{shop["port"]}" ssh-ed25519 ' in line
    sshd.install(line)
    tunnel.get_by_role("button", name="Test login").click()
    expect(tunnel.get_by_text("The SSH key is in use")).to_be_visible()


def test_a_database_behind_ssh_is_connected_by_the_page_alone(
    empty: House, tabs: Tabs, postgres: PostgresServer, sshd: SshServer, shoot: Shoot
) -> None:
    """From the directory to a working connection through a real SSH server, with the mistakes of a first time: a
    wrong SSH port, a line that is not installed yet, a fingerprint of another server, a wrong password; each is told
    where it is mended, and nothing is saved as connected before everything works."""
    tabs.expected.append(REFUSED)
    shop = postgresql_shop(postgres)
    page = opened(tabs, empty, "/integrations")
    page.get_by_role("searchbox", name="Search integrations").fill("postgres")
    page.get_by_role("link", name="PostgreSQL", exact=True).click()
    form = page.get_by_role("form", name="Connect PostgreSQL")

    form.get_by_role("button", name="Connect", exact=True).click()
    expect(form.get_by_text("A name begins with a-z")).to_be_visible()
    expect(form.get_by_text("The required key 'host' is missing")).to_be_visible()

    shoot(page, "connect-errors")
    tunnel = filled_in(form, shop, sshd)
    shoot(page, "connect-tunnel")
    key_made(form, tunnel, sshd)
    server_trusted(tunnel, sshd)
    require_accessible(page)
    line_installed(tunnel, shop, sshd)
    shoot(page, "connect-steps")

    # Now the database itself can be tried.
    form.get_by_role("button", name="Connect", exact=True).click()
    expect(form.get_by_text("refused the password").first).to_be_visible()
    shoot(page, "connect-wrong-password")
    require_accessible(page)
    form.get_by_role("textbox", name="Password").fill(shop["password"])
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_text("The connection works.")).to_be_visible()
    shoot(page, "connect-works")
    form.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", name="warehouse is connected")).to_be_visible()
    expect(page.get_by_role("link", name="Add your first sync")).to_have_attribute("href", "/new/sync?source=warehouse")
    shoot(page, "connected")

    assert empty.post("/api/v1/sources/warehouse/check")["ok"] is True
    assert "wrong" not in page.evaluate("JSON.stringify(localStorage)")


def tunnelled(house: House, name: str, source: dict[str, Any], sshd: SshServer) -> dict[str, Any]:
    """A source behind the SSH server whose first key works already. What the API tells of its keys."""
    ssh = {"host": sshd.host, "port": sshd.port, "user": sshd.user}
    house.post("/api/v1/sources", {"name": name, "definition": source | {"ssh_tunnel": ssh}})
    path = f"/api/v1/sources/{name}/ssh-key"
    made = house.post(f"{path}/new", {})
    sshd.install(made["pending"]["authorized_key"])
    house.post(f"{path}/trust", {"fingerprint": sshd.fingerprint()})
    kept: dict[str, Any] = house.post(f"{path}/save")
    return kept


def test_the_ssh_key_is_rotated_in_two_phases(
    empty: House, tabs: Tabs, postgres: PostgresServer, sshd: SshServer, shoot: Shoot
) -> None:
    """A new key is neither used nor saved before it works; until then the old one reaches the database. Saved, it is
    the only one; discarded, it never was."""
    tabs.expected.append(REFUSED)
    old = tunnelled(empty, "rotating", postgresql_shop(postgres), sshd)["active"]
    keys = "/api/v1/sources/rotating/ssh-key"
    page = opened(tabs, empty, "/integrations/rotating/settings")
    tunnel = page.get_by_role("region", name="SSH key")
    expect(tunnel.get_by_text(old["fingerprint"])).to_be_visible()
    tunnel.get_by_role("button", name="Generate public key").click()
    line = tunnel.get_by_role("region", name="public key", exact=True).inner_text()
    tunnel.get_by_role("button", name="Save new key").click()
    expect(tunnel.get_by_role("alert")).to_contain_text("refused the key")
    assert empty.get(keys)["active"] == old
    assert empty.post("/api/v1/sources/rotating/check")["ok"] is True

    sshd.install(old["authorized_key"], line)
    tunnel.get_by_role("button", name="Test login", exact=True).click()
    expect(tunnel.get_by_text("The new key works")).to_be_visible()
    assert empty.get(keys)["active"] == old
    require_accessible(page)
    shoot(page, "rotate")
    tunnel.get_by_role("button", name="Save new key").click()
    expect(tunnel.get_by_text(old["fingerprint"])).to_have_count(0)
    new = empty.get(keys)["active"]
    assert (new["authorized_key"], new["fingerprint"] != old["fingerprint"]) == (line, True)
    sshd.install(line)
    tunnel.get_by_role("button", name="Test login with the key in use").click()
    expect(tunnel.get_by_text("The login works")).to_be_visible()

    tunnel.get_by_role("button", name="Generate public key").click()
    tunnel.get_by_role("button", name="Discard new key").click()
    expect(tunnel.get_by_role("button", name="Generate public key")).to_be_visible()
    assert empty.get(keys)["pending"] is None
