"""The workspace as a destination: one batch, one transaction."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from headrace.aio import in_thread
from headrace.calls.batch import CallsBatch
from headrace.destinations.workspace import apply as rules
from headrace.destinations.workspace.reader import WorkspaceReader
from headrace.destinations.workspace.records import Unstorable
from headrace.destinations.workspace.schema import ForeignFile, connect
from headrace.destinations.workspace.validate import invalid
from headrace.errors import HeadraceError
from headrace.model import Check
from headrace.ports import Batch, Clock, Encoded, Limits, Reply, Tools, Verdict

# A row may have 512 KiB of JSON. There is one writer, and the order of calls matters to people's attributes.
LIMITS = Limits(calls=5_000, bytes=64 * 2**20, call_bytes=2**20, in_flight=1, overhead=0, ordered=True)


class WorkspaceDestination:
    """Applies calls to a workspace file. See the package for the rules."""

    limits = LIMITS

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._connection: sqlite3.Connection | None = None

    async def check(self) -> Check:
        """Whether the file is a workspace, or could be made. Creates nothing."""
        return await in_thread(self._check)

    def encode(self, calls: CallsBatch) -> Encoded:
        """The bodies as they are, to be measured; `send` reads the columns."""
        body = calls.column("body")
        assert isinstance(body, pa.LargeStringArray)
        return Encoded({"calls": body}, invalid(calls))

    async def send(self, batch: Batch) -> Reply:
        """Apply the batch in one transaction: all of it or nothing."""
        now = int(self._clock.now().timestamp() * 1000)
        return await in_thread(self._send, batch, now)

    async def close(self) -> None:
        await in_thread(self._close)

    def _send(self, batch: Batch, now: int) -> Reply:
        whole = len(batch) == len(batch.calls)
        calls = batch.calls if whole else batch.calls.take(batch.positions)
        try:
            self._connection = self._connection or connect(self.path)
            with _transaction(self._connection):
                rules.apply(self._connection, calls, now)
        except (orjson.JSONDecodeError, Unstorable, RecursionError) as error:
            reason = f"A call's JSON cannot be stored: {error}. Give that row less nesting, or valid text."
            return Reply(Verdict.REFUSED, code="bad_json", reason=reason)
        except (sqlite3.Error, OSError, ForeignFile) as error:
            self._close()
            return cannot_write(self.path, error)
        return Reply()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _check(self) -> Check:
        facts = {"path": str(self.path)}
        existing = self.path
        while not existing.exists():
            existing = existing.parent
        if not os.access(existing, os.W_OK) or existing.is_dir() == (existing == self.path):
            problem = f"The workspace cannot be written: {existing}. Name a path that this user may write."
            return Check((problem,), facts=facts)
        if existing == self.path:
            try:
                WorkspaceReader(self.path).close()
            except HeadraceError as error:
                return Check((error.message,), facts=facts)
        return Check(facts=facts)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # a full disk rolls back by itself
            connection.execute("ROLLBACK")
        raise


def workspace_path(settings: Mapping[str, Any], tools: Tools) -> Path:
    """Where a workspace lies: a relative ``path`` starts at the configuration; none means the state folder."""
    path = settings.get("path")
    return tools.base / path if path else tools.home / "workspace.sqlite"


def cannot_write(path: Path, error: sqlite3.Error | OSError | ForeignFile) -> Reply:
    """What is full, locked or failing may mend itself; a file that we may not write, or not ours, does not."""
    if isinstance(error, ForeignFile):
        return Reply(Verdict.DENIED, code="not_a_workspace", reason=str(error))
    if isinstance(error, OSError):
        verdict, code, what = _BY_ERRNO.get(error.errno or 0, _NOT_WRITABLE)
        words = error.strerror
    else:
        number = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the extended part
        if number not in _BY_SQLITE:
            raise error  # a defect of ours, not a state of the world
        verdict, code, what = _BY_SQLITE[number]
        words = str(error)
    return Reply(verdict, code=code, reason=f"The workspace could not be written: {path}: {words}. {what}")


_Answer = tuple[Verdict, str, str]
_NOT_WRITABLE: _Answer = (Verdict.DENIED, "workspace_not_writable", "Name a path that this user may write.")
_FULL: _Answer = (Verdict.RETRY, "disk_full", "Make room on that disk.")
_LOCKED: _Answer = (Verdict.RETRY, "workspace_locked", "Another program is writing to it; wait for it, or end it.")
_BY_ERRNO = {errno.ENOSPC: _FULL, errno.EDQUOT: _FULL}
_BY_SQLITE: dict[int, _Answer] = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_IOERR: (Verdict.RETRY, "disk_failing", "See to that disk."),
    sqlite3.SQLITE_READONLY: _NOT_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _NOT_WRITABLE,
    sqlite3.SQLITE_PERM: _NOT_WRITABLE,
    sqlite3.SQLITE_NOTADB: (Verdict.DENIED, "not_a_workspace", "It is no SQLite file: name another path."),
    sqlite3.SQLITE_CORRUPT: (Verdict.DENIED, "workspace_damaged", "Move it away, or restore it from a backup."),
}
