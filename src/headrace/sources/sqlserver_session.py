"""A session of SQL Server: its driver's Arrow batches, in one transaction that is rolled back."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from typing import Any

import mssql_python
import pyarrow as pa

from headrace.errors import SourceError
from headrace.ports import Tools
from headrace.sources.sql import Result, not_a_select, stopped, writes
from headrace.sources.sqlserver_connection import DRIVER_ERRORS, Connection
from headrace.sources.sqlserver_errors import query_refusal, refusal
from headrace.sources.sqlserver_text import one_select
from headrace.sources.sqlserver_types import Plain, literal, readable

_BATCH_ROWS = 16_384
_DESCRIBE = (
    "select name, coalesce(system_type_name, user_type_name) as type, error_message as fault "
    "from sys.dm_exec_describe_first_result_set({}, null, 0)"
)


class SqlServerSession:
    """`headrace.sources.sql.Session` of a SQL Server.

    `now` opens the transaction in which `run` reads; a snapshot is taken when the query first touches a table. So
    what the query sees is at least as new as that moment.
    """

    errors = (*DRIVER_ERRORS, pa.ArrowException)

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self.notes: Counter[str] = Counter()
        self._settings = settings
        self._connection = Connection(settings, tools)
        self._guard = threading.Lock()
        self._running: mssql_python.Cursor | None = None
        self._interrupted = False

    def now(self) -> datetime:
        self._connection.end()
        self._connection.begin()
        [(moment,)] = self._connection.query("select sysutcdatetime() as now")
        assert isinstance(moment, datetime)
        return moment.replace(tzinfo=UTC)

    def run(self, sql: str, limit: int | None) -> Result:
        self.notes.clear()
        one_select(sql)
        self._interrupted = False
        self._connection.begin()
        columns = self._describe(sql)
        readable(columns)
        cursor = self._connection.cursor()
        with self._guard:
            self._running = cursor
        try:
            cursor.execute(sql)
            self._go_on()
            plain = Plain(cursor.arrow_batch(0).schema, columns)
        except BaseException:
            self._finish(cursor)
            raise
        return Result(plain.schema, self._batches(cursor, plain, limit))

    def _batches(
        self, cursor: mssql_python.Cursor, plain: Plain, limit: int | None
    ) -> Generator[pa.RecordBatch, None, None]:
        left = limit
        try:
            while left is None or left > 0:
                batch = cursor.arrow_batch(_BATCH_ROWS if left is None else min(left, _BATCH_ROWS))
                self._go_on()
                if not batch.num_rows:
                    break
                left = None if left is None else left - batch.num_rows
                yield plain(batch)
        except BaseException:  # also when nobody wants the rest
            self._finish(cursor)
            self._connection.end()  # an open transaction would keep the server from cleaning up
            raise
        self._finish(cursor)
        kept = self._connection.in_transaction()
        self._connection.end()
        if not kept:
            raise writes("SQL Server", "the query ended the transaction it ran in")

    def interrupt(self) -> None:
        with self._guard:
            self._interrupted = True
            handle = self._running.hstmt if self._running is not None else None
            if handle is not None:
                handle._cancel()  # noqa: SLF001  SQLCancel has no other name; the one call for another thread

    def explain(self, error: Exception, sql: str) -> SourceError:
        alive = self._connection.end()
        return query_refusal(error, sql, alive=alive, timeout=self._settings.get("statement_timeout") or 0)

    def close(self) -> None:
        self._connection.close()

    def _describe(self, sql: str) -> list[tuple[str, str]]:
        """Name and type of the query's columns. The server parses it for that, and does not run it."""
        described = self._connection.query(_DESCRIBE.format(literal(sql)))
        for _, _, fault in described:
            if fault is not None:
                raise refusal(fault, sql)
        if not described:
            raise not_a_select("SQL Server")
        return [(name or "", kind or "") for name, kind, _ in described]

    def _go_on(self) -> None:
        """Raises if the statement was interrupted: the driver then ends the rows as if there were no more."""
        if self._interrupted:
            raise stopped()

    def _finish(self, cursor: mssql_python.Cursor) -> None:
        """Close the cursor, which cancels what still runs."""
        with self._guard:
            self._running = None
        cursor.close()
