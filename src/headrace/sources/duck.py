"""DuckDB as an engine, for the sources that are read with it: locked up, streaming, faithful to types."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.errors import SourceError
from headrace.sources.plain import AS_IS, Faithful, PlainColumns
from headrace.sources.sql import BATCH_ROWS, Result, not_a_select, one_statement, refused, wrap, writes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXPLAIN = "explain "
_CONFIGURATION = {
    "errors_as_json": "true",
    "python_enable_replacements": "false",  # a query must not see this program's variables
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

_TEXT = "{}::varchar"
_JSON = "to_json({})"
_SCALARS = frozenset(
    {"boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint"}
    | {"float", "double", "varchar"}
)
_PLAIN = _SCALARS | {"decimal", "blob", "date", "time", "time_ns", "interval", "uuid", "enum", '"null"'} | {
    "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone", "timestamptz_ns",
}  # fmt: skip
_NUMBERS = frozenset({"hugeint", "uhugeint", "bignum"})
_NESTED = frozenset({"list", "array", "struct", "map", "union", "variant"})


def faithful(kind: Any) -> Faithful:
    """The way to read one column without loss, by its DuckDB type."""
    if str(kind) == "JSON":
        return Faithful(AS_IS, JSON_FIELD)
    if kind.id in _PLAIN or (kind.id == "list" and kind.child.id in _SCALARS and str(kind.child) != "JSON"):
        return Faithful()
    if kind.id in _NUMBERS:
        return Faithful(_TEXT, NUMERIC_FIELD)
    if kind.id in _NESTED:
        return Faithful(_JSON, JSON_FIELD)
    return Faithful(_TEXT)


class DuckSession:
    """`headrace.sources.sql.Session` of a DuckDB instance of its own.

    ``prepare`` makes the tables known and says what stays readable; after it nothing outside can be reached and no
    setting changed. Spilled data goes to a folder in ``home`` that ends with the session.
    """

    errors = (duckdb.Error, pa.ArrowException, OSError)

    def __init__(
        self,
        settings: Mapping[str, Any],
        home: Path,
        prepare: Callable[[duckdb.DuckDBPyConnection], object],
    ) -> None:
        self.notes: Counter[str] = Counter()
        home.mkdir(parents=True, exist_ok=True)
        self._spill = tempfile.TemporaryDirectory(dir=home, prefix="duckdb-", ignore_cleanup_errors=True)
        configuration: dict[str, Any] = {**_CONFIGURATION, "temp_directory": self._spill.name}
        for name in ("memory_limit", "threads"):
            if settings.get(name):
                configuration[name] = str(settings[name])
        self._prefix = 0  # bytes before the user's text in the statement that runs
        try:
            self._connection = duckdb.connect(":memory:", config=configuration)
        except BaseException:
            self._spill.cleanup()
            raise
        try:
            # Before the tables are looked at: what changes from now on belongs to the next run.
            [(micros,)] = self.query("select epoch_us(get_current_timestamp())")
            self._opened_at = _EPOCH + timedelta(microseconds=micros)
            self._connection.execute("set timezone = 'UTC'")
            prepare(self._connection)
            self._connection.execute("set enable_external_access = false")
            self._connection.execute("set lock_configuration = true")
        except BaseException:
            self.close()
            raise

    def now(self) -> datetime:
        return self._opened_at

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a statement of our own."""
        return self._connection.execute(sql).fetchall()

    def run(self, sql: str, limit: int | None) -> Result:
        self.notes.clear()
        self._prefix = 0
        statements = self._connection.extract_statements(sql)
        if len(statements) > 1:
            raise one_statement()
        if not statements:
            raise not_a_select("DuckDB", "it is empty")
        kind = statements[0].type.name
        if kind == "MULTI":
            raise not_a_select("DuckDB", "a PIVOT must name its columns, as in PIVOT t ON x IN ('a', 'b')")
        if kind != "SELECT":
            raise not_a_select("DuckDB", f"it is a statement of type {kind}")
        relation = self._connection.sql(sql)  # .execute() would hold the whole result in memory
        names = relation.columns
        columns = [faithful(kind) for kind in relation.types]
        if limit is not None or any(column.expression != AS_IS for column in columns):
            wrapped, prefix = wrap(sql, [column.expression for column in columns], limit)
            self._prefix = len(wrapped[:prefix].encode())
            relation = self._connection.sql(wrapped)
        reader = relation.to_arrow_reader(BATCH_ROWS)
        plain = PlainColumns(reader.schema, names, columns, self.notes)

        def batches() -> Generator[pa.RecordBatch, None, None]:
            with reader:
                for batch in reader:
                    yield plain(batch)

        return Result(plain.schema, batches())

    def interrupt(self) -> None:
        self._connection.interrupt()

    def explain(self, error: Exception, sql: str) -> SourceError:
        kind, reason, position = _words(error)
        if position is None and kind in ("Binder", "Catalog", "Parser"):
            position = self._locate(sql)
        elif position is not None:
            position -= self._prefix
        if "read-only mode" in reason:
            return writes("DuckDB", reason)
        if "file system operations are disabled" in reason:
            reason = f"{reason.partition(' - ')[0]}. Only the tables of this source can be read"
        if kind == "Out of Memory":
            return SourceError(
                f"DuckDB ran out of memory: {reason}. Raise `memory_limit` of the source.", code="memory"
            )
        if kind == "IO":
            return SourceError(f"DuckDB could not read: {reason}. Mend the file and run again.", code="file")
        return refused("DuckDB", reason, sql, None if position is None else _characters(sql, position))

    def close(self) -> None:
        with suppress(duckdb.Error):
            self._connection.close()
        self._spill.cleanup()

    def _locate(self, sql: str) -> int | None:
        """The byte of ``sql`` at which planning it fails: streaming results do not tell."""
        try:
            self._connection.execute(_EXPLAIN + sql)
        except duckdb.Error as error:
            position = _words(error)[2]
            return None if position is None else position - len(_EXPLAIN)
        return None


def literal(value: object) -> str:
    """A setting as a SQL literal: text, numbers, booleans, and lists and maps of them."""
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(name)}: {literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return "'" + str(value).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as SQL quotes it."""
    return '"' + name.replace('"', '""') + '"'


def reason(error: Exception) -> str:
    """DuckDB's words about an error, on one line."""
    return _words(error)[1]


def _words(error: Exception) -> tuple[str, str, int | None]:
    """The kind of an error, its message on one line, and the byte in the statement where it is, if told."""
    kind, _, text = str(error).partition(" Error: ")
    position = None
    with suppress(ValueError):
        fields = json.loads(text)
        text = fields["exception_message"]
        position = int(fields["position"]) if "position" in fields else None
    text = re.split(r"\n\tCandidate functions:|\n\nPossible solutions:|\nPossible solutions:|\n\nLINE ", text)[0]
    return kind, " ".join(text.split()).rstrip(".!"), position


def _characters(sql: str, position: int) -> int:
    return len(sql.encode()[: max(position, 0)].decode(errors="ignore"))
