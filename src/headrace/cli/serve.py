"""What the commands serve, backup and restore do."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.text import Text

from headrace.app import Places, opened
from headrace.cli import show
from headrace.clock import SystemClock
from headrace.errors import UsageError
from headrace.serve.process import Options, serve
from headrace.store import open_store
from headrace.upkeep.backup import Summary, back_up, restore
from headrace.upkeep.folder import number_of


async def serve_project(project: Path, listen: str | None, log_format: str | None, *, behind_proxy: bool) -> None:
    options = Options(listen, behind_proxy, log_format or ("text" if sys.stderr.isatty() else None))
    async with opened(project, os.environ, need_files=False) as app:
        await serve(app, options, lambda address, code: _tell_address(address, code, project))


def _tell_address(address: str, code: str | None, project: Path) -> None:
    click.echo(f"Headrace serves on {address} (API: {address}/api/v1, calls: {address}/v1).")
    if code is not None:
        click.echo(f"Nobody can sign in yet. Make the first owner with this one-time code: {code}")
    if not any((project / name).exists() for name in ("headrace.yaml", "headrace")):
        click.echo(f"There is no headrace.yaml in {project}: sources, destinations and syncs come from the API alone.")


async def back_up_project(project: Path, file: Path, json_output: bool) -> None:
    places = _places(project)
    if not file.parent.is_dir():
        raise UsageError(f"There is no folder {str(file.parent)!r} for the backup. Make it, or name another.")
    store = await open_store(places.home, places.database_url)
    try:
        summary = await back_up(store, places.home, file, SystemClock())
    finally:
        await store.close()
    _tell(summary, json_output, f"Wrote {file}", "The key of the kept secrets is not in it: keep that apart.")


async def restore_project(project: Path, file: Path, json_output: bool) -> None:
    places = _places(project)
    places.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = await open_store(places.home, places.database_url)
    try:
        summary = await restore(store, places.home, file)
    finally:
        await store.close()
    _tell(summary, json_output, f"Restored {file}", "Put the key of the kept secrets in its place: headrace key show.")


async def adopt_folder(project: Path) -> None:
    places = _places(project)
    store = await open_store(places.home, places.database_url)
    try:
        await store.adopt_folder(number_of(places.home))
    finally:
        await store.close()
    show.out.print(Text(f"{places.home} is the state folder of this store now."))


def _places(project: Path) -> Places:
    return Places.of(project, os.environ)


def _tell(summary: Summary, json_output: bool, what: str, then: str) -> None:
    if json_output:
        show.print_json(asdict(summary))
        return
    facts = f"{what}: {summary.rows:,} rows, {summary.files:,} files, as of {summary.made_at}."
    for line in (facts, then):
        show.out.print(Text(line), soft_wrap=True)
