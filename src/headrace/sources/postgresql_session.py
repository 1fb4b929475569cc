"""A session of a PostgreSQL server: ADBC's binary COPY into Arrow, in one repeatable-read, read-only transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from typing import Any

import adbc_driver_manager
import pyarrow as pa

from headrace.errors import SourceError
from headrace.ports import Tools
from headrace.sources.plain import AS_IS, PlainColumns
from headrace.sources.postgresql_connection import Connection
from headrace.sources.postgresql_errors import query_refusal
from headrace.sources.postgresql_types import faithful
from headrace.sources.sql import Result, not_a_select, wrap

_COPY = len("COPY (")  # what the driver writes in front of a query


class PostgresSession:
    """`headrace.sources.sql.Session` of a PostgreSQL server.

    `now` opens the transaction in which `run` reads. So what the query sees is at least as new as that moment, and
    nothing it sees came after the transaction's snapshot.
    """

    errors = (adbc_driver_manager.Error, pa.ArrowException, OSError)

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self.notes: Counter[str] = Counter()
        self._connection = Connection(settings, tools)
        self._timeout = settings.get("statement_timeout") or 0
        self._prefix = 0  # characters before the user's text in the statement that runs

    def now(self) -> datetime:
        self._connection.end()
        self._connection.begin()
        [(moment,)] = self._connection.query("select now()")
        assert isinstance(moment, datetime)
        return moment.astimezone(UTC)

    def run(self, sql: str, limit: int | None) -> Result:
        self.notes.clear()
        self._connection.begin()
        self._prefix = 0
        described = self._describe(sql)
        columns = [faithful(field) for field in described]
        statement, prefix = f"{sql}\n", 0  # the line's end closes a comment before the driver's bracket
        if limit is not None or any(column.expression != AS_IS for column in columns):
            statement, prefix = wrap(sql, [column.expression for column in columns], limit)
        self._prefix = _COPY + prefix
        cursor = self._connection.adbc.cursor()
        try:
            cursor.execute(statement)
            reader = cursor.fetch_record_batch()
            plain = PlainColumns(reader.schema, described.names, columns, self.notes)
        except BaseException:
            cursor.close()
            raise

        def batches() -> Generator[pa.RecordBatch, None, None]:
            try:
                with cursor, reader:
                    for batch in reader:
                        yield plain(batch)
            finally:
                self._connection.end()  # an open transaction would keep the server from cleaning up

        return Result(plain.schema, batches())

    def interrupt(self) -> None:
        self._connection.cancel()

    def explain(self, error: Exception, sql: str) -> SourceError:
        alive = self._connection.end()
        return query_refusal(error, sql, alive=alive, timeout=self._timeout, prefix=self._prefix)

    def close(self) -> None:
        self._connection.close()

    def _describe(self, sql: str) -> pa.Schema:
        """The columns of a query, which the server parses for it, and does not run.

        This also holds that the user's text is one statement by itself, before it is put into another.
        """
        if not sql.strip():
            raise not_a_select("PostgreSQL")
        with self._connection.adbc.cursor() as cursor:
            schema = cursor.adbc_execute_schema(sql)
        if not len(schema):
            raise not_a_select("PostgreSQL")
        return schema
