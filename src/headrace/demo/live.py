"""`headrace demo --serve`: the service on the demo's data, with a sync that always has something to send."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import sys
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import duckdb

from headrace.app import App, opened
from headrace.cli import show
from headrace.definitions import Kind
from headrace.demo.show import first_runs, prepare
from headrace.keep.accounts import new_user
from headrace.keep.passwords import Passwords
from headrace.people import Role
from headrace.serve.process import Options, serve

_SHORT_SCHEDULES = "\nservice:\n  seconds: true   # schedules shorter than a minute, for the demo\n"
_EMAIL = "you@example.com"
_EVERY = 2.0  # seconds between two looks out of the tower
_TOWER = {"type": "sqlite", "path": "tower.sqlite"}
_SIGHTINGS = {
    "description": "What the tower sees, a few aircraft at a time; some cannot be told",
    "source": "tower",
    "call": "track",
    "query": """\
SELECT tailnum AS "userId", 'Aircraft Sighted' AS event, seen_at AS "timestamp",
       'sighting-' || id AS "messageId", airport, miles
FROM sightings
WHERE seen_at >= {{last_sync_time}}
""",
    "schedule": "every 15 seconds",
    "destinations": ["workspace"],
}


async def serve_demo(folder: Path, listen: str | None) -> None:
    """Make the demo in ``folder``, run it once, and serve it until told to stop."""
    prepare(folder, more=_SHORT_SCHEDULES)
    tower = folder / "tower.sqlite"
    async with opened(folder, {}) as app:
        await first_runs(app, folder)
        flights = _make_tower(tower, folder / "warehouse.duckdb")
        password = await _make_owner(app)
        # These two are made as the page makes them: what is in headrace.yaml is edited there, and these in the page.
        await app.workshop.create(Kind.SOURCE, "tower", _TOWER, by="system:demo")
        await app.workshop.create(Kind.SYNC, "sightings", _SIGHTINGS, by="system:demo")
        looking = asyncio.create_task(_keep_looking(app, tower, flights))
        try:
            options = Options(listen, log_format="text" if sys.stderr.isatty() else None)
            await serve(app, options, lambda address, _: _welcome(address, password))
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking


async def _make_owner(app: App) -> str:
    password = secrets.token_urlsafe(9)
    hashed = await Passwords().hashed(password)
    owner = new_user(_EMAIL, "You", Role.OWNER, app.clock.now(), preview=True, password=hashed)
    await app.store.create_user(owner, first=True)
    return password


def _welcome(address: str, password: str) -> None:
    show.out.print(f"\nOpen {address} and sign in as {_EMAIL} with the password {password}", soft_wrap=True)
    show.out.print("The sync 'sightings' runs every 15 seconds. Ctrl-C stops the demo.")


def _make_tower(file: Path, warehouse: Path) -> list[tuple[str | None, str, int]]:
    """Make an empty table of sightings; returns flights to see: tail number, airport, miles."""
    with closing(sqlite3.connect(file)) as tower, tower:
        tower.execute("PRAGMA journal_mode = wal")
        tower.execute("CREATE TABLE sightings (id INTEGER PRIMARY KEY, tailnum TEXT, airport TEXT, miles INTEGER, "
                      "seen_at INTEGER)")  # fmt: skip
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return con.execute("SELECT tailnum, dest, distance FROM flights ORDER BY hash(time_hour, flight)").fetchall()


async def _keep_looking(app: App, tower: Path, flights: list[tuple[str | None, str, int]]) -> None:
    """See some aircraft every other second, now one and now five."""
    for number in count():
        many = 1 + number % 5
        seen = [(*flights[(number * 5 + one) % len(flights)], int(app.clock.now().timestamp())) for one in range(many)]
        with closing(sqlite3.connect(tower)) as connection, connection:
            connection.executemany("INSERT INTO sightings (tailnum, airport, miles, seen_at) VALUES (?, ?, ?, ?)", seen)
        await app.clock.sleep(_EVERY)
