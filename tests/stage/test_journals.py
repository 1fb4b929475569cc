"""Journals on the disk: nothing acknowledged is lost, whatever ends the process or fills the disk."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headrace.calls.received import Received, from_lines, to_lines
from headrace.clock import SystemClock
from headrace.errors import HeadraceError, StageFull
from headrace.journal import Journal
from headrace.stage.journals import LocalJournals
from headrace.store import SqlStore, open_store
from headrace.testing.simulation import FakeClock, simulate

AT = datetime(2026, 11, 23, 19, tzinfo=UTC)


def lines(*ids: str) -> bytes:
    return to_lines(Received(1_795_460_400_000, "track", one, user_id="u1", name="Step") for one in ids)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = await open_store(tmp_path)
    yield store
    await store.close()


@pytest.fixture
async def journals(tmp_path: Path, store: SqlStore) -> AsyncIterator[LocalJournals]:
    journals = LocalJournals(tmp_path / "journal", store, SystemClock(), seconds=60, size=5_000)
    yield journals
    await journals.close()


def files(journals: LocalJournals) -> list[str]:
    return sorted(path.suffix for path in journals.folder.glob("*/*"))


async def ids(journals: LocalJournals, journal: Journal) -> list[str]:
    return [call.message_id for call in from_lines(await journals.read(journal))]


async def numbered(store: SqlStore, count: int, source: str = "web") -> list[Journal]:
    """The journals of a source, as soon as there are so many."""
    async with asyncio.timeout(20):
        while len(found := await store.journals(source)) < count:  # noqa: ASYNC110  the store tells nobody
            await asyncio.sleep(0.005)
    return found


async def test_what_was_appended_is_on_the_disk(journals: LocalJournals) -> None:
    """When `append` returns, the lines are in the file."""
    await journals.append("web", lines("a", "b"), 2, AT)
    [path] = journals.folder.glob("web/*.open")
    assert path.read_bytes() == lines("a", "b")


async def test_many_share_one_flush(journals: LocalJournals, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred callers at once wait for a few flushes, and for no fewer than two."""
    flushes: list[int] = []
    real = os.fdatasync

    def flush(descriptor: int) -> None:
        flushes.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", flush)
    await asyncio.gather(*(journals.append("web", lines(f"m{n}"), 1, AT) for n in range(100)))
    assert 1 <= len(flushes) <= 5


async def test_a_journal_is_closed_by_size(journals: LocalJournals, store: SqlStore) -> None:
    """At its size a journal gets its number, with its calls and moments; what follows goes into the next."""
    for number in range(3):
        await journals.append("web", lines(*(f"m{number}-{n}" for n in range(100))), 100, AT)
    found = await numbered(store, 3)
    assert [journal.seq for journal in found] == [1, 2, 3]
    assert {(journal.calls, journal.first_at, journal.last_at) for journal in found} == {(100, AT, AT)}
    assert [journal.bytes for journal in found] == [len(await journals.read(journal)) for journal in found]
    assert (await ids(journals, found[1]))[0] == "m1-0"


def test_a_journal_is_closed_by_time(tmp_path: Path) -> None:
    """A journal is closed so many seconds after its first call, however many follow."""

    async def story() -> None:
        store = await open_store(tmp_path)
        journals = LocalJournals(tmp_path / "journal", store, FakeClock(), seconds=5)
        for number in range(8):
            await journals.append("web", lines(f"m{number}"), 1, AT)
            await asyncio.sleep(0.9)
        assert [journal.calls for journal in await store.journals("web")] == [6]
        await asyncio.sleep(5)
        assert [journal.calls for journal in await store.journals("web")] == [6, 2]
        await journals.close()
        await store.close()

    simulate(story())


async def test_closing_numbers_what_is_open(journals: LocalJournals, store: SqlStore) -> None:
    """At the end of the process each open journal is closed and numbered."""
    await journals.append("web", lines("a"), 1, AT)
    await journals.append("app", lines("b"), 1, AT)
    await journals.close()
    assert await store.newest_journals() == {"web": 1, "app": 1}
    assert files(journals) == [".jsonl", ".jsonl"]


async def test_what_a_dead_process_left_is_closed(tmp_path: Path, store: SqlStore, journals: LocalJournals) -> None:
    """An open journal that nobody holds is cut behind its last whole line, and numbered."""
    folder = tmp_path / "journal" / "web"
    folder.mkdir(parents=True)
    (folder / "dead.open").write_bytes(lines("a", "b") + lines("torn")[:-7])
    (folder / "empty.open").write_bytes(b"")
    (folder / "torn.open").write_bytes(b'{"at":1')
    (folder / "begun.new").write_bytes(b"")
    await journals.recover()
    [found] = await store.journals("web")
    assert (found.name, found.calls, found.bytes) == ("dead", 2, len(lines("a", "b")))
    assert found.first_at == datetime(2026, 11, 23, 19, tzinfo=UTC)
    assert await ids(journals, found) == ["a", "b"]
    assert files(journals) == [".jsonl"]


async def test_what_a_power_cut_left_is_cut_at_the_damage(
    tmp_path: Path, store: SqlStore, journals: LocalJournals
) -> None:
    """Behind the last flush anything may stand, whole lines too: from the first damaged line on it does not count."""
    folder = tmp_path / "journal" / "web"
    folder.mkdir(parents=True)
    (folder / "dead.open").write_bytes(lines("a") + b"\0" * 40 + b"\n" + lines("never acknowledged"))
    await journals.recover()
    [found] = await store.journals("web")
    assert await ids(journals, found) == ["a"]


