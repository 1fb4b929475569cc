"""Commands on the SSH key of a source: ssh-key new, show, trust, test, save, discard."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from rich.text import Text

from headrace.app import App, opened
from headrace.cli import show
from headrace.cli.command import asking
from headrace.errors import HeadraceError, UsageError
from headrace.net.ssh_access import SshAccess
from headrace.net.ssh_host_key import HostKey
from headrace.net.ssh_keys import KeyKind


async def new_key(project: Path, source: str, kind: KeyKind, replace: bool, json_output: bool) -> int:
    """Make a pending key, and say where its public half goes."""
    async with opened(project, os.environ) as app:
        tunnelled = _tunnelled(app, source)
        key = await tunnelled.keys.new(kind, replace=replace)
        known = await tunnelled.host_key() is not None
        fact = await tunnelled.fact()
    if json_output:
        show.print_json(fact)
        return 0
    _say(f"Made a new key for {source!r}: {key.fingerprint}. No run uses it before it is saved.")
    _say(f"Add this line to ~{tunnelled.ssh['user']}/.ssh/authorized_keys on {tunnelled.ssh['host']}:")
    _say(f"\n{key.authorized_key(tunnelled.host, tunnelled.port)}\n")
    if not known:
        _say(f"Confirm the server's key with:  headrace ssh-key trust {source}")
    _say(f"Then try the new key and save it with:  headrace ssh-key save {source}")
    return 0


async def show_keys(project: Path, source: str, json_output: bool) -> int:
    """The public halves of what is kept for a source."""
    async with opened(project, os.environ) as app:
        tunnelled = _tunnelled(app, source)
        fact = await tunnelled.fact()
    if json_output:
        show.print_json(fact)
        return 0
    _say(f"SSH server: {tunnelled.ssh['user']}@{tunnelled.server}")
    trusted = fact["host_key"]
    _say(f"Its key: {trusted['fingerprint']}" if trusted else f"Its key: not known. headrace ssh-key trust {source}")
    for title, key in (("Key", fact["active"]), ("New key, not saved", fact["pending"])):
        if key:
            _say(f"{title}: {key['fingerprint']}\n{key['authorized_key']}")
    if not fact["active"] and not fact["pending"]:
        _say(f"There is no key yet. Make one with: headrace ssh-key new {source}")
    elif fact["pending"]:
        _say(f"Try the new key and save it with: headrace ssh-key save {source}")
    return 0


async def trust_server(project: Path, source: str, fingerprint: str | None, json_output: bool) -> int:
    """Pin the key of the SSH server, once somebody has compared it."""
    wanted = HostKey.parse(fingerprint) if fingerprint else None
    async with opened(project, os.environ) as app:
        tunnelled = _tunnelled(app, source)
        before = await tunnelled.host_key()
        public = await tunnelled.shown(wanted)
        shown = HostKey.parse(public)
        if wanted is None and not _confirmed(tunnelled, shown, before):
            raise HeadraceError(
                f"The key of {tunnelled.server} is not trusted. Nothing was changed.", code="ssh_host_key"
            )
        await tunnelled.trust(public, wanted)
        fact = await tunnelled.fact()
    if json_output:
        show.print_json(fact)
    else:
        _say(f"Connections to {tunnelled.server} accept the key {shown.fingerprint} and no other.")
    return 0


async def test_key(project: Path, source: str, pending: bool, json_output: bool) -> int:
    """Log in, and reach the database's port."""
    async with opened(project, os.environ) as app:
        tunnelled = _tunnelled(app, source)
        key = await tunnelled.test(pending=pending)
        fact = await tunnelled.fact()
    if json_output:
        show.print_json({"ok": True, **fact})
        return 0
    _say(f"All is well: {tunnelled.server} takes the key {key.fingerprint} and reaches {_database(tunnelled)}.")
    if pending:
        _say(f"Save it with: headrace ssh-key save {source}")
    return 0


async def save_key(project: Path, source: str, json_output: bool) -> int:
    """Try the pending key; if it works, runs use it from now on."""
    async with opened(project, os.environ) as app:
        tunnelled = _tunnelled(app, source)
        before = await tunnelled.keys.active()
        key = await tunnelled.keys.save(tunnelled.prove)
        fact = await tunnelled.fact()
    if json_output:
        show.print_json(fact)
        return 0
    _say(f"Tried and saved: {source!r} uses the key {key.fingerprint} from now on.")
    if before is not None and before != key:
        _say(f"The old key {before.fingerprint} is forgotten. Remove its line from authorized_keys.")
    return 0


async def discard_key(project: Path, source: str, json_output: bool) -> int:
    """Drop the pending key; the active one stays."""
    async with opened(project, os.environ) as app:
        tunnelled = _tunnelled(app, source)
        found = await tunnelled.keys.discard()
        fact = await tunnelled.fact()
    if json_output:
        show.print_json(fact)
    else:
        _say(f"The new key of {source!r} is dropped." if found else f"There was no new key of {source!r}.")
    return 0


async def forget_keys(project: Path, source: str, json_output: bool) -> int:
    """Drop all that is kept for a source's tunnel."""
    async with opened(project, os.environ) as app:
        tunnelled = _tunnelled(app, source)
        await tunnelled.keys.forget()
        fact = await tunnelled.fact()
    if json_output:
        show.print_json(fact)
    else:
        _say(f"The keys of {source!r}, and of its SSH server, are forgotten. Begin anew: headrace ssh-key new {source}")
    return 0


def _tunnelled(app: App, source: str) -> SshAccess:
    """Raises `UsageError` for a source that is not there, or is reached directly."""
    connection = app.project.sources.get(source)
    if connection is None:
        known = ", ".join(sorted(app.project.sources)) or "none"
        raise UsageError(f"There is no source {source!r}. The sources are: {known}.", code="unknown_source")
    return SshAccess.of(connection, app.ssh_keys(source), app.tunnels(source))


def _confirmed(tunnelled: SshAccess, shown: HostKey, before: HostKey | None) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(
            f"Nobody is here to confirm the key of {tunnelled.server}. "
            f"Give the fingerprint that the server itself shows: headrace ssh-key trust {tunnelled.source} "
            "--fingerprint SHA256:…",
            code="ssh_host_key",
        )
    if before is not None and before.fingerprint != shown.fingerprint:
        show.err.print(Text(f"Until now {before.fingerprint} was trusted: somebody may be in between!", "red"))
    show.err.print(Text(f"The SSH server {tunnelled.server} shows the key {shown.fingerprint} ({shown.algorithm})."))
    show.err.print(Text("On the server, compare it with: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"))
    with asking():
        return click.confirm("Is it the same?", err=True)


def _database(tunnelled: SshAccess) -> str:
    return f"{tunnelled.host}:{tunnelled.port}"


def _say(line: str) -> None:
    """A fact on standard output, without line breaks of our own: keys are copied from there."""
    show.out.print(Text(line), soft_wrap=True)
