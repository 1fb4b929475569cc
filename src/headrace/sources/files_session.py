"""A session on CSV, Parquet and NDJSON files: DuckDB with a view for each table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any

import duckdb

from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Tools
from headrace.sources import duck
from headrace.sources.file_tables import FileTable, find_tables, pattern
from headrace.sources.sql import Result, explained


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

    def explain(self, error: Exception, sql: str) -> SourceError:
        explained = super().explain(error, sql)
        if "Table with name" in explained.message:
            explained.message += f". The tables are: {', '.join(table.name for table in self.tables)}."
            explained.args = (explained.message,)
        return explained

    def make(self, table: FileTable, *, exact: bool) -> None:
        """Make the table's views. Raises `SourceError` where its files cannot be read."""
        table.create(self._connection, self._base, self._csv, exact=exact)


def connect(settings: Mapping[str, Any], tools: Tools) -> FilesSession:
    """A session on the files. Raises `SourceError` where there are none, or the settings are wrong."""
    try:
        return FilesSession(settings, tools)
    except duckdb.Error as error:
        raise SourceError(f"DuckDB refused the settings: {duck.reason(error)}. Check `memory_limit`.") from error


def check(settings: Mapping[str, Any], tools: Tools) -> Check:
    """Look into the files of every table. Raises `SourceError`."""
    with closing(connect(settings, tools)) as session, explained(session, ""):
        problems = [problem for table in session.tables if (problem := _problem(session, table))]
        [(version,)] = session.query("select version()")
        names = ", ".join(table.name for table in session.tables)
        return Check(tuple(problems), facts={"server": f"DuckDB {version}", "tables": names})


def _problem(session: FilesSession, table: FileTable) -> str | None:
    try:
        session.make(table, exact=False)
    except SourceError as error:
        return error.message
    return None
