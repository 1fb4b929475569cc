"""The workspace's file: transactions, repetition, readers beside the writer, and files that cannot be written."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headrace.destinations.workspace import SPEC, WorkspaceReader, schema, workspace_path
from headrace.errors import HeadraceError
from headrace.model import CallKind
from headrace.ports import Tools, Verdict
from headrace.testing.destination_contract import batch_of, settings
from headrace.testing.samples import awkward_calls, bare_calls, sample_calls
from tests.destinations.workspaces import Desk, calls_of


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "workspace.sqlite")
    yield desk
    await desk.destination.close()


def content(path: Path) -> list[str]:
    """All that a workspace holds, as SQL."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


# ------------------------------------------------------------------------------------------------------- the promise


@pytest.mark.parametrize("kind", CallKind)
async def test_all_kinds_and_awkward_texts(desk: Desk, kind: CallKind) -> None:
    """Every kind of call is taken whole, bare, and with every odd character in its identity, name and body."""
    for calls in (sample_calls(kind), bare_calls(kind), awkward_calls(kind)):
        batch = batch_of(desk.destination, calls)
        assert not batch.encoded.invalid
        assert (await desk.destination.send(batch)).verdict is Verdict.ACCEPTED


async def test_awkward_identities_come_back(desk: Desk) -> None:
    """A person is found again by the very text that made them, and has it among their attributes."""
    calls = awkward_calls(CallKind.IDENTIFY)
    await desk.destination.send(batch_of(desk.destination, calls))
    for identity in calls.columns.column("user_id").to_pylist():
        assert desk.attributes(identity)["text"] == identity


@pytest.mark.parametrize("kind", CallKind)
async def test_sending_again_changes_nothing(desk: Desk, kind: CallKind) -> None:
    """A batch that is sent again, by a new process and at another time, leaves the file as it is."""
    await desk.identify({"user_id": "before-0000"}, {"user_id": "user-0001"})
    await desk.destination.send(batch_of(desk.destination, sample_calls(kind)))
    before = content(desk.path)
    other = Desk(desk.path)
    other.clock.moment = datetime(2030, 1, 1, tzinfo=UTC)
    assert (await other.destination.send(batch_of(other.destination, sample_calls(kind)))).verdict is Verdict.ACCEPTED
    await other.destination.close()
    assert content(desk.path) == before


async def test_the_first_of_a_message_id_counts(desk: Desk) -> None:
    """Within a batch and across batches and kinds, later calls with a known messageId have no effect."""
    await desk.identify({"message_id": "m", "user_id": "7", "body": {"n": 1}}, {"message_id": "m", "user_id": "8"})
    await desk.track({"message_id": "m", "user_id": "7", "name": "Order"})
    assert desk.attributes("7") == {"n": 1}
    counts = desk.counts()
    assert (counts.people, counts.events, counts.messages) == (1, 0, 1)


async def test_only_the_batch_is_applied(desk: Desk) -> None:
    """Calls at other positions of the calls batch are left alone."""
    batch = batch_of(desk.destination, sample_calls(CallKind.IDENTIFY), [3, 5])
    await desk.destination.send(batch)
    assert [desk.knows(f"user-{number:04d}") for number in range(2, 7)] == [False, True, False, True, False]


async def test_a_failing_batch_leaves_nothing(desk: Desk) -> None:
    """If a write fails in the middle of a batch, no call of it is applied, and the batch can be sent again."""
    await desk.identify({"user_id": "7"})
    before = content(desk.path)
    rows = [{"user_id": f"u{number}", "body": {"text": "x" * 1000}} for number in range(500)]
    batch = batch_of(desk.destination, calls_of(CallKind.IDENTIFY, *rows))
    connection = desk.destination._connection
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 20}")
    reply = await desk.destination.send(batch)
    assert (reply.verdict, reply.code) == (Verdict.RETRY, "disk_full")
    assert content(desk.path) == before
    assert (await desk.destination.send(batch)).verdict is Verdict.ACCEPTED
    assert desk.people() == 501


