"""Secrets that Headrace keeps, and the key that seals them."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import click
from rich.text import Text

from headrace.app import Places, opened_vault
from headrace.cli import show
from headrace.cli.command import asking
from headrace.errors import UsageError
from headrace.keep.keys import key_place
from headrace.keep.seal import Key
from headrace.keep.vault import VALUE, variable
from headrace.model import Secret

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE = variable("")


async def set_secret(project: Path, name: str) -> int:
    """Keep the value for ``${NAME}``: typed in without an echo, or read from standard input."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a variable. Use letters, digits and _.", code="usage")
    if sys.stdin is not None and sys.stdin.isatty():
        with asking():
            value = click.prompt(f"Value of {name}", hide_input=True, err=True)
    else:
        value = sys.stdin.read().removesuffix("\n").removesuffix("\r") if sys.stdin is not None else ""
    if not value:
        raise UsageError(f"No value came for {name}. Type it in, or send it to standard input.", code="usage")
    async with opened_vault(project, os.environ) as (_, vault):
        await vault.put(variable(name), VALUE, Secret(value))
    show.out.print(Text(f"${{{name}}} is kept, encrypted. A variable {name} of the environment has precedence."))
    return 0


async def list_secrets(project: Path, json_output: bool) -> int:
    """Print the names of the kept variables; never a value."""
    async with opened_vault(project, os.environ) as (_, vault):
        names = [record.removeprefix(_VARIABLE) for record in await vault.records() if record.startswith(_VARIABLE)]
    if json_output:
        show.print_json({"secrets": names})
    else:
        for line in names or ["No secret is kept. Keep one with: headrace secret set NAME"]:
            show.out.print(Text(line))
    return 0


async def delete_secret(project: Path, name: str) -> int:
    """Forget a kept variable."""
    async with opened_vault(project, os.environ) as (_, vault):
        if not await vault.slots(variable(name)):
            raise UsageError(f"No secret {name!r} is kept. See: headrace secret list", code="unknown_secret")
        await vault.delete(variable(name), VALUE)
    show.out.print(Text(f"${{{name}}} is forgotten."))
    return 0


async def show_keys(project: Path, json_output: bool) -> int:
    """Print which keys there are, by name, and how many secrets each of them opens."""
    async with opened_vault(project, os.environ) as (_, vault):
        keys = await vault.keys()
    place = key_place(os.environ, Places.of(project, os.environ).home)
    here = {key.name for key in place.read()}
    if json_output:
        listed = [{"key": name, "secrets": count, "here": name in here} for name, count in keys.items()]
        show.print_json({"place": place.shown, "keys": listed})
        return 0
    show.out.print(Text(f"Keys in {place.shown}:"))
    for name, count in keys.items():
        lost = "" if name in here else "  missing: put it back, or set these secrets again"
        show.out.print(Text(f"  {name}  {count} secret{'s' if count != 1 else ''}{lost}"))
    if not keys:
        show.out.print(Text("  none yet: the first secret makes one"))
    return 0


async def rotate_key(project: Path, json_output: bool) -> int:
    """Seal every secret with a new key."""
    async with opened_vault(project, os.environ) as (_, vault):
        done = await vault.rotate()
    if json_output:
        show.print_json(
            {"sealed": done.sealed, "key": done.key, "dropped": list(done.dropped), "needless": list(done.needless)}
        )
        return 0
    what = f"{done.sealed} secret{'s' if done.sealed != 1 else ''}"
    show.out.print(Text(f"{what} sealed anew with the key {done.key}."))
    if done.dropped:
        show.out.print(Text(f"Thrown away: {', '.join(done.dropped)}."))
    if done.needless:
        show.out.print(Text(f"Not needed any more, take it out of HEADRACE_KEY: {', '.join(done.needless)}."))
    elif not done.dropped:
        show.out.print(
            Text("There is one key only. For a new one, put the output of `headrace key new` and a comma before it.")
        )
    return 0


def new_key() -> None:
    """Print a new key, for HEADRACE_KEY."""
    sys.stdout.write(Key.new().text() + "\n")