async def test_what_another_process_writes_is_left_alone(
    tmp_path: Path, store: SqlStore, journals: LocalJournals
) -> None:
    """A journal whose process lives is not taken over; both go on side by side."""
    other = LocalJournals(tmp_path / "journal", store, SystemClock(), seconds=60)
    await other.append("web", lines("a"), 1, AT)
    await journals.recover()
    await journals.append("web", lines("b"), 1, AT)
    assert await store.journals("web") == []
    assert files(journals) == [".open", ".open"]
    await other.close()
    assert [journal.calls for journal in await store.journals("web")] == [1]


async def test_a_store_that_does_not_answer_holds_nothing_up(
    journals: LocalJournals, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store is away calls are accepted and journals closed; they are numbered when it is back."""
    real = SqlStore.add_journal

    async def away(*_: object, **__: object) -> Journal:
        raise HeadraceError("The store does not answer.", code="store_unavailable")

    monkeypatch.setattr(SqlStore, "add_journal", away)
    await journals.append("web", lines(*map(str, range(100))), 100, AT)
    await journals.append("web", lines("next"), 1, AT)
    assert files(journals) == [".open", ".open"]
    await journals.adopt()
    monkeypatch.setattr(SqlStore, "add_journal", real)
    await journals.adopt()
    assert [journal.calls for journal in await store.journals("web")] == [100]


@pytest.mark.parametrize("torn", [0, 5])
async def test_a_full_disk_acknowledges_nothing(
    torn: int, journals: LocalJournals, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that do not fit are taken back and refused; with room again the journal goes on, whole."""
    await journals.append("web", lines("a"), 1, AT)
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if torn and len(data) > torn:
            return real(descriptor, data[:torn]) if len(data) == len(lines("b")) else _no_space()
        return _no_space()

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StageFull) as refused:
        await journals.append("web", lines("b"), 1, AT)
    assert refused.value.code == "stage_full"
    monkeypatch.setattr(os, "write", real)
    await journals.append("web", lines("c"), 1, AT)
    await journals.close()
    [found] = await store.journals("web")
    assert (await ids(journals, found), found.calls) == (["a", "c"], 2)


def _no_space() -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_a_failed_flush_ends_the_accepting(journals: LocalJournals, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error of fdatasync nobody knows what the disk holds: nothing is accepted until a new start."""
    real = os.fdatasync

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fails)
    for works in (fails, real):
        monkeypatch.setattr(os, "fdatasync", works)
        with pytest.raises(StageFull) as refused:
            await journals.append("web", lines("a"), 1, AT)
        assert refused.value.code == "stage_failed"
    await journals.append("app", lines("b"), 1, AT)


async def test_a_journal_that_is_forgotten_is_removed(journals: LocalJournals, store: SqlStore) -> None:
    """Files and entries up to a number go, whoever asks again; the others stay."""
    for number in range(3):
        await journals.append("web", lines(*(f"m{number}-{n}" for n in range(100))), 100, AT)
    await numbered(store, 3)
    for _ in range(2):
        await journals.forget("web", 2)
    assert [journal.seq for journal in await store.journals("web")] == [3]
    assert files(journals) == [".jsonl"]


@pytest.mark.parametrize("crash", ["before the store", "after the store"])
async def test_a_crash_while_forgetting_brings_nothing_back(
    crash: str, journals: LocalJournals, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed amid the forgetting, the next start finishes it; no journal gets a new number."""
    await journals.append("web", lines(*map(str, range(100))), 100, AT)
    [journal] = await numbered(store, 1)
    if crash == "before the store":
        monkeypatch.setattr(SqlStore, "forget_journals", _dies)
    else:
        monkeypatch.setattr(LocalJournals, "_remove", _dies)
    with pytest.raises(Killed):
        await journals.forget("web", 1)
    monkeypatch.undo()
    await journals.recover()
    if crash == "before the store":
        assert len(await ids(journals, journal)) == 100, "until it is forgotten it can be read"
    await journals.forget("web", 1)
    assert await store.journals("web") == []
    assert files(journals) == []
    assert await store.newest_journals() == {"web": 1}


class Killed(Exception):
    """The process is dead."""


def _dies(*_: object) -> None:
    raise Killed


async def test_a_store_from_a_backup_gets_its_journals_again(journals: LocalJournals, store: SqlStore) -> None:
    """Closed journals that the store does not know, since it is older than they are, are numbered anew."""
    await journals.append("web", lines(*map(str, range(100))), 100, AT)
    await numbered(store, 1)
    await store.forget_journals("web", 1)
    await journals.recover()
    assert [(journal.seq, journal.calls) for journal in await store.journals("web")] == [(2, 100)]


async def test_a_journal_that_is_gone(journals: LocalJournals) -> None:
    """Reading a file that somebody removed says which."""
    with pytest.raises(StageFull, match=r"lost\.jsonl") as refused:
        await journals.read(Journal("web", 1, "lost", 1, 1, AT, AT))
    assert refused.value.code == "stage_failed"


async def test_a_journal_that_cannot_be_given_its_name(
    journals: LocalJournals, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full just when a journal is closed loses nothing, and stops nobody: it is closed at the next
    look, under the number that it has."""
    real = os.replace
    await journals.append("web", lines("a"), 1, AT)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "replace", full)
    journals.size = 1
    await journals.append("web", lines("b"), 1, AT)
    [journal] = await numbered(store, 1)
    await journals.adopt()
    assert await ids(journals, journal) == ["a", "b"]
    assert files(journals) == [".open"]
    monkeypatch.setattr(os, "replace", real)
    await journals.adopt()
    assert files(journals) == [".jsonl"]
    assert await store.journals("web") == [journal]
