"""A session of Redshift: rows of text, streamed in chunks, in one read-only transaction."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import closing
from datetime import datetime
from itertools import islice
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.types.string import TextLoader

from headrace.errors import SourceError
from headrace.ports import Tools
from headrace.sources import text_rows
from headrace.sources.redshift_connection import Connection
from headrace.sources.redshift_errors import query_refusal, server_words
from headrace.sources.redshift_types import column
from headrace.sources.sql import BATCH_ROWS, Result, not_a_select, refused
from headrace.sources.text_rows import TextColumn

_AS_ROWS = "select * from (\n"


class RedshiftSession:
    """`headrace.sources.sql.Session` of Redshift.

    `now` opens the transaction in which `run` reads, so what the query sees is at least as new as that moment.
    """

    errors = (psycopg.Error, pa.ArrowException, ValueError)

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self.notes: Counter[str] = Counter()
        self._connection = Connection(settings, tools)
        self._timeout = settings["statement_timeout"]
        self._prefix = 0  # characters before the user's text in the statement that runs

    def now(self) -> datetime:
        return self._connection.begin()

    def run(self, sql: str, limit: int | None) -> Result:
        self.notes.clear()
        self._connection.ensure_begun()
        try:
            columns, statement = self._prepared(sql, limit)
        except SourceError:
            self._connection.end()
            raise

        def batches() -> Generator[pa.RecordBatch, None, None]:
            try:
                with self._cursor() as cursor, closing(_chunks(cursor, statement, limit)) as chunks:
                    yield from text_rows.batches(columns, chunks, BATCH_ROWS)
            finally:
                self._connection.end()  # an open transaction would keep the server from cleaning up

        return Result(text_rows.schema(columns), batches())

    def interrupt(self) -> None:
        self._connection.cancel()

    def explain(self, error: Exception, sql: str) -> SourceError:
        alive = self._connection.end()
        return query_refusal(error, sql, alive=alive, timeout=self._timeout, prefix=self._prefix)

    def close(self) -> None:
        self._connection.close()

    def _prepared(self, sql: str, limit: int | None) -> tuple[list[TextColumn], str]:
        """The columns of the user's query, and the statement to run for it. Raises `QueryError` for what is none."""
        self._prefix = 0
        described = self._connection.describe(sql)
        if not described.nfields:
            raise not_a_select("Redshift")
        if described.nparams:
            raise refused("Redshift", "it has a parameter ($1), and nothing gives it a value", sql)
        columns = [
            column((described.fname(n) or b"").decode(), described.ftype(n), self.notes)
            for n in range(described.nfields)
        ]
        if not self._is_subquery(sql) or limit is None:
            return columns, sql
        self._prefix = len(_AS_ROWS)
        return columns, f"{_AS_ROWS}{sql}\n) as q limit {limit}"

    def _is_subquery(self, sql: str) -> bool:
        """Let the server parse the statement where only a query can stand: UNLOAD, CALL or SET are refused there.

        False for a query that Redshift takes by itself alone. Raises `QueryError` for what is no query.
        """
        try:
            self._connection.describe(f"select 1 from (\n{sql}\n) as q")
        except psycopg.Error as error:
            words = server_words(error)
            if error.sqlstate != "42601" and re.search("(?i)recursive", words):  # a syntax error quotes the text
                self._connection.begin()
                return False
            raise not_a_select("Redshift", words) from error
        return True

    def _cursor(self) -> psycopg.Cursor[tuple[str | None, ...]]:
        """A cursor that gives every value as the text that the server sent: compiled, so no Python runs for it."""
        cursor = self._connection.psycopg.cursor()
        for oid in {0, *(oid for info in cursor.adapters.types for oid in (info.oid, info.array_oid))}:
            cursor.adapters.register_loader(oid, TextLoader)
        return cursor


def _chunks(
    cursor: psycopg.Cursor[tuple[str | None, ...]], statement: str, limit: int | None
) -> Generator[list[tuple[str | None, ...]], None, None]:
    """The rows in lists; ``limit`` rows in all. The statement is cancelled if it is left before its end."""
    size = text_rows.FETCH_ROWS if limit is None else max(1, min(limit, text_rows.FETCH_ROWS))
    stream = cursor.stream(statement.encode(), size=size)
    assert isinstance(stream, Generator)
    with closing(stream):
        rows = stream if limit is None else islice(stream, limit)
        while chunk := list(islice(rows, text_rows.FETCH_ROWS)):
            yield chunk
