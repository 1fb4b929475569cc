"""A session of a Databricks SQL warehouse: each statement by itself, its result as chunks of Arrow."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import ipc

from headrace.errors import QueryError, SourceError
from headrace.sources import https
from headrace.sources.databricks_api import Api, DatabricksError
from headrace.sources.databricks_errors import refusal
from headrace.sources.databricks_types import Column, as_is, column, typed
from headrace.sources.plain import PlainColumns
from headrace.sources.sql import Result, cut_short, not_a_select, stopped, wrap

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DatabricksSession:
    """`headrace.sources.sql.Session` of a SQL warehouse."""

    errors = (DatabricksError, pa.ArrowException, *https.ERRORS)

    def __init__(self, settings: Mapping[str, Any], base: Path) -> None:
        self.notes: Counter[str] = Counter()
        self._settings = settings
        self._stop = threading.Event()
        self._lines = 0  # before the user's text in the statement that runs
        self.api = Api(settings, base)
        try:
            [(self.user, self.catalog, self.schema)] = self.api.ask(
                "SELECT current_user(), current_catalog(), current_schema()"
            )
        except self.errors as error:
            self.api.close()
            raise refusal(error, "", settings, self.api.where) from None  # a library's error may hold the request

    def now(self) -> datetime:
        [(microseconds,)] = self.api.ask("SELECT unix_micros(current_timestamp())")
        return _EPOCH + timedelta(microseconds=int(microseconds or 0))

    def run(self, sql: str, limit: int | None) -> Result:
        self.notes.clear()
        self._stop.clear()
        columns = self._describe(sql)
        given = pa.schema([(one.name, one.type) for one in columns])
        plain = PlainColumns(given, given.names, [one.way for one in columns], self.notes)
        statement, self._lines = sql, 0
        if limit is not None or not as_is(columns):
            statement, _ = wrap(sql, [one.way.expression for one in columns], limit)
            self._lines = 1
        answer = self.api.start(statement, disposition="EXTERNAL_LINKS", format="ARROW_STREAM")
        answer = self.api.finish(answer, self._stop)
        if answer["manifest"].get("truncated"):
            raise QueryError("Databricks cut the result short. Read fewer rows or columns at a time.")
        total = int(answer["manifest"]["total_row_count"])

        def batches() -> Generator[pa.RecordBatch, None, None]:
            rows = 0
            for chunk in self._chunks(answer):
                for batch in ipc.open_stream(pa.py_buffer(chunk)):
                    if self._stop.is_set():
                        raise stopped()
                    rows += batch.num_rows
                    yield plain(typed(batch, given))
            if rows != total:
                raise cut_short("Databricks", rows, total)

        return Result(plain.schema, batches())

    def interrupt(self) -> None:
        self._stop.set()  # whoever waits for a statement then cancels it

    def explain(self, error: Exception, sql: str) -> SourceError:
        return refusal(error, sql, self._settings, self.api.where, self._lines)

    def close(self) -> None:
        self.api.close()

    def _describe(self, sql: str) -> list[Column]:
        """The columns of a query, which the server parses and does not run. Only one query can stand there."""
        if not sql.strip():
            raise not_a_select("Databricks")
        self._lines = 1
        rows = self.api.ask(f"DESCRIBE QUERY\n{sql}", self._stop)
        return [column(str(name), str(kind)) for name, kind, *_ in rows]

    def _chunks(self, answer: Mapping[str, Any]) -> Iterator[bytes]:
        """The chunks of a result in order, each an Arrow stream; the next one comes while one is worked on."""
        statement = answer["statement_id"]
        links = (answer.get("result") or {}).get("external_links") or []
        number: int | None = 0 if answer["manifest"]["total_chunk_count"] else None
        with ThreadPoolExecutor(1, "headrace-chunks") as ahead:
            coming: Future[tuple[bytes, int | None]] | None = None
            if number is not None:
                coming = ahead.submit(self._chunk, statement, number, links)
            while coming is not None and not self._stop.is_set():
                data, following = coming.result()
                coming = None if following is None else ahead.submit(self._chunk, statement, following, [])
                yield data

    def _chunk(self, statement: str, number: int, links: list[dict[str, Any]]) -> tuple[bytes, int | None]:
        """One chunk, and the number of the one after it. A link that is too old is asked for again."""
        for known in (links, []):
            for link in known or self.api.links(statement, number):
                data = self.api.download(link)
                if data is not None:
                    return data, link.get("next_chunk_index")
        raise DatabricksError(200, "CLOSED", f"the store of results no longer has chunk {number}")
