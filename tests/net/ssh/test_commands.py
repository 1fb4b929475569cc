"""The commands on a source's SSH key, from the first key to the next one, against a real server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from headrace.cli import show, ssh_key
from headrace.errors import HeadraceError, UsageError
from headrace.model import Connection
from tests.net.ssh.site import Site

HERE = Path()


class Commands:
    """The commands, in a project whose source ``shop`` is behind the site's server, and ``near`` is not."""

    def __init__(self, site: Site, capture: pytest.CaptureFixture[str]) -> None:
        self.site, self._capture = site, capture

    @asynccontextmanager
    async def opened(self, base: Path, env: object) -> AsyncIterator[Any]:
        settings = {"host": self.site.host, "port": self.site.port}
        sources = {
            "shop": Connection("shop", "postgresql", settings | {"ssh_tunnel": self.site.settings}),
            "near": Connection("near", "postgresql", settings | {"ssh_tunnel": None}),
        }
        yield SimpleNamespace(
            project=SimpleNamespace(sources=sources),
            ssh_keys=lambda name: self.site.keys,
            tunnels=lambda name: self.site.tunnels,
        )

    async def say(self, command: Callable[..., Any], *args: Any) -> str:
        """What a command prints; there is no private key in it."""
        self._capture.readouterr()
        assert await command(HERE, "shop", *args, False) == 0
        said = self._capture.readouterr().out
        self.site.discreet(said)
        return said

    async def fact(self, command: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """What a command prints with ``--json``; there is no private key in it."""
        self._capture.readouterr()
        assert await command(HERE, "shop", *args, True) == 0
        said = self._capture.readouterr().out
        self.site.discreet(said)
        fact: dict[str, Any] = json.loads(said)
        return fact


@pytest.fixture
def commands(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    commands = Commands(site, capsys)
    monkeypatch.setattr(ssh_key, "opened", commands.opened)
    monkeypatch.setattr(show.out, "width", 40)
    return commands


async def test_from_the_first_key_to_the_next(commands: Commands) -> None:
    """new, trust, save; then new, save: each says what to do next, and the line to install stands on one line."""
    server = commands.site.server
    assert "headrace ssh-key new shop" in await commands.say(ssh_key.show_keys)
    said = await commands.say(ssh_key.new_key, "ed25519", False)
    assert "headrace ssh-key trust shop" in said
    (line,) = [line for line in said.splitlines() if line.startswith("restrict,")]
    server.install(line)
    await commands.say(ssh_key.trust_server, server.fingerprint())
    assert "headrace ssh-key save shop" in await commands.say(ssh_key.test_key, True)
    assert "from now on" in await commands.say(ssh_key.save_key)
    assert "All is well" in await commands.say(ssh_key.test_key, False)

    fact = await commands.fact(ssh_key.new_key, "rsa", False)
    server.install(line, fact["pending"]["authorized_key"])
    said = await commands.say(ssh_key.save_key)
    assert f"The old key {fact['active']['fingerprint']} is forgotten" in said
    assert (await commands.fact(ssh_key.show_keys))["active"] == fact["pending"]


async def test_facts(commands: Commands) -> None:
    """`--json` tells the server, the key it must show, and the public halves of both keys."""
    site = commands.site
    fact = await commands.fact(ssh_key.show_keys)
    server = {name: site.settings[name] for name in ("host", "port", "user")}
    assert fact == {"source": "shop", "server": server, "host_key": None, "active": None, "pending": None}
    key = await site.ready()
    fact = await commands.fact(ssh_key.test_key, False)
    assert fact["ok"] is True
    assert fact["host_key"] == {"fingerprint": site.server.fingerprint(), "algorithm": "ssh-ed25519"}
    line = key.authorized_key(site.host, site.port)
    assert fact["active"] == {"fingerprint": key.fingerprint, "public": key.public, "authorized_key": line}


async def test_discard(commands: Commands) -> None:
    """Discarding says whether there was something."""
    await commands.say(ssh_key.new_key, "ed25519", False)
    assert "is dropped" in await commands.say(ssh_key.discard_key)
    assert "There was no new key" in await commands.say(ssh_key.discard_key)


@pytest.mark.parametrize("same", [True, False])
async def test_trust_asks(commands: Commands, same: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal the fingerprint is shown and confirmed; without a yes nothing is kept."""
    site = commands.site
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(click, "confirm", lambda *args, **kwargs: same)
    if same:
        await commands.say(ssh_key.trust_server, None)
    else:
        with pytest.raises(HeadraceError, match="Nothing was changed"):
            await ssh_key.trust_server(HERE, "shop", None, False)
    assert (await site.keys.host_key(site.server.host, site.server.port) is not None) is same


async def test_trust_without_a_terminal(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script gives the fingerprint; it must be the server's."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    with pytest.raises(UsageError, match="--fingerprint"):
        await ssh_key.trust_server(HERE, "shop", None, False)
    with pytest.raises(HeadraceError, match=commands.site.server.fingerprint().replace("+", r"\+")):
        await ssh_key.trust_server(HERE, "shop", "SHA256:uNiVztksCsDhcc0u9e8BrsvGTGE0T5CVPo6e9A0cEZE", False)
    assert not commands.site.keep.held
    fact = await commands.fact(ssh_key.trust_server, commands.site.server.fingerprint("ssh-rsa"))
    assert fact["host_key"]["algorithm"] == "ssh-rsa"


async def test_trust_where_the_key_is_configured(commands: Commands) -> None:
    """`host_key` in the file is changed in the file."""
    commands.site.settings["host_key"] = commands.site.server.fingerprint()
    with pytest.raises(UsageError, match="`host_key` of `ssh_tunnel`"):
        await ssh_key.trust_server(HERE, "shop", None, False)


async def test_sources_without_a_tunnel(commands: Commands) -> None:
    """A source that is not there, or is reached directly, says what to configure."""
    with pytest.raises(UsageError, match="The sources are: near, shop"):
        await ssh_key.show_keys(HERE, "shops", False)
    with pytest.raises(UsageError, match=r"ssh_tunnel: \{host:"):
        await ssh_key.show_keys(HERE, "near", False)


@pytest.mark.parametrize("pending", [True, False])
async def test_nothing_to_try(commands: Commands, pending: bool) -> None:
    """Without a key there is nothing to test."""
    with pytest.raises(HeadraceError, match="headrace ssh-key new shop"):
        await ssh_key.test_key(HERE, "shop", pending, False)
