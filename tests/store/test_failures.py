"""A database that fails says so in one sentence that helps, and keeps secrets."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import psycopg
import pytest
import sqlalchemy as sa

from headrace.errors import HeadraceError, StageFull
from headrace.store import SqlStore
from headrace.store.failures import Place, explain

FILE = Place("/srv/store.sqlite", True, None)
SERVER = Place("db.internal/headrace", False, "hunter2")


def wrapped(cause: BaseException) -> sa.exc.DBAPIError:
    return sa.exc.OperationalError("INSERT …", {}, cause)


def test_a_full_sqlite_disk_is_stage_full() -> None:
    """SQLite's own word for a full disk ends the run as what it is."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as full:
            connection.execute("CREATE TABLE t (a)")
    error = explain(wrapped(full.value), FILE)
    assert isinstance(error, StageFull)
    assert error.message == (
        "No disk space left, or the disk fails: the store /srv/store.sqlite could not be written "
        "(database or disk is full). Nothing was changed; make room, then run again."
    )


@pytest.mark.parametrize("cause", [psycopg.errors.DiskFull("could not extend file"), psycopg.errors.IoError("EIO")])
def test_a_full_server_disk_is_stage_full(cause: psycopg.Error) -> None:
    """So does PostgreSQL's."""
    assert isinstance(explain(wrapped(cause), SERVER), StageFull)


@pytest.mark.parametrize(("number", "code"), [(28, "stage_full"), (5, "stage_full"), (13, "store_unavailable")])
def test_a_folder_that_cannot_be_made(number: int, code: str) -> None:
    """No space and I/O errors are the disk's fault; no permission is not."""
    assert explain(OSError(number, "why"), FILE).code == code


def test_the_password_is_not_repeated() -> None:
    """Whatever the driver says, the password is not in what we say."""
    error = explain(wrapped(psycopg.OperationalError("no such service: password=hunter2\n  in the file")), SERVER)
    assert error.code == "store_unavailable"
    assert "db.internal/headrace cannot be reached (no such service: password=••• in the file)" in error.message


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/d", "hunter2", "postgresql://u:hunter2@h:port/d", "sqlite://", "", "postgresql+"]
)
def test_an_address_that_is_not_understood(url: str) -> None:
    """Another kind of database, or no URL at all, is refused without repeating it."""
    with pytest.raises(HeadraceError, match="HEADRACE_DATABASE_URL") as refused:
        SqlStore(url)
    assert refused.value.code == "store_unavailable"
    assert "hunter2" not in refused.value.message
