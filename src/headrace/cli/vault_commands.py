"""The commands `headrace secret …` and `headrace key …`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from headrace.cli.command import as_json, run_async


@click.group()
def secret() -> None:
    """Secrets for ${NAME} in the configuration, encrypted in the store.

    A variable of the environment has precedence over a kept secret of the same name.
    """


@secret.command("set")
@click.argument("name")
@click.pass_obj
def set_(project: Path, name: str) -> None:
    """Keep a secret: typed in without an echo, or sent to standard input."""
    from headrace.cli.vault import set_secret

    sys.exit(run_async(set_secret(project, name)))


@secret.command("list")
@as_json
@click.pass_obj
def list_(project: Path, json_output: bool) -> None:
    """The names of the kept secrets; no value is ever shown."""
    from headrace.cli.vault import list_secrets

    sys.exit(run_async(list_secrets(project, json_output)))


@secret.command()
@click.argument("name")
@click.pass_obj
def delete(project: Path, name: str) -> None:
    """Forget a secret."""
    from headrace.cli.vault import delete_secret

    sys.exit(run_async(delete_secret(project, name)))


@click.group()
def key() -> None:
    """The key that seals the kept secrets.

    It is in HEADRACE_KEY, in the system's keyring (HEADRACE_KEY=keyring), in the file that HEADRACE_KEY_FILE names, or
    in the file "key" of the state folder, where Headrace makes it when it is first needed.
    """


@key.command()
@as_json
@click.pass_obj
def show(project: Path, json_output: bool) -> None:
    """Which keys there are, by name, and how many secrets each opens."""
    from headrace.cli.vault import show_keys

    sys.exit(run_async(show_keys(project, json_output)))


@key.command()
@as_json
@click.pass_obj
def rotate(project: Path, json_output: bool) -> None:
    """Seal every secret with a new key. May be interrupted at any time, and started again."""
    from headrace.cli.vault import rotate_key

    sys.exit(run_async(rotate_key(project, json_output)))


@key.command()
def new() -> None:
    """Print a new key, for HEADRACE_KEY. Nothing else changes."""
    from headrace.cli.vault import new_key

    new_key()
