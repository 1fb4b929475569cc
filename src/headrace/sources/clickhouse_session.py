"""A session of a ClickHouse server: Arrow over HTTP, every statement under the server's own read-only mode."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from pyarrow import ipc

from headrace.errors import SourceError
from headrace.ports import Tools
from headrace.sources import https
from headrace.sources.clickhouse_errors import SYNTAX_ERROR, UNKNOWN_FUNCTION, connection_refusal, query_refusal
from headrace.sources.clickhouse_http import ArrowBody, ClickHouseError, Server, identifier, literal
from headrace.sources.clickhouse_types import Texts, faithful
from headrace.sources.plain import AS_IS, PlainColumns
from headrace.sources.sql import Result, not_a_select

_OPENING = """
SELECT version(), getSetting('readonly'), toString(generateUUIDv4()),
       (SELECT groupArray(name) FROM system.settings WHERE name LIKE '%overflow_mode%' AND value IN ('break', 'any'))
"""
_DESCRIBE = "DESCRIBE TABLE (\n"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What the rows must look like, whatever the user's profile says.
_FORMAT = {
    "output_format_arrow_string_as_string": 1,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 0,
    "date_time_output_format": "iso",
    "cancel_http_readonly_queries_on_client_close": 1,
    "limit": 0,  # of the rows of every result; the server tells nobody that there is one
    "offset": 0,
}


class ClickHouseSession:
    """`headrace.sources.sql.Session` of a ClickHouse server.

    ``version`` is the server's; ``readonly`` what the account itself has: 0, 1 (it can change no setting) or 2.
    """

    errors = (ClickHouseError, pa.ArrowException, ValueError, *https.ERRORS)

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self.notes: Counter[str] = Counter()
        self._settings = settings
        self._running: str | None = None
        self._prefix = 0  # bytes before the user's text in the statement that runs
        self.server = Server(settings, tools)
        try:
            [(self.version, readonly, session, cut)] = self.server.ask(_OPENING, {})
            self.readonly = int(readonly)
            self._query_ids = (f"headrace-{session}-{number}" for number in itertools.count(1))
            self._wanted = self._wanted_settings(cut)
            self.ask("SELECT 1")
        except self.errors as error:
            self.server.close()
            raise connection_refusal(error, settings) from None  # a library's error may hold the request
        except BaseException:
            self.server.close()
            raise

    def ask(self, sql: str) -> list[list[Any]]:
        """All rows of a statement of our own, run as the user's are."""
        return self.server.ask(sql, self._wanted)

    def now(self) -> datetime:
        [(microseconds,)] = self.ask("SELECT toUnixTimestamp64Micro(now64(6))")
        return _EPOCH + timedelta(microseconds=int(microseconds))

    def run(self, sql: str, limit: int | None) -> Result:
        self.notes.clear()
        described = self._describe(sql)
        names, kinds = [name for name, _ in described], [kind for _, kind in described]
        ways = [faithful(name, kind) for name, kind in described]
        statement = f"{sql}\n"
        if limit is not None or any(way.expression != AS_IS for way in ways):
            chosen = ", ".join(
                f"{way.expression.format(identifier(name))} AS c{number}"
                for number, (name, way) in enumerate(zip(names, ways, strict=True))
            )
            rows = "" if limit is None else f" LIMIT {limit}"
            statement = f"SELECT {chosen} FROM (\n{sql}\n){rows}"
        self._running = next(self._query_ids)
        body = self.server.stream(statement, self._wanted, self._running)
        try:
            reader = _opened(body)
            texts = Texts(names, kinds, self.notes)
            plain = PlainColumns(texts.schema(reader.schema), names, ways, self.notes)
        except BaseException:
            body.close()
            raise

        def batches() -> Generator[pa.RecordBatch, None, None]:
            with closing(body):
                try:
                    for batch in reader:
                        yield plain(texts(batch))
                except pa.ArrowException:
                    body.finish()
                    raise
                body.finish()
            self._running = None

        return Result(plain.schema, batches())

    def interrupt(self) -> None:
        running = self._running
        if running is not None:
            with suppress(*self.errors):
                self.server.kill(running)

    def explain(self, error: Exception, sql: str) -> SourceError:
        self._running = None
        return query_refusal(error, sql, self._settings, self._prefix)

    def close(self) -> None:
        self.server.close()

    def _describe(self, sql: str) -> list[tuple[str, str]]:
        """Name and type of each column of a query; it is not run. In brackets the server takes only one SELECT."""
        if not sql.strip():
            raise not_a_select("ClickHouse")
        self._prefix = len(_DESCRIBE)
        self._running = next(self._query_ids)  # subqueries that stand for a value run even now
        try:
            rows = self.server.ask(f"{_DESCRIBE}{sql}\n)", {**self._wanted, "query_id": self._running})
        except ClickHouseError as error:
            if error.code == SYNTAX_ERROR:
                self._look_closer(sql)
            raise
        self._prefix = 0
        return [(row[0], row[1]) for row in rows]

    def _look_closer(self, sql: str) -> None:
        """Raise what is wrong with a text that is no query in brackets. The server parses it, and does no more."""
        try:
            self.ask(f"SELECT formatQuery({literal(sql)})")
        except ClickHouseError as error:
            if error.code != UNKNOWN_FUNCTION:
                self._prefix = 0
                raise
            return
        raise not_a_select("ClickHouse", "it is not one SELECT by itself, without FORMAT or INTO OUTFILE")

    def _wanted_settings(self, cut: list[str]) -> dict[str, object]:
        """The settings of every statement; ``cut`` are those of the account that would cut results short."""
        given = self._settings.get("options") or {}
        options = {name: int(value) if isinstance(value, bool) else value for name, value in given.items()}
        if self.readonly == 1:
            if options or cut:
                names = ", ".join([*options, *cut])
                raise SourceError(
                    f"The account {self._settings['user']!r} has readonly = 1 and cannot change the settings {names}. "
                    "Remove them from `options` and from its profile, or give it readonly = 2.",
                    code="options",
                )
            return {}
        wanted = {**_FORMAT, **options, **dict.fromkeys(cut, "throw")}
        if self._settings.get("statement_timeout"):
            wanted["max_execution_time"] = self._settings["statement_timeout"]
        if self.readonly == 0:
            wanted["readonly"] = 1
        return wanted


def _opened(body: ArrowBody) -> ipc.RecordBatchStreamReader:
    """The reader of a stream. A failure before the schema is told like one amid the rows."""
    try:
        return ipc.open_stream(body)
    except pa.ArrowException:
        body.finish()
        raise
