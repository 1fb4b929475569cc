"""The command `headrace syncs`: how each sync stands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from headrace.app import App, opened
from headrace.cli import show
from headrace.model import RunState
from headrace.schedule import parse
from headrace.standing import Standing, names_of, standings

FACTS = (
    "name", "enabled", "schedule", "next_due", "overruns", "last_sync_time", "version", "source", "call",
    "destinations", "last_run", "troubles",
)  # fmt: skip


async def list_syncs(project: Path, json_output: bool) -> int:
    """Print each sync with its schedule, when it is due next, and what its newest run came to."""
    async with opened(project, os.environ) as app:
        found = await standings(app, names_of(app))
        facts = [_fact(app, stand) for stand in found.values()]
    print_syncs(facts, json_output)
    return 0


def print_syncs(facts: Sequence[dict[str, Any]], json_output: bool) -> None:
    """Facts as `--json` prints them; the same over the API."""
    if json_output:
        show.print_json({"syncs": facts})
        return
    if not facts:
        show.out.print(Text("There are no syncs yet. Write one under `syncs:` in headrace.yaml."))
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("sync", "schedule", "next due", "last run", "when"):
        table.add_column(name, overflow="fold")
    for fact in facts:
        run = fact["last_run"]
        table.add_row(
            Text(fact["name"]),
            Text(fact["schedule"] if fact["enabled"] else f"{fact['schedule']} (disabled)".strip()),
            Text(_moment(fact["next_due"])),
            show.state_text(RunState(run["state"])) if run else Text("never", "bright_black"),
            Text(_moment((run["ended_at"] or run["created_at"]) if run else None)),
        )
    show.out.print(table)
    for fact in facts:
        for trouble in fact["troubles"]:
            show.out.print(Text(f"{fact['name']}: {trouble}", "yellow"))


def _fact(app: App, stand: Standing) -> dict[str, Any]:
    sync, run = stand.sync, stand.newest
    return {
        "name": stand.name,
        "enabled": stand.enabled,
        "schedule": _words(sync.schedule, received=sync.call is None) if sync else "",
        "next_due": show.moment(stand.next_due),
        "overruns": stand.overruns,
        "last_sync_time": stand.state.cursor,
        "version": app.versions.get(stand.name),
        "source": sync.source if sync else None,
        "call": sync.call.value if sync and sync.call else None,
        "destinations": list(sync.destinations) if sync else [],
        "last_run": show.run_fact(run) if run else None,
        "troubles": [trouble.message for trouble in stand.troubles(app.clock.now())],
    }


def _words(schedule: str, *, received: bool) -> str:
    return "as calls come" if received else str(parse(schedule, seconds=True))


def _moment(text: str | None) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if text else ""
