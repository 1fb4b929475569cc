"""What is particular to the store in a file."""

from __future__ import annotations

import asyncio
import functools
import os
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.errors import HeadraceError, StageFull
from headrace.model import Delivery, RunState
from headrace.store import SqlStore, database, open_store
from headrace.store.database import Database
from headrace.testing.store_samples import deliveries, delivering, ended, extracting, new_run

NOBODY = 65534


def sql(file: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(statement).fetchall()


@contextmanager
def without_rights() -> Iterator[None]:
    """As root, act as somebody whom file modes bind."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("name", ["home", "a/b", "with ? # % é:@"])
async def test_the_store_is_in_the_state_folder(tmp_path: Path, name: str) -> None:
    """Without a URL the store is a file in the state folder, which is made, for this user alone."""
    home = tmp_path / name
    store = await open_store(home)
    await store.set_cursor("people", 5)
    await store.close()
    assert [path.name for path in home.iterdir()] == ["store.sqlite"]
    assert home.stat().st_mode & 0o777 == 0o700
    assert sql(home / "store.sqlite", "SELECT cursor FROM syncs") == [(5,)]


async def test_a_commit_is_on_the_disk(tmp_path: Path) -> None:
    """The file is in WAL mode, and each connection waits for the disk and minds foreign keys."""
    await (await open_store(tmp_path)).close()
    file = tmp_path / "store.sqlite"
    used = Database(f"sqlite:///{file}")

    def pragmas(connection: sa.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await used.read(pragmas) == ["wal", 2, 1]
    await used.close()


async def test_many_callers_wait_for_one_another(tmp_path: Path) -> None:
    """Callers of two stores on one file, all at once, are served one by one; none is told that it is locked."""
    stores = [await open_store(tmp_path) for _ in range(2)]
    await asyncio.gather(*(stores[number % 2].set_cursor("people", number) for number in range(40)))
    assert sql(tmp_path / "store.sqlite", "SELECT cursor_edits FROM syncs") == [(40,)]
    for store in stores:
        await store.close()


async def test_a_file_held_for_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A foreign writer that does not let go is named as the cause; afterwards all is well."""
    await (await open_store(tmp_path)).close()
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    store = SqlStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
    with closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HeadraceError, match="is held by another process") as refused:
            await store.set_cursor("people", 1)
        assert refused.value.code == "store_unavailable"
        assert (await store.sync_state("people")).cursor == 0, "readers do not wait for writers"
    await store.set_cursor("people", 2)
    await store.close()


async def test_a_file_that_is_read_while_it_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SQLite refuses to change the journal of a file in use, we wait for the file's lock and try again."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    file = tmp_path / "store.sqlite"
    sql(file, "CREATE TABLE t (a)")
    reader = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM t")

    class Waiting(sqlite3.Connection):
        def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
            if statement.startswith("BEGIN"):
                reader.execute("ROLLBACK")
            return super().execute(statement, *parameters)

    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Waiting))
    await (await open_store(tmp_path)).close()
    assert not reader.in_transaction
    assert sql(file, "PRAGMA journal_mode") == [("wal",)]
    reader.close()


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """Another file in the store's place is refused, and not touched."""
    file = tmp_path / "store.sqlite"
    file.write_bytes(b"people,orders\n" * 1000)
    with pytest.raises(HeadraceError, match=r"store\.sqlite is damaged or not a database.*backup") as refused:
        await open_store(tmp_path)
    assert refused.value.code == "store_unavailable"
    assert file.read_bytes() == b"people,orders\n" * 1000


async def test_a_damaged_file(tmp_path: Path) -> None:
    """Pages that were overwritten are found when they are read, and said plainly."""
    store = await open_store(tmp_path)
    await ended(store, RunState.PARTIAL)
    await store.close()
    file = tmp_path / "store.sqlite"
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)
    store = SqlStore(f"sqlite:///{file}")
    with pytest.raises(HeadraceError, match="is damaged") as refused:
        await store.runs()
    assert refused.value.code == "store_unavailable"
    await store.close()


@pytest.fixture(params=["new", "existing"])
def locked_folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder, with or without a store in it, that all may read and nobody but root may write."""
    folder = Path(tempfile.mkdtemp())
    if request.param == "existing":
        sql(folder / "store.sqlite", "CREATE TABLE t (a)")
        (folder / "store.sqlite").chmod(0o444)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


async def test_a_folder_without_write_access(locked_folder: Path, tmp_path: Path) -> None:
    """Where the folder or the file may not be written, the store says so at once."""
    await (await open_store(tmp_path)).close()  # imports what somebody else may not be allowed to
    for home, fix in ((locked_folder, "write access"), (locked_folder / "deeper", "HEADRACE_HOME")):
        with without_rights(), pytest.raises(HeadraceError, match=fix) as refused:
            await open_store(home)
        assert refused.value.code == "store_unavailable"


async def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """When no more can be written the verb fails as a whole; with room again the run goes on."""
    store = await open_store(tmp_path)
    run_id, attempt = await delivering(store)
    many = [Delivery(seq, name, calls, b"\1" * calls, 1, ("long" * 2000,)) for seq, name, calls in _keys()]
    size = (tmp_path / "store.sqlite-wal").stat().st_size
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 12_000, hard))
    try:
        with pytest.raises(StageFull, match="No disk space left"):
            await store.settle(run_id, attempt, many)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert await store.deliveries(run_id) == deliveries()
    await store.settle(run_id, attempt, many)
    assert (await store.finish(run_id, attempt, RunState.PARTIAL, new_run().created_at)).state is RunState.PARTIAL
    await store.close()
    assert sql(tmp_path / "store.sqlite", "PRAGMA integrity_check") == [("ok",)]


def _keys() -> list[tuple[int, str, int]]:
    return [(delivery.seq, delivery.destination, delivery.calls) for delivery in deliveries()]


async def test_a_page_of_history_is_read_at_once(tmp_path: Path) -> None:
    """However many runs are listed, live ones among them, the statements are the same few, by way of an index."""
    store = await open_store(tmp_path)
    for number in range(30):
        await extracting(store, new_run(f"run-{number}", f"sync-{number}"))
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        assert len(await store.runs()) == 30
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert 0 < len([statement for statement in statements if statement != "BEGIN"]) <= 3
    for condition in ("", "WHERE sync = 'people'"):
        plan = f"EXPLAIN QUERY PLAN SELECT * FROM runs {condition} ORDER BY created_at DESC, id DESC LIMIT 50"
        assert "TEMP B-TREE" not in str(sql(tmp_path / "store.sqlite", plan))
    await store.close()
