"""A SQLite database file as a source, opened read-only.

SQLite has types for values, not for columns. So the rows are first put aside on disk, while the kinds of values in
each column are noted, and then given as columns of one type: integers, floats, text or bytes. Integers and floats
together become exact decimal text; numbers among text become text, which is noted; bytes among others are an error
that says which CAST to write. Booleans are the integers 0 and 1, as SQLite stores them; dates are text or numbers.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from headrace.connector import Field, Spec
from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Source, Tools
from headrace.sources.fields import STATEMENT_TIMEOUT
from headrace.sources.spool import Spool
from headrace.sources.sql import Result, SqlSource, explained, not_a_select, one_statement, refused, writes

_WAIT_FOR_WRITER = 5.0  # seconds
_CELLS = 262_144  # values of one fetch: 16,384 rows of 16 columns
_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})


class SqliteSession:
    """`headrace.sources.sql.Session` of a SQLite file, in one read transaction. Raises `SourceError`."""

    errors = (sqlite3.Error, sqlite3.Warning)

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self.notes: Counter[str] = Counter()
        self._path = str(settings["path"])
        self._home = tools.home
        self._trusted = True  # statements of our own; see _authorize
        path = tools.base / self._path
        if path.is_dir():
            raise SourceError(f"{self._path!r} is a folder. Set `path` to the database file in it.", code="file")
        if not path.is_file():
            raise SourceError(f"There is no file {self._path!r} in {str(tools.base)!r}. Mend `path`.", code="file")
        self._home.mkdir(parents=True, exist_ok=True)
        uri = f"file:{quote(str(path))}?mode=ro"
        try:
            self._connection = sqlite3.connect(
                uri, uri=True, timeout=_WAIT_FOR_WRITER, isolation_level=None, check_same_thread=False
            )
            self._connection.set_authorizer(self._authorize)
            self._connection.execute("pragma query_only = 1")
            self.query("select count(*) from sqlite_master")
        except sqlite3.Error as error:
            raise self._unreadable(str(error)) from error

    def now(self) -> datetime:
        if self._connection.in_transaction:
            self.query("rollback")
        [(text,)] = self.query("select strftime('%Y-%m-%dT%H:%M:%f', 'now')")
        self._begin()
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a statement of our own."""
        self._trusted = True
        try:
            return self._connection.execute(sql).fetchall()
        finally:
            self._trusted = False

    def run(self, sql: str, limit: int | None) -> Result:
        self.notes.clear()
        self._begin()
        cursor = self._connection.execute(sql)
        if cursor.description is None:
            raise not_a_select("SQLite")
        names = [column[0] for column in cursor.description]
        spool = Spool(names, self._home)
        try:
            for rows in _fetched(cursor, max(1, _CELLS // len(names)), limit):
                spool.add(rows)
            cursor.close()
            columns = spool.columns(self.notes)
        except BaseException:
            spool.close()
            raise
        return Result(columns.schema, columns.batches())

    def interrupt(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # closed meanwhile
            self._connection.interrupt()

    def explain(self, error: Exception, sql: str) -> SourceError:
        text = str(error)
        column = re.match("Could not decode to UTF-8 column '(.*?)' with text", text, re.DOTALL)
        if column:
            name = column[1]
            return refused(
                "SQLite",
                f"column {name!r} holds text that is not UTF-8. Select hex({name}) or CAST({name} AS BLOB) instead, "
                "or mend the rows",
                sql,
                code="bad_text",
            )
        if "one statement at a time" in text:
            return one_statement()
        if re.search("readonly database|not authorized|prohibited", text):
            return writes("SQLite", text)
        if re.search("image is malformed|disk I/O|is locked|unable to open", text):
            return self._unreadable(text)
        return refused("SQLite", text, sql, self._locate(text, sql))

    def close(self) -> None:
        self._connection.close()

    def _begin(self) -> None:
        """Open the read transaction; its snapshot is taken by the first read."""
        if not self._connection.in_transaction:
            self.query("begin")
            self.query("select count(*) from sqlite_master")

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        """SQLite asks this of each thing a statement does: a query may read and compute, nothing else."""
        harmless = action == sqlite3.SQLITE_FUNCTION and second != "load_extension"
        # A full-text table asks for these when it is first used. A query could not change sqlite_master in any case.
        internal = (action, first) in (
            (sqlite3.SQLITE_PRAGMA, "data_version"),
            (sqlite3.SQLITE_PRAGMA, "table_xinfo"),  # tells the columns of a table: for the catalog
            (sqlite3.SQLITE_UPDATE, "sqlite_master"),
        )
        if self._trusted or action in _READING or harmless or internal:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    def _locate(self, reason: str, sql: str) -> int | None:
        """The offset of what an error names: Python's sqlite3 does not tell."""
        syntax = re.match('near "(.*)": syntax error', reason, re.DOTALL)
        if syntax:
            token = syntax[1]
            for found in re.finditer(re.escape(token), sql):
                # The text up to the wrong token fails in the same way; up to an earlier one like it, it does not.
                with suppress(sqlite3.Warning):
                    try:
                        self._connection.execute("explain " + sql[: found.end()])
                    except sqlite3.Error as error:
                        if str(error) == reason:
                            return found.start()
            return None
        named = re.match(r"(?:no such|ambiguous) (?:table|column|function)(?: name)?: (.+)", reason)
        places = list(re.finditer(rf"(?<!\w){re.escape(named[1])}(?!\w)", sql)) if named else []
        return places[0].start() if len(places) == 1 else None

    def _unreadable(self, reason: str) -> SourceError:
        if "not a database" in reason:
            return SourceError(f"The file {self._path!r} is not a SQLite database. Mend `path`.", code="file")
        if "locked" in reason:
            return SourceError(
                f"The database {self._path!r} is locked by a program that writes to it. Run again when it is done; "
                "or have that program use PRAGMA journal_mode=WAL, which lets others read meanwhile.",
                code="locked",
            )
        if "malformed" in reason:
            return SourceError(f"The database {self._path!r} is damaged ({reason}). Restore it.", code="file")
        return SourceError(
            f"SQLite could not read {self._path!r}: {reason}. Check that this user may read the file, "
            "and write to its folder if the database is in WAL mode.",
            code="file",
        )


def _fetched(cursor: sqlite3.Cursor, size: int, limit: int | None) -> Iterator[list[tuple[Any, ...]]]:
    """The rows in lists of at most ``size`` (and 16,384), ``limit`` rows in all."""
    size = min(size, 16_384)
    left = limit
    while left is None or left > 0:
        rows = cursor.fetchmany(size if left is None else min(size, left))
        if not rows:
            return
        yield rows
        left = None if left is None else left - len(rows)


def _check(settings: Mapping[str, Any], tools: Tools) -> Check:
    """Open the file as a run does, count its tables, and try to write. Raises `SourceError`."""
    with closing(SqliteSession(settings, tools)) as session, explained(session, ""):
        [(version,)] = session.query("select sqlite_version()")
        [(tables,)] = session.query("select count(*) from sqlite_master where type in ('table', 'view')")
        facts = {"server": f"SQLite {version}", "readable": f"{tables} tables and views"}
        if not _refuses_to_write(session):
            return Check((f"SQLite let a write through to {settings['path']!r}. Make the file read-only.",), (), facts)
        warnings = () if tables else (f"The database {settings['path']!r} has no tables yet. Check `path`.",)
        return Check((), warnings, facts)


def _refuses_to_write(session: SqliteSession) -> bool:
    """Try to write, and expect SQLite's refusal."""
    try:
        session.query("create table headrace_write_probe (n)")
    except sqlite3.OperationalError as error:
        return "readonly" in str(error)
    return False


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    return SqlSource(
        lambda: SqliteSession(settings, tools),
        lambda: _check(settings, tools),
        timeout=settings["statement_timeout"],
    )


_CATALOG = """\
select '', t.name, c.name, lower(c.type) from sqlite_master as t, pragma_table_xinfo(t.name) as c
where t.type in ('table', 'view') and t.name not like 'sqlite!_%' escape '!' and c.hidden <> 1
order by t.name, c.cid"""

SPEC = Spec(
    type="sqlite",
    title="SQLite",
    summary="A SQLite database file on this machine.",
    fields=(
        Field("path", "path", "The database file; starts at the folder of the configuration.", True, example="app.db"),
        STATEMENT_TIMEOUT,
    ),
    source=_source,
    dialect="sqlite",
    catalog=_CATALOG,
)
