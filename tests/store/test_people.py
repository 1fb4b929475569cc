"""People and the audit log on both databases: the whole contract; and that tampering with the log is found."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.errors import HeadraceError
from headrace.store import SqlStore
from headrace.store.database import Database
from headrace.store.service_tables import AUDIT, META
from headrace.testing.people_contract import PeopleContract, change

ENTRIES = 5
APPENDS = 30
APPEND = """
import asyncio, sys
from headrace.store import SqlStore
from headrace.testing.people_contract import change

async def append(url, name, times):
    store = SqlStore(url)
    await store.open()
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(times)):
        await store.log(change(thing=f"{name}/{number}"))
    await store.close()

asyncio.run(append(*sys.argv[1:]))
"""


class TestPeople(PeopleContract):
    """On SQLite and on PostgreSQL."""


@pytest.fixture
async def logged(store: SqlStore) -> SqlStore:
    """A store with `ENTRIES` entries in its log."""
    for number in range(ENTRIES):
        await store.log(change(thing=f"sync/s{number}"))
    return store


async def tampered(url: str, *statements: Any, triggers: bool = False) -> None:
    """Do something to the database behind Headrace's back; without ``triggers`` after dropping those of the log."""
    database = Database(url)

    def work(connection: sa.Connection) -> None:
        if not triggers:
            drop = (
                ["DROP TRIGGER audit_append_only ON audit"]
                if connection.dialect.name == "postgresql"
                else ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"]
            )
            for statement in drop:
                connection.exec_driver_sql(statement)
        for statement in statements:
            connection.execute(statement)

    try:
        await database.write(work)
    finally:
        await database.close()


@pytest.mark.parametrize("column", [column.name for column in AUDIT.c])
async def test_every_column_is_under_the_seal(logged: SqlStore, url: str, column: str) -> None:
    """Whatever is changed of an entry, the check names that entry."""
    entry = (await logged.audit(before=4, limit=1))[0]
    told = {**{name: getattr(entry.change, name) for name in ("at", "before", "after")}, "seq": entry.seq}
    match told.get(column, "text"):
        case int() as seq:
            new: Any = seq + 100
        case dict() as values:
            new = {**values, "role": "somebody else"}
        case str():
            new = "0" * 64 if column in ("hash", "previous") else "somebody else"
        case moment:
            new = moment + timedelta(microseconds=1)
    await tampered(url, sa.update(AUDIT).where(AUDIT.c.seq == entry.seq).values({column: new}))
    assert await logged.verify_audit() == entry.seq


@pytest.mark.parametrize("seq", range(1, ENTRIES + 1))
async def test_an_entry_that_is_missing_is_missed(logged: SqlStore, url: str, seq: int) -> None:
    """The check names the entry that was deleted: the first, one amid the others, and also the newest."""
    await tampered(url, sa.delete(AUDIT).where(AUDIT.c.seq == seq))
    assert await logged.verify_audit() == seq


async def test_an_empty_log_is_missed(logged: SqlStore, url: str) -> None:
    """A log that was emptied is no new one."""
    await tampered(url, sa.delete(AUDIT))
    assert await logged.verify_audit() == 1


async def test_the_order_is_under_the_seal(logged: SqlStore, url: str) -> None:
    """Two entries that change places are found out."""
    steps = [(2, -1), (3, 2), (-1, 3)]
    await tampered(url, *(sa.update(AUDIT).where(AUDIT.c.seq == old).values(seq=new) for old, new in steps))
    assert await logged.verify_audit() == 2


async def test_an_entry_before_the_first_is_found(logged: SqlStore, url: str) -> None:
    """So is an entry that was put in."""
    row = sa.select(sa.literal(0), *[column for column in AUDIT.c if column.name != "seq"]).where(AUDIT.c.seq == 1)
    await tampered(url, sa.insert(AUDIT).from_select([column.name for column in AUDIT.c], row))
    assert await logged.verify_audit() == 1


@pytest.mark.parametrize(
    "statement", [sa.update(AUDIT).values(actor="nobody"), sa.delete(AUDIT)], ids=["update", "delete"]
)
async def test_the_database_refuses_to_change_it(logged: SqlStore, url: str, statement: Any) -> None:
    """Updating and deleting entries fails in the database itself."""
    with pytest.raises(HeadraceError, match="append-only"):
        await tampered(url, statement, triggers=True)
    assert len(await logged.audit()) == ENTRIES
    assert await logged.verify_audit() is None


async def test_the_log_is_not_truncated(logged: SqlStore, url: str) -> None:
    """Nor can PostgreSQL empty it whole."""
    if url.startswith("sqlite"):
        pytest.skip("SQLite has no such statement")
    with pytest.raises(HeadraceError, match="append-only"):
        await tampered(url, sa.text("TRUNCATE audit"), triggers=True)


def test_processes_append_to_one_chain(url: str) -> None:
    """Two processes that append at once break nothing: every entry is there, and the chain holds."""
    asyncio.run(appended(url, "before", 1))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", APPEND, url]
    pipe = subprocess.PIPE
    racers = [
        subprocess.Popen([*command, name, str(APPENDS)], stdin=pipe, stdout=pipe, text=True, env=environment)
        for name in ("left", "right")
    ]
    try:
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        assert [racer.wait(60) for racer in racers] == [0, 0]
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()
    things, broken = asyncio.run(appended(url, "after", 1))
    assert things == {f"{n}/{i}" for n in ("left", "right") for i in range(APPENDS)} | {"before/0", "after/0"}
    assert broken is None


async def appended(url: str, name: str, times: int) -> tuple[set[str], int | None]:
    """Append to the log; the things that it speaks of then, and where it is broken."""
    store = SqlStore(url)
    await store.open()
    for number in range(times):
        await store.log(change(thing=f"{name}/{number}"))
    things, broken = {entry.change.thing for entry in await store.audit(limit=200)}, await store.verify_audit()
    await store.close()
    return things, broken


async def test_the_count_is_kept_apart(logged: SqlStore, url: str) -> None:
    """How many entries there are is known beside the log: that number being wrong is found, too."""
    await tampered(url, sa.update(META).where(META.c.name == "audit").values(number=ENTRIES - 1))
    assert await logged.verify_audit() == ENTRIES + 1
