"""Commands on a project: init, check, preview, and the switches of a sync."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.text import Text

from headrace import operations
from headrace.app import App, opened
from headrace.cli import show
from headrace.errors import HeadraceError, UsageError
from headrace.model import Check


def make_project(folder: Path) -> None:
    """Write a commented ``headrace.yaml``; an existing one is never touched."""
    target = folder / "headrace.yaml"
    if target.exists():
        raise UsageError(f"There is a project already: {str(target)!r}. Edit it, or name another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        template = files("headrace.cli") / "template" / "headrace.yaml"
        target.write_text(template.read_text("utf-8"), "utf-8")
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text(".headrace/\n", "utf-8")
    except OSError as error:
        raise UsageError(f"The project cannot be written: {str(target)!r}: {error.strerror}.") from error
    show.out.print(Text.assemble("Made ", (str(target), "bold"), "."), soft_wrap=True)
    show.out.print("Edit it, set SHOP_PASSWORD and CUSTOMERIO_API_KEY in the environment, and try:")
    show.out.print("  headrace check\n  headrace preview people\n  headrace run people")
    show.out.print("Then let it run on schedule: headrace serve")


async def check_project(project: Path, names: Collection[str], json_output: bool) -> int:
    """Check the configuration, then the named sources and destinations; all of them if none is named."""
    facts: dict[str, dict[str, Any]] = {"sources": {}, "destinations": {}}
    ok = True
    async with opened(project, os.environ) as app:
        roles = (("source", app.project.sources), ("destination", app.project.destinations))
        _known_connections(names, [name for _, connections in roles for name in connections])
        for role, connections in roles:
            for name, connection in connections.items():
                if names and name not in names:
                    continue
                check = await _checked(app, role, name)
                ok = ok and check.ok
                facts[role + "s"][name] = {"type": connection.type, **show.check_fact(check)}
                if not json_output:
                    show.print_check(role, name, connection.type, check)
        syncs, doubts = list(app.project.syncs), [str(doubt) for doubt in app.doubts]
    if json_output:
        show.print_json({"ok": ok, "warnings": doubts, **facts})
        return 0 if ok else 1
    for doubt in doubts:
        show.out.print(Text(doubt, "yellow"))
    if ok:
        which = ", ".join(names) if names else "every connection"
        show.out.print(Text(f"All is well: the configuration and {which}."))
    if ok and syncs:
        show.out.print(Text(f"Queries are not tried here. Try one with: headrace preview {syncs[0]}"))
    return 0 if ok else 1


def _known_connections(names: Collection[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise UsageError(f"There is no source or destination {name!r}. There are: {listed}.")


async def _checked(app: App, role: str, name: str) -> Check:
    """What keeps one connection from being tried (no driver, no key) is its problem, and not that of the others."""
    try:
        return await app.check(role, name)
    except HeadraceError as error:
        return Check(problems=(error.message,))


async def preview_sync(project: Path, sync: str, limit: int, last_sync_time: int | None, json_output: bool) -> int:
    """Show the first rows and the calls they become."""
    async with opened(project, os.environ) as app:
        preview = await app.preview(sync, limit=limit, last_sync_time=last_sync_time)
    if json_output:
        show.print_json(show.preview_fact(preview))
    elif preview.rows:
        show.print_preview(preview)
    else:
        show.out.print(Text("The query returns no rows."))
    return 0


async def set_enabled(project: Path, sync: str, enabled: bool) -> None:
    async with opened(project, os.environ) as app:
        await app.store.set_enabled(app.sync(sync).name, enabled)
    show.out.print(Text(f"The sync {sync!r} is {'enabled' if enabled else 'disabled'}."))


async def set_cursor(project: Path, sync: str, cursor: int) -> None:
    async with opened(project, os.environ) as app:
        await operations.set_last_sync_time(app, sync, cursor)
    what = "everything" if cursor == 0 else f"what changed since {cursor}"
    show.out.print(Text(f"The next run of {sync!r} sends {what}."))