async def test_json_that_cannot_be_stored_is_refused(desk: Desk) -> None:
    """Nesting beyond measure and half characters refuse the batch, which leaves nothing and can be split."""
    deep = '{"a":' * 400 + "1" + "}" * 400
    for body in (deep, '{"cio_subscription_preferences":' + deep + "}", '{"a":"\\ud800"}'):
        reply = await desk.reply(CallKind.IDENTIFY, {"user_id": "7"}, {"user_id": "8", "body": body})
        assert (reply.verdict, reply.code) == (Verdict.REFUSED, "bad_json")
    assert desk.people() == 0
    await desk.identify({"user_id": "7"})


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from headrace.destinations.workspace import apply
from headrace.model import CallKind
from headrace.testing.destination_contract import batch_of
from headrace.testing.samples import sample_calls
from tests.destinations.workspaces import Desk

async def main():
    desk = Desk(Path(sys.argv[1]))
    await desk.identify({"user_id": "7"})
    flush = apply.Unit.flush
    def flush_and_die(unit):
        flush(unit)
        if unit._connection.execute("SELECT count(*) FROM people").fetchone()[0] > 5:
            os.kill(os.getpid(), signal.SIGKILL)
    apply.Unit.flush = flush_and_die
    await desk.destination.send(batch_of(desk.destination, sample_calls(CallKind.IDENTIFY, 2000)))

