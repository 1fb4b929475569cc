"""CSV, Parquet and NDJSON files on the local disk as a source, queried with DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import duckdb

from headrace.connector import Field, Spec
from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Source, Tools
from headrace.sources import csv_tables, duck
from headrace.sources.file_tables import WITH_FILE, FileTable, find_tables, pattern
from headrace.sources.sql import Result, SqlSource


class FilesSession(duck.DuckSession):
    """DuckDB with a view for each table; only the files of the tables can be read, and none written."""

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self._base = tools.base.resolve()
        self._csv = settings.get("csv") or {}
        self.tables: list[FileTable] = []

        def prepare(connection: duckdb.DuckDBPyConnection) -> None:
            self.tables = find_tables(settings, self._base)
            files = [path for table in self.tables for file in table.files for path in (str(file), pattern(file))]
            connection.execute(f"set allowed_paths = {duck.literal(files)}")

        super().__init__(settings, tools.home, prepare)

    def run(self, sql: str, limit: int | None) -> Result:
        # Looking into files takes time: only those tables that the query can mean are made.
        words = sql.lower()
        named = [table for table in self.tables if table.name.lower() in words]
        for table in named:
            self.make(table, exact=limit is None)
        if not named:  # as in `show tables`, or with a name mistyped, for which DuckDB then proposes others
            for table in self.tables:
                with suppress(SourceError):
                    self.make(table, exact=False)
        return super().run(sql, limit)

    def make(self, table: FileTable, *, exact: bool) -> None:
        """Make the table's views. Raises `SourceError` where its files cannot be read."""
        table.create(self._connection, self._base, self._csv, exact=exact)


def _connect(settings: Mapping[str, Any], tools: Tools) -> FilesSession:
    try:
        return FilesSession(settings, tools)
    except duckdb.Error as error:
        raise SourceError(f"DuckDB refused the settings: {duck.reason(error)}. Check `memory_limit`.") from error


def _check(settings: Mapping[str, Any], tools: Tools) -> Check:
    try:
        session = _connect(settings, tools)
    except SourceError as error:
        return Check(problems=(error.message,))
    try:
        problems = []
        for table in session.tables:
            try:
                session.make(table, exact=False)
            except SourceError as error:
                problems.append(error.message)
        [(version,)] = session.query("select version()")
        names = ", ".join(table.name for table in session.tables)
        return Check(tuple(problems), facts={"server": f"DuckDB {version}", "tables": names})
    finally:
        session.close()


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    return SqlSource(
        lambda: _connect(settings, tools),
        lambda: _check(settings, tools),
        timeout=settings.get("statement_timeout") or 0,
    )


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    if not settings.get("path") and not settings.get("tables"):
        problems.append(("path", "is missing: name a folder, or tables and their files in `tables`"))
    for name in settings.get("csv") or {}:
        if name not in csv_tables.OPTIONS:
            problems.append(("csv", f"has no option {name!r}; it knows {', '.join(sorted(csv_tables.OPTIONS))}"))
    return problems


SPEC = Spec(
    type="files",
    title="Files",
    summary="CSV, Parquet and NDJSON files on this machine, queried with DuckDB's SQL.",
    fields=(
        Field(
            "path",
            "path",
            "A folder. Each file in it (.csv, .tsv, .parquet, .ndjson, .jsonl, the text ones also with .gz) is a table "
            "named after it, and each sub-folder is one table of all its files.",
            example="data",
        ),
        Field(
            "tables",
            "map",
            "Tables by name, each with a pattern of files that have the same columns. Of each table t there is also "
            f"t{WITH_FILE}, with two more columns: _file_name and _file_modified_at.",
            example={"people": "data/people-*.parquet"},
        ),
        Field(
            "csv",
            "map",
            "How to read the CSV files, where guessing is not enough: DuckDB's options "
            f"{', '.join(sorted(csv_tables.OPTIONS))}. Every value is looked at before a column gets another type than text.",
            example={"delim": ";", "types": {"zip": "VARCHAR"}},
        ),
        *duck.FIELDS,
    ),
    source=_source,
    validate=_validate,
)
