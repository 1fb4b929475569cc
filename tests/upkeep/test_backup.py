"""Backups: taken while a run delivers, restored elsewhere, on either database; and nothing is lost."""

from __future__ import annotations

import json
import shutil
import signal
import stat
import subprocess
import tarfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from headrace.calls.received import Received, from_lines, to_lines
from headrace.clock import SystemClock
from headrace.errors import HeadraceError
from headrace.people import Change
from headrace.stage.journals import LocalJournals
from headrace.store import SqlStore, open_store
from headrace.testing.http_server import RecordingServer
from headrace.testing.postgres import PostgresServer, postgres_binaries
from headrace.upkeep.backup import back_up, restore
from tests.promise.processes import PATIENCE, command, environment, facts, headrace_run
from tests.promise.project import held_at, hook, received, write_project, write_rows

ROWS = 300


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    with PostgresServer() as server:
        yield server


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = await open_store(tmp_path)
    yield store
    await store.close()


def test_taken_amid_a_run(tmp_path: Path, server: RecordingServer) -> None:
    """A backup taken while a run delivers, restored into another folder after everything here is lost, goes on from
    where it stood: every row arrives, what came twice has the same messageId, and the counts add up."""
    old, new, archive = tmp_path / "old", tmp_path / "new", tmp_path / "backup.tar.gz"
    for folder in (old, new):
        folder.mkdir()
        write_project(folder, {"hook": hook(server, batch_size=10, in_flight=1)})
        write_rows(folder, range(1, ROWS + 1))
    with subprocess.Popen(
        command("run", "people"), cwd=old, env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        with held_at(server, user=150):
            done = headrace_run(old, "backup", str(archive), "--json")
            process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    assert json.loads(done.stdout)["rows"] > 0
    headrace_run(new, "restore", str(archive))
    (run,) = facts(headrace_run(new, "run", "people", "--json"))["runs"]
    assert run["state"] == "succeeded"
    assert run["extracted"] == run["destinations"]["hook"]["delivered"] == ROWS
    calls = received(server.requests)
    assert {call["userId"] for call in calls} == set(map(str, range(1, ROWS + 1)))
    ids = Counter((call["userId"], call["messageId"]) for call in calls)
    assert len(ids) == ROWS, "a row that came again has the messageId it had"


async def test_both_databases(tmp_path: Path, store: SqlStore, postgres: PostgresServer) -> None:
    """A store on SQLite is restored to PostgreSQL and back, and says the same; new rows are numbered on from there."""
    await store.put_sealed("source/shop", "password", "v1.sealed")
    await store.set_enabled("people", False, audit=_change("sync.disable"))
    url = postgres.url(postgres.create_database())
    await back_up(store, tmp_path, tmp_path / "1.tar.gz", SystemClock())
    (tmp_path / "there").mkdir()
    other = await open_store(tmp_path / "there", url)
    try:
        await restore(other, tmp_path / "there", tmp_path / "1.tar.gz")
        assert await other.all_sealed() == await store.all_sealed()
        assert await other.verify_audit() is None
        await other.log(_change("later"))
        assert [entry.seq for entry in await other.audit()] == [2, 1]
        await other.dump(tmp_path / "there.jsonl")
    finally:
        await other.close()
    (tmp_path / "back").mkdir()
    back = await open_store(tmp_path / "back")
    try:
        await back.load(tmp_path / "there.jsonl")
        await back.dump(tmp_path / "back.jsonl")
    finally:
        await back.close()
    assert (tmp_path / "back.jsonl").read_text() == (tmp_path / "there.jsonl").read_text()


async def test_received_calls_are_in_it(tmp_path: Path, store: SqlStore) -> None:
    """What was received and acknowledged is in a backup, in closed journals and in the open one; restored elsewhere it
    is there once, under the numbers that it had."""
    clock, at = SystemClock(), SystemClock().now()
    journals = LocalJournals(tmp_path / "journal", store, clock, size=1)
    await journals.append("app", to_lines([_called("m1")]), 1, at)
    while not await store.journals("app"):
        await clock.sleep(0.01)
    journals.size = 1 << 20
    await journals.append("app", to_lines([_called("m2")]), 1, at)
    await back_up(store, tmp_path, tmp_path / "b.tar.gz", clock)
    await journals.close()
    there = tmp_path / "there"
    there.mkdir()
    other = await open_store(there)
    try:
        await restore(other, there, tmp_path / "b.tar.gz")
        restored = LocalJournals(there / "journal", other, clock)
        await restored.recover()
        found = await other.journals("app")
        lines = b"".join([await restored.read(journal) for journal in found])
    finally:
        await other.close()
    assert [journal.seq for journal in found] == [1, 2]
    assert [call.message_id for call in from_lines(lines)] == ["m1", "m2"]


async def test_no_key_inside(tmp_path: Path, store: SqlStore) -> None:
    """The archive is its owner's alone, and the key of the kept secrets is not in it."""
    (tmp_path / "key").write_text("the key itself")
    await back_up(store, tmp_path, tmp_path / "b.tar.gz", SystemClock())
    assert stat.S_IMODE((tmp_path / "b.tar.gz").stat().st_mode) == 0o600
    with tarfile.open(tmp_path / "b.tar.gz") as archive:
        contents = [archive.extractfile(member) for member in archive]
        assert not any(b"the key itself" in content.read() for content in contents if content)


async def test_never_over_something(tmp_path: Path, store: SqlStore) -> None:
    """A backup replaces no file, and nothing is restored over a store or a folder that holds something."""
    archive = tmp_path / "b.tar.gz"
    await back_up(store, tmp_path, archive, SystemClock())
    assert await _code(back_up(store, tmp_path, archive, SystemClock())) == "file_exists"
    await store.set_cursor("people", 7)
    (tmp_path / "errors" / "run").mkdir(parents=True)
    (tmp_path / "errors" / "run" / "rows").write_text("a row")
    await back_up(store, tmp_path, tmp_path / "full.tar.gz", SystemClock())
    shutil.rmtree(tmp_path / "errors")
    assert await _code(restore(store, tmp_path, tmp_path / "full.tar.gz")) == "not_empty"
    assert not (tmp_path / "errors").exists(), "of a restore that is refused, nothing is left behind"
    assert (await store.sync_state("people")).cursor == 7
    (tmp_path / "stage" / "run").mkdir(parents=True)
    assert await _code(restore(store, tmp_path, archive)) == "not_empty"


@pytest.mark.parametrize("harm", ["cut", "other", "nothing", "newer"])
async def test_damaged(tmp_path: Path, store: SqlStore, harm: str) -> None:
    """An archive that is cut off, none at all, or made by a newer program is refused in a sentence; the store stays
    empty."""
    archive = tmp_path / "b.tar.gz"
    await store.set_cursor("people", 7)
    await back_up(store, tmp_path, archive, SystemClock())
    if harm == "cut":
        archive.write_bytes(archive.read_bytes()[:-200])
    elif harm == "other":
        archive.write_text("not an archive")
    elif harm == "nothing":
        archive.unlink()
    else:
        _rewrite(archive, tmp_path, '{"schema": "9999"}\n')
    (tmp_path / "new").mkdir()
    fresh = await open_store(tmp_path / "new")
    try:
        expected = {"nothing": "no_backup", "newer": "store_newer"}.get(harm, "backup_damaged")
        assert await _code(restore(fresh, tmp_path / "new", archive)) == expected
        assert (await fresh.sync_state("people")).cursor == 0
    finally:
        await fresh.close()


async def test_outside_paths(tmp_path: Path, store: SqlStore) -> None:
    """An archive whose names lead out of the folder is refused, and writes nothing there."""
    bad = tmp_path / "x"
    bad.write_text("harm")
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        archive.add(bad, "state/../../harm")
    assert await _code(restore(store, tmp_path, tmp_path / "b.tar.gz")) == "backup_damaged"
    assert not (tmp_path.parent / "harm").exists()


def _rewrite(archive: Path, folder: Path, store: str) -> None:
    """The archive again, with another store in it."""
    about = folder / "about"
    about.write_text('{"format": 1, "version": "9", "made_at": "2026-01-01", "rows": 0}')
    lines = folder / "lines"
    lines.write_text(store)
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(about, "headrace.json")
        packed.add(lines, "store.jsonl")


def _called(message_id: str) -> Received:
    return Received(0, "track", message_id, user_id="u1", name="Step", timestamp=0)


def _change(action: str) -> Change:
    return Change(SystemClock().now(), "local:root", action, "sync/people")


async def _code(work: object) -> str:
    with pytest.raises(HeadraceError) as caught:
        await work  # type: ignore[misc]  # a coroutine
    return caught.value.code