asyncio.run(main())
"""


def test_a_killed_process_leaves_nothing_half_done(tmp_path: Path) -> None:
    """kill -9 after the rows were written and before the commit: earlier batches are there, this one is not."""
    path = tmp_path / "workspace.sqlite"
    command = [sys.executable, "-c", KILLED, str(path)]
    killed = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    with WorkspaceReader(path) as reader:
        assert [person.user_id for person in reader.people()] == ["7"]
        assert reader.counts().messages == 1


# --------------------------------------------------------------------------------------------------- company


async def test_reading_while_writing(desk: Desk) -> None:
    """A reader sees what is committed while a transaction is open, and disturbs nobody."""
    await desk.identify({"user_id": "7"})
    connection = desk.destination._connection
    assert connection is not None
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM people")
    assert desk.people() == 1
    connection.execute("COMMIT")
    assert desk.people() == 0


async def test_a_reader_cannot_write(desk: Desk) -> None:
    """The database itself enforces it."""
    await desk.identify({"user_id": "7"})
    with desk.look() as reader, pytest.raises(sqlite3.OperationalError, match=r"readonly|read-only|query_only"):
        reader._rows("DELETE FROM people RETURNING id")


async def test_another_writer_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workspace that somebody else is writing is retried, not failed."""
    monkeypatch.setattr(schema, "BUSY_TIMEOUT", 0.01)
    await desk.identify({"user_id": "7"})
    other = sqlite3.connect(desk.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await desk.destination.close()
    reply = await desk.reply(CallKind.IDENTIFY, {"user_id": "8"})
    assert (reply.verdict, reply.code) == (Verdict.RETRY, "workspace_locked")
    other.execute("ROLLBACK")
    other.close()
    await desk.identify({"user_id": "8"})


async def test_two_destinations_make_one_file(tmp_path: Path) -> None:
    """Two syncs may open a new workspace at the same moment: all their calls are in it."""
    desks = [Desk(tmp_path / "workspace.sqlite") for _ in range(4)]
    calls = [calls_of(CallKind.IDENTIFY, {"message_id": f"m{n}", "user_id": f"u{n}"}) for n in range(4)]
    work = [desk.destination.send(batch_of(desk.destination, one)) for desk, one in zip(desks, calls, strict=True)]
    assert {reply.verdict for reply in await asyncio.gather(*work)} == {Verdict.ACCEPTED}
    assert desks[0].people() == 4
    for desk in desks:
        await desk.destination.close()


# ----------------------------------------------------------------------------------------- files we cannot write to


async def test_check_of_a_new_workspace(desk: Desk) -> None:
    """A path that can be made is well, and is not made."""
    check = await desk.destination.check()
    assert check.ok
    assert not desk.path.exists()
    await desk.identify({"user_id": "7"})
    assert (await desk.destination.check()).ok


def text_file(path: Path) -> None:
    path.write_text("not a database, but a text that is long enough to be one" * 100)


def other_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (a)")
    connection.close()


def newer_workspace(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()


@pytest.mark.parametrize("make", [text_file, other_database, newer_workspace, Path.mkdir])
async def test_other_files_are_left_alone(desk: Desk, make: object) -> None:
    """A file that is no workspace of ours is refused by check and by send, and stays as it was."""
    assert callable(make)
    make(desk.path)
    before = None if desk.path.is_dir() else desk.path.read_bytes()
    check = await desk.destination.check()
    reply = await desk.reply(CallKind.IDENTIFY, {"user_id": "7"})
    assert reply.verdict is Verdict.DENIED
    assert str(desk.path) in reply.reason
    (problem,) = check.problems
    assert str(desk.path) in problem
    assert before is None or desk.path.read_bytes() == before


async def test_a_path_below_a_file(tmp_path: Path) -> None:
    """A folder that cannot be made is a problem, and denied."""
    (tmp_path / "file").write_text("")
    desk = Desk(tmp_path / "file" / "workspace.sqlite")
    assert not (await desk.destination.check()).ok
    assert (await desk.reply(CallKind.IDENTIFY, {"user_id": "7"})).verdict is Verdict.DENIED


def test_reading_what_is_not_there(tmp_path: Path) -> None:
    """A reader of a missing file says so in one sentence, and makes none."""
    path = tmp_path / "workspace.sqlite"
    with pytest.raises(HeadraceError, match=r"workspace\.sqlite.*Run a sync"):
        WorkspaceReader(path)
    assert not path.exists()


def test_where_the_file_lies(tools: Tools) -> None:
    """By default in the state folder; a relative path starts at the configuration, an absolute one is itself."""
    apart = Tools(tools.http, tools.clock, Path("/state"), Path("/project"))
    assert workspace_path(settings(SPEC), apart) == Path("/state/workspace.sqlite")
    assert workspace_path(settings(SPEC, path="crm.db"), apart) == Path("/project/crm.db")
    assert workspace_path(settings(SPEC, path="/data/crm.db"), apart) == Path("/data/crm.db")


# -------------------------------------------------------------------------------------------------------- the reader


async def test_searching_people(desk: Desk) -> None:
    """By part of user id, e-mail address or attributes, in any letter case, signs taken literally; newest first."""
    await desk.identify(
        {"user_id": "u-100%", "body": {"email": "ann@x.io"}},
        {"user_id": "u-200", "body": {"city": "Oslo"}},
        {"anonymous_id": "a"},
    )
    with desk.look() as reader:
        found = {
            text: [person.user_id for person in reader.people(text)] for text in ("U-", "ANN@", "oslo", "0%", "zz")
        }
        assert [person.user_id for person in reader.people(limit=2)] == [None, "u-200"]
        assert reader.person("nobody") is None
    assert found == {"U-": ["u-200", "u-100%"], "ANN@": ["u-100%"], "oslo": ["u-200"], "0%": ["u-100%"], "zz": []}


async def test_times_beyond_the_calendar(desk: Desk) -> None:
    """A moment that Python's calendar cannot hold is shown as its end, and does not break the view."""
    await desk.track({"user_id": "7", "name": "Order", "timestamp": 10**17}, {"user_id": "7", "timestamp": -(10**17)})
    assert [event.occurred_at.year for event in desk.person("7").events] == [1, 9999]
