"""The demo's story: a warehouse, three syncs, two rounds of runs, one failed row, and what arrived."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from rich.panel import Panel
from rich.text import Text

from headrace.app import App, opened
from headrace.calls.failure_files import records
from headrace.cli import show
from headrace.cli.runs import run_each
from headrace.demo.warehouse import change_warehouse, make_warehouse
from headrace.destinations.workspace.reader import WorkspaceReader
from headrace.errors import UsageError
from headrace.model import Run

_DATABASES = ("workspace.sqlite", "tower.sqlite")
_OURS = (".headrace", "headrace.yaml", "warehouse.duckdb",
         *(f"{name}{ending}" for name in _DATABASES for ending in ("", "-wal", "-shm")))  # fmt: skip


async def run_demo(folder: Path) -> int:
    """Make the demo in ``folder`` (its own files there are replaced), run it, and tell what happened."""
    prepare(folder)
    async with opened(folder, {}) as app:
        first = await first_runs(app, folder)
        changes = change_warehouse(folder / "warehouse.duckdb")
        _say("3", "Some time passes", "; ".join(changes))
        _say("4", "The second run", "sends only what changed, thanks to {{last_sync_time}}")
        second = await run_each(app, list(app.project.syncs))
        show.out.print(show.runs_table(second))
        failed = first[-1]
        _say("5", "Nothing is hidden", f"{failed.counts['workspace'].invalid} flights had no aircraft; the first one")
        await _one_failure(app, failed)
    _say("6", "What arrived", "people, objects and events")
    show.out.print(Text(f"{_near(folder)}/workspace.sqlite", "bright_black"), soft_wrap=True)
    _arrived(folder / "workspace.sqlite")
    _try_next(folder, failed.id)
    return 0 if all(run.problem is None for run in [*first, *second]) else 1


async def first_runs(app: App, folder: Path) -> list[Run]:
    """Make the warehouse, run every sync for the first time, and tell of it."""
    _say("1", "A warehouse", "flights from New York in January 2013")
    show.out.print(Text(f"{_near(folder)}/warehouse.duckdb", "bright_black"), soft_wrap=True)
    make_warehouse(folder / "warehouse.duckdb")
    names = list(app.project.syncs)
    _say("2", "The first run", f"sends everything: {', '.join(names)}")
    runs = await run_each(app, names)
    show.out.print(show.runs_table(runs))
    return runs


def prepare(folder: Path, more: str = "") -> None:
    """An empty folder, or one that an earlier demo made, with the demo's configuration and ``more`` of it."""
    yaml = folder / "headrace.yaml"
    text = (files("headrace.demo") / "project.yaml").read_text("utf-8")
    if yaml.exists() and not yaml.read_text("utf-8").startswith(text.splitlines()[0]):
        raise UsageError(f"There is another project in {str(folder)!r}. Name a new folder: headrace demo FOLDER")
    folder.mkdir(parents=True, exist_ok=True)
    for name in _OURS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    yaml.write_text(text + more, "utf-8")


def _say(number: str, title: str, sentence: str) -> None:
    show.out.print()
    show.out.print(Text.assemble((f"{number}. {title}", "bold cyan"), ": ", sentence))


async def _one_failure(app: App, run: Run) -> None:
    for line in show.failed_row(next(records(await app.failures(run)))):
        show.out.print(line)


def _arrived(file: Path) -> None:
    with WorkspaceReader(file) as workspace:
        counts = workspace.counts()
        show.out.print(
            f"{counts.people:,} people, {counts.objects:,} objects, {counts.relationships:,} relationships, "
            f"{counts.events:,} events"
        )
        person = workspace.person("N14228", limit=3)
        assert person is not None, "the demo's own aircraft is there"
        lines = [json.dumps(person.person.attributes, ensure_ascii=False)]
        lines += [f"related to {r.object_id} {json.dumps(r.attributes)}" for r in person.relationships]
        lines += [_event_line(e.name, e.properties) for e in person.events]
    show.out.print(Panel(Text("\n".join(lines)), title="N14228", title_align="left", expand=False))


def _event_line(name: str | None, properties: dict[str, object]) -> str:
    return f"{name} {properties.get('origin')} → {properties.get('dest')}"


def _try_next(folder: Path, run_id: str) -> None:
    show.out.print()
    show.out.print(Text("Try next", "bold cyan"))
    command = _command(folder)
    for line in _commands(command, folder, run_id):
        show.out.print(line, soft_wrap=True)


def _commands(command: str, folder: Path, run_id: str) -> Sequence[str]:
    return (
        f"  cd {_near(folder)}",
        f"  {command} preview planes -n 3",
        f"  {command} errors {run_id}",
        f"  {command} run --all",
        f"  {command} init ../mine     # then point it at your own database",
    )


def _command(folder: Path) -> str:
    """How to call us from the demo's folder: by name if that works, else by path."""
    called = Path(sys.argv[0]).absolute()
    if shutil.which("headrace") or not called.is_file():
        return "headrace"
    return os.path.relpath(called, folder)


def _near(path: Path) -> str:
    return os.path.relpath(path)
