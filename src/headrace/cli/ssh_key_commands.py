"""The commands `headrace ssh-key …`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click

from headrace.cli.command import as_json, run_async


def of_source(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every command of a key takes: the source, and ``--json``."""
    return click.argument("source")(as_json(click.pass_obj(command)))


@click.group("ssh-key")
def ssh_key() -> None:
    """The SSH key of a source with an `ssh_tunnel`.

    A new key is pending until it is saved, and saved only when a connection with it works; until then runs go on with
    the old one. Private keys are kept encrypted, and no command shows them.
    """


@ssh_key.command()
@click.option(
    "--type", "kind", type=click.Choice(["ed25519", "rsa"]), default="ed25519", show_default=True,
    help="rsa (4096 bits) is for old servers.",
)  # fmt: skip
@click.option("--replace", is_flag=True, help="Replace a new key that is not saved yet.")
@of_source
def new(project: Path, source: str, kind: Literal["ed25519", "rsa"], replace: bool, json_output: bool) -> None:
    """Make a key, and print what to install on the SSH server."""
    from headrace.cli.ssh_key import new_key

    sys.exit(run_async(new_key(project, source, kind, replace, json_output)))


@ssh_key.command()
@of_source
def show(project: Path, source: str, json_output: bool) -> None:
    """The public keys of the source, and the SSH server's key that was confirmed."""
    from headrace.cli.ssh_key import show_keys

    sys.exit(run_async(show_keys(project, source, json_output)))


@ssh_key.command()
@click.option("--fingerprint", help="Confirm this one without being asked: SHA256:…")
@of_source
def trust(project: Path, source: str, fingerprint: str | None, json_output: bool) -> None:
    """Confirm the SSH server's own key. From then on only that one is accepted."""
    from headrace.cli.ssh_key import trust_server

    sys.exit(run_async(trust_server(project, source, fingerprint, json_output)))


@ssh_key.command()
@click.option("--pending", is_flag=True, help="Try the new key instead of the one in use.")
@of_source
def test(project: Path, source: str, pending: bool, json_output: bool) -> None:
    """Log in to the SSH server, and reach the database from there."""
    from headrace.cli.ssh_key import test_key

    sys.exit(run_async(test_key(project, source, pending, json_output)))


@ssh_key.command()
@of_source
def save(project: Path, source: str, json_output: bool) -> None:
    """Take the new key into use, if a connection with it works, and forget the old one."""
    from headrace.cli.ssh_key import save_key

    sys.exit(run_async(save_key(project, source, json_output)))


@ssh_key.command()
@of_source
def discard(project: Path, source: str, json_output: bool) -> None:
    """Drop the new key. The one in use stays."""
    from headrace.cli.ssh_key import discard_key

    sys.exit(run_async(discard_key(project, source, json_output)))


@ssh_key.command()
@of_source
def forget(project: Path, source: str, json_output: bool) -> None:
    """Drop all keys of the source, and the confirmed key of its SSH server: to begin anew."""
    from headrace.cli.ssh_key import forget_keys

    sys.exit(run_async(forget_keys(project, source, json_output)))
