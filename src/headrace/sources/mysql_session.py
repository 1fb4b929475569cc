"""A session of MySQL or MariaDB: rows of text into Arrow, in one repeatable-read, read-only transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa

from headrace.errors import SourceError
from headrace.ports import Tools
from headrace.sources.mysql_connection import Connection
from headrace.sources.mysql_errors import ends_in_statement, query_refusal, words
from headrace.sources.mysql_types import columns
from headrace.sources.sql import BATCH_ROWS, Result, not_a_select
from headrace.sources.text_rows import TextColumn, batches, schema

# So few that the collector of Python's garbage, which looks at every 700 new tuples, finds none to look at.
_FETCH_ROWS = 512

Rows = Sequence[Sequence[bytes | None]]


class MysqlSession:
    """`headrace.sources.sql.Session` of a MySQL or MariaDB server.

    `now` asks for the time, then opens the transaction in which `run` reads. So what the query sees is at least as
    new as that moment, and nothing it sees came after the transaction's snapshot.
    """

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self.notes: Counter[str] = Counter()
        self._connection = Connection(settings, tools)
        self._timeout = settings.get("statement_timeout") or 0
        self._booleans = settings.get("booleans", True)
        self.errors = (self._connection.Error, pa.ArrowException)

    def now(self) -> datetime:
        self._connection.fresh()
        [(moment,)] = self._connection.query("select utc_timestamp(6)")
        self._connection.begin()
        assert moment is not None
        return datetime.fromisoformat(moment.decode()).replace(tzinfo=UTC)

    def run(self, sql: str, limit: int | None) -> Result:
        self.notes.clear()
        statement = sql.rstrip().rstrip(";")
        self._connection.begin()
        self._prove_select(statement)
        result = self._connection.start(statement, limit)
        if result is None:
            raise not_a_select(self._connection.title)
        described = columns(result, self._booleans, self.notes)
        return Result(schema(described), self._batches(result, described, limit))

    def interrupt(self) -> None:
        self._connection.kill()

    def explain(self, error: Exception, sql: str) -> SourceError:
        self._connection.end()
        return query_refusal(error, sql, self._connection.title, self._timeout)

    def close(self) -> None:
        self._connection.close()

    def _prove_select(self, sql: str) -> None:
        """Refuse what is not one SELECT. Text that the server takes for a subquery is no other statement, and cannot
        write to files (INTO OUTFILE), which a read-only transaction would let through."""
        try:
            self._connection.parse(f"select exists (\n{sql}\n)")
        except self._connection.Error as error:
            self._connection.parse(sql)  # what is wrong with the text itself is told of the text itself
            if ends_in_statement(sql, error):
                raise
            raise not_a_select(self._connection.title, words(error)) from error

    def _batches(
        self, result: Any, described: Sequence[TextColumn], limit: int | None
    ) -> Generator[pa.RecordBatch, None, None]:
        done = False
        try:
            # a query with a LIMIT of its own is not bound by the session's
            chunks = _chunks(result) if limit is None else [rows] if (rows := result.fetch_row(limit)) else []
            yield from batches(described, chunks, BATCH_ROWS)
            done = limit is None or not result.fetch_row(1)
        finally:
            if not done:
                self._connection.kill()
            self._connection.end()  # an open transaction would keep the server from cleaning up


def _chunks(result: Any) -> Iterable[Rows]:
    """The rows, a few at a time. No name holds a chunk while the next one is fetched."""
    return iter(partial(result.fetch_row, _FETCH_ROWS), ())
