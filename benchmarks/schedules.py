"""What many schedules cost one process, with its store in SQLite: `python -m benchmarks.schedules`.

    idle      1,000 enabled syncs, of which none is due: share of a core over a minute, and memory
    minute    1,000 small syncs that are due in the same moment: seconds until all have ended, CPU per run

Each is measured in a process of its own, which holds what `headrace serve` holds without its web server: the project,
a scheduler and a dispatcher.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

ROWS = 10  # of each sync's query
ROOM = 8  # runs side by side
PATIENCE = 600.0  # seconds


def write_project(folder: Path, syncs: int, schedules: list[str], start: datetime | None = None) -> None:
    """A table of few rows as the source, a folder as the destination, and many syncs between them."""
    with contextlib.closing(sqlite3.connect(folder / "shop.sqlite")) as shop:
        shop.execute("create table people (id integer primary key, email text, updated_at integer)")
        rows = [(number, f"u{number}@example.com", 2_000_000_000) for number in range(ROWS)]
        shop.executemany("insert into people values (?, ?, ?)", rows)
        shop.commit()
    query = 'select id as "userId", email from people where updated_at > {{last_sync_time}}'
    one: dict[str, Any] = {"source": "shop", "call": "identify", "query": query, "destinations": ["out"]}
    if start is not None:
        one["start"] = start.isoformat()
    config = {
        "sources": {"shop": {"type": "sqlite", "path": "shop.sqlite"}},
        "destinations": {"out": {"type": "files", "path": "out"}},
        "syncs": {f"sync_{n}": {**one, "schedule": schedules[n % len(schedules)]} for n in range(syncs)},
    }
    (folder / "headrace.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


@dataclass(slots=True)
class Service:
    """What goes on in the measured process."""

    app: Any
    scheduler: Any
    fired: int = 0
    ended: int = 0


@asynccontextmanager
async def service(folder: Path) -> AsyncIterator[Service]:
    """A scheduler and a dispatcher at work."""
    from headrace.app import opened
    from headrace.run.dispatcher import Dispatcher
    from headrace.run.scheduler import Scheduler

    async with opened(folder, {}) as app:

        def fired(_: object) -> None:
            it.fired += 1
            dispatcher.wake()

        def ended(_: object) -> None:
            it.ended += 1

        dispatcher = Dispatcher(app.engine, app.store, app.clock, lambda: ROOM, on_end=ended)
        it = Service(app, Scheduler(app.store, app.clock, lambda: app.project, app.new_run, fired))
        await it.scheduler.tick()  # plans all of them, which happens once
        stop = asyncio.Event()
        loops = [asyncio.create_task(one.keep_ticking(stop)) for one in (it.scheduler,)]
        loops.append(asyncio.create_task(dispatcher.keep_carrying(stop)))
        yield it
        stop.set()
        await asyncio.gather(*loops)


def cpu() -> float:
    """Seconds of processor that this process has used, in all its threads."""
    return sum(os.times()[:2])


def held_mb() -> float:
    """Memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def idle(folder: Path, syncs: int, seconds: float) -> dict[str, float]:
    """Nothing is due for hours."""
    before_imports = held_mb()
    later = (datetime.now(UTC) + timedelta(hours=12)).replace(minute=0)
    daily = [f"every day at {later:%H}:{minute:02}" for minute in range(60)]
    write_project(folder, syncs, daily)
    async with service(folder) as it:
        await asyncio.sleep(5)
        begun, wall = cpu(), time.monotonic()
        await asyncio.sleep(seconds)
        used, passed = cpu() - begun, time.monotonic() - wall
        assert it.fired == 0
        return {"percent of a core": 100 * used / passed, "MB": held_mb(), "MB before imports": before_imports}


async def minute(folder: Path, syncs: int, _seconds: float) -> dict[str, float]:
    """All are due at once."""
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=15 + syncs / 50)
    write_project(folder, syncs, ["every hour"], due)
    async with service(folder) as it:
        left = (due - datetime.now(UTC)).total_seconds()
        assert left > 0, "planning took too long"
        await asyncio.sleep(left)
        begun, wall, fired = cpu(), time.monotonic(), 0.0
        while it.ended < syncs and time.monotonic() < wall + PATIENCE:
            await asyncio.sleep(0.05)
            fired = fired or (time.monotonic() - wall if it.fired == syncs else 0.0)
        used, passed = cpu() - begun, time.monotonic() - wall
        good = await it.app.store.runs(limit=2 * syncs)
        assert [run.state for run in good] == ["succeeded"] * syncs, {run.state for run in good}
        return {"seconds": passed, "seconds until all were fired": fired, "CPU ms per run": 1000 * used / syncs,
                "MB": held_mb()}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["idle", "minute"], help="only this one, in this process")
    parser.add_argument("--syncs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60, help="of idling")
    given = parser.parse_args()
    if given.what:
        with tempfile.TemporaryDirectory() as folder:
            work = idle if given.what == "idle" else minute
            print(json.dumps(asyncio.run(work(Path(folder), given.syncs, given.seconds))))
        return
    for what in ("idle", "minute"):
        words = [sys.executable, "-m", "benchmarks.schedules", what]
        words += ["--syncs", str(given.syncs), "--seconds", str(given.seconds)]
        said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        print(f"{what}: " + ", ".join(f"{name} {value:.1f}" for name, value in json.loads(said).items()))


if __name__ == "__main__":
    main()
