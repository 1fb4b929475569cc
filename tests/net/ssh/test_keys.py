"""Keys to log in with: made, tried, saved and replaced, and never shown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from headrace.errors import HeadraceError
from headrace.model import Secret
from headrace.net.ssh_keys import KeyKind, KeyPair, SshKeys
from tests.net.ssh.site import MemoryKeep, Site

RECORD = "source/shop"


async def test_rotation(site: Site) -> None:
    """A new key is refused before it is installed, the old one serves until then, and is gone afterwards."""
    old = await site.ready()
    new = await site.keys.new()
    assert (await site.refusal(site.save()))[0] == "ssh_login"
    async with site.opened():
        assert await site.keys.active() == old

    site.server.install(old.public, new.public)
    async with site.opened():
        assert new.fingerprint not in "".join(_accepted(site))

    assert await site.save() == new
    assert await site.keys.pending() is None
    assert old.private not in site.keep.held.values()
    site.server.install(new.public)
    logins = len(_accepted(site))
    async with site.opened():
        assert new.fingerprint in _accepted(site)[-1]
        assert len(_accepted(site)) > logins


def _accepted(site: Site) -> list[str]:
    """The server's lines about logins that were completed."""
    return [line for line in site.server.log.splitlines() if "Accepted publickey" in line]


async def test_save_needs_the_way_to_the_database(site: Site) -> None:
    """A login that works is not enough: the key has to reach the database too."""
    await site.trust()
    key = await site.keys.new()
    site.server.install(key.authorized_key(site.host, 1))
    assert (await site.refusal(site.save()))[0] == "ssh_forward"
    assert await site.keys.active() is None
    assert await site.keys.pending() == key


async def test_new_keeps_a_pending_key() -> None:
    """A second new key replaces the first only where that is meant."""
    keys = SshKeys(MemoryKeep(), "shop")
    first = await keys.new()
    with pytest.raises(HeadraceError, match="headrace ssh-key discard shop"):
        await keys.new()
    assert await keys.pending() == first
    second = await keys.new(replace=True)
    assert await keys.pending() == second != first


async def test_discard() -> None:
    """Discarding drops the pending key and leaves the active one."""
    keys = SshKeys(MemoryKeep(), "shop")
    await keys.new()
    active = await keys.save(_works)
    await keys.new()
    assert await keys.discard()
    assert not await keys.discard()
    assert (await keys.active(), await keys.pending()) == (active, None)


async def test_nothing_to_save() -> None:
    """Without a pending key, saving says how to make one."""
    keys = SshKeys(MemoryKeep(), "shop")
    with pytest.raises(HeadraceError, match="headrace ssh-key new shop"):
        await keys.save(_works)
    await keys.new()
    await keys.save(_works)
    with pytest.raises(HeadraceError, match="headrace ssh-key new shop"):
        await keys.save(_works)


class Killed(BaseException):
    """The process ended here."""


class DyingKeep(MemoryKeep):
    """Ends in the middle of a save, once."""

    async def delete(self, record: str, slot: str) -> None:
        self.delete = super().delete  # type: ignore[method-assign]  # once only
        raise Killed


async def test_killed_between_the_steps_of_a_save() -> None:
    """Half a save has saved: the key is active, nothing is pending, and both saving and making a key go on."""
    for again in ("save", "new", "discard"):
        keys = SshKeys(DyingKeep(), "shop")
        key = await keys.new()
        with pytest.raises(Killed):
            await keys.save(_works)
        assert (await keys.active(), await keys.pending()) == (key, None)
        if again == "save":
            assert await keys.save(_fails) == key
        elif again == "new":
            assert await keys.new() != key
        else:
            assert not await keys.discard()
        assert await keys.active() == key


async def test_replaced_while_it_is_tried() -> None:
    """What was tried is what is saved: a key that came in between is not."""
    keys = SshKeys(MemoryKeep(), "shop")
    await keys.new()

    async def meanwhile(key: KeyPair) -> None:
        await keys.new(replace=True)

    with pytest.raises(HeadraceError, match="was replaced while it was tried"):
        await keys.save(meanwhile)
    assert await keys.active() is None


async def _works(key: KeyPair) -> None:
    """A connection that works."""


async def _fails(key: KeyPair) -> None:
    raise AssertionError("nothing is to be tried")


@pytest.mark.parametrize(("kind", "begins"), [("ed25519", "ssh-ed25519 AAAA"), ("rsa", "ssh-rsa AAAA")])
def test_what_is_made(kind: KeyKind, begins: str, tmp_path: Path) -> None:
    """OpenSSH reads the key: its kind, its size, its comment, its fingerprint. Nothing prints the private half."""
    pair = KeyPair.make(kind, "headrace-shop")
    assert pair.public.startswith(begins)
    file = tmp_path / "key.pub"
    file.write_text(pair.public)
    told = subprocess.run(["ssh-keygen", "-lf", file], capture_output=True, text=True, check=True).stdout
    size = 4096 if kind == "rsa" else 256
    assert told == f"{size} {pair.fingerprint} headrace-shop ({kind.upper()})\n"
    body = pair.private.reveal().splitlines()[1]
    assert body not in f"{pair!r} {pair} {pair.private!r}"
    assert KeyPair.of(pair.private) == pair


def test_line_for_authorized_keys() -> None:
    """The line limits the key to the one forward; an IPv6 address stands in brackets."""
    pair = KeyPair.make("ed25519", "headrace-shop")
    assert pair.authorized_key("db.internal", 5432) == (
        f'restrict,port-forwarding,permitopen="db.internal:5432" {pair.public}'
    )
    assert 'permitopen="[fd00::1]:5432"' in pair.authorized_key("fd00::1", 5432)


async def test_damaged_key_says_so_without_showing_it() -> None:
    """What is kept and is no key is not shown in the error."""
    keep = MemoryKeep()
    keep.held[RECORD, "ssh_key"] = Secret(
        "-----BEGIN OPENSSH PRIVATE KEY-----\nhush\n-----END OPENSSH PRIVATE KEY-----"
    )
    with pytest.raises(HeadraceError, match="headrace ssh-key new") as caught:
        await SshKeys(keep, "shop").active()
    assert "hush" not in str(caught.value)
