"""A session of a Snowflake account: ADBC fetches the result's Arrow chunks as they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import adbc_driver_manager
import pyarrow as pa

from headrace.errors import SourceError
from headrace.sources.snowflake_connection import PREFETCH, Connection
from headrace.sources.snowflake_errors import query_refusal
from headrace.sources.snowflake_types import Columns
from headrace.sources.sql import Result, cut_short, not_a_select

_HEAD = "select * from (\n"


class SnowflakeSession:
    """`headrace.sources.sql.Session` of a Snowflake account.

    Snowflake has no read-only transactions. What it runs is the user's text as a subquery, where its grammar allows a
    query and nothing else; before that it describes the text by itself, so that no bracket in it closes ours.
    """

    errors = (adbc_driver_manager.Error, pa.ArrowException, OSError)

    def __init__(self, settings: Mapping[str, Any], base: Path) -> None:
        self.notes: Counter[str] = Counter()
        self._connection = Connection(settings, base)
        self._timeout = settings.get("statement_timeout") or 0
        self._cursor: Any = None  # of the statement that runs; another thread may cancel it
        self._lines_before = 0  # lines before the user's text in the statement that runs

    def now(self) -> datetime:
        [(moment,)] = self._connection.query("select sysdate()")
        assert isinstance(moment, datetime)
        return moment.replace(tzinfo=UTC)

    def run(self, sql: str, limit: int | None) -> Result:
        self.notes.clear()
        self._lines_before = 0
        if not sql.strip():
            raise not_a_select("Snowflake")
        self._cursor = cursor = self._connection.adbc.cursor(
            adbc_stmt_kwargs={
                "adbc.snowflake.rpc.prefetch_concurrency": str(PREFETCH),
                "adbc.rpc.result_queue_size": "1",
            }
        )
        try:
            described = cursor.adbc_execute_schema(sql)
            self._lines_before = 1
            cursor.execute(f"{_HEAD}{sql}\n)" + ("" if limit is None else f" limit {limit}"))
            total = cursor.rowcount
            reader = cursor.fetch_record_batch()
            columns = Columns(reader.schema, described, self.notes)
        except BaseException:
            self._close_cursor()
            raise

        def batches() -> Generator[pa.RecordBatch, None, None]:
            rows = 0
            try:
                with reader:
                    for batch in reader:
                        rows += batch.num_rows
                        yield columns(batch)
                if 0 <= total != rows:
                    raise cut_short("Snowflake", rows, total)
            finally:
                self._close_cursor()

        return Result(columns.schema, batches())

    def interrupt(self) -> None:
        cursor = self._cursor
        if cursor is not None:
            with suppress(adbc_driver_manager.Error):
                cursor.adbc_cancel()

    def explain(self, error: Exception, sql: str) -> SourceError:
        return query_refusal(error, sql, self._connection.alive, self._timeout, self._lines_before)

    def close(self) -> None:
        self._connection.close()

    def _close_cursor(self) -> None:
        cursor, self._cursor = self._cursor, None
        with suppress(adbc_driver_manager.Error):
            cursor.close()
