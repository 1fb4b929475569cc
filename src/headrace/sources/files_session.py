"""A session on CSV, Parquet and NDJSON files: DuckDB with a view for each table."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Tools
from headrace.sources import buckets, duck
from headrace.sources.buckets_grants import grants
from headrace.sources.buckets_objects import Bucket
from headrace.sources.buckets_store import Store
from headrace.sources.file_tables import FileTable, Place, find_tables, pattern
from headrace.sources.files_local import LocalDisk
from headrace.sources.sql import Result, explained


class FilesSession(duck.DuckSession):
    """DuckDB with a view for each table; only the files of the tables can be read, and none written."""

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self._csv = settings.get("csv") or {}
        self.tables: list[FileTable] = []
        self.bucket: Bucket | None = None

        def prepare(connection: duckdb.DuckDBPyConnection) -> None:
            if kind := buckets.store(settings):
                self.bucket = Bucket(Store(kind, settings, tools), Path(self._spill.name, "copies"))
            self._place: Place = self.bucket or LocalDisk(tools.base.resolve(), tools.home if tools.confined else None)
            self.tables = find_tables(settings, self._place)
            files = [path for table in self.tables for file in table.files for path in (file.path, pattern(file.path))]
            if self.bucket:
                files += self.bucket.connect(connection, [file for table in self.tables for file in table.files])
            connection.execute(f"set allowed_paths = {duck.literal(files)}")

        super().__init__(settings, tools.home, prepare)

    def run(self, sql: str, limit: int | None) -> Result:
        if self.bucket:
            self.bucket.start()
        # Looking into files takes time: only those tables that the query can mean are made.
        words = sql.lower()
        named = [table for table in self.tables if table.name.lower() in words]
        for table in named:
            self.make(table, exact=limit is None)
        if not named:  # as in `show tables`, or with a name mistyped, for which DuckDB then proposes others
            for table in self.tables:
                with suppress(SourceError):
                    self.make(table, exact=False)
        result = super().run(sql, limit)
        return Result(result.schema, _verified(result.batches, self.bucket)) if self.bucket else result

    def interrupt(self) -> None:
        if self.bucket:
            self.bucket.stop()
        super().interrupt()

    def explain(self, error: Exception, sql: str) -> SourceError:
        if self.bucket and self.bucket.failure:
            return self.bucket.failure
        explained = super().explain(error, sql)
        if "Table with name" in explained.message:
            explained.message += f". The tables are: {', '.join(table.name for table in self.tables)}."
            explained.args = (explained.message,)
        return explained

    def close(self) -> None:
        super().close()
        if self.bucket:
            self.bucket.close()

    def make(self, table: FileTable, *, exact: bool, peek: bool = False) -> None:
        """Make the table's views. Raises `SourceError` where its files cannot be read."""
        if self.bucket:
            self.bucket.failure = None
        try:
            table.create(self._connection, self._place, self._csv, exact=exact, peek=peek)
        except SourceError:
            if self.bucket and self.bucket.failure:
                raise self.bucket.failure from None
            raise


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
        facts = {"server": f"DuckDB {version}"}
        if session.bucket:
            account = (settings.get("bucket") or {}).get("account")
            facts["store"] = session.bucket.title
            facts["grants"] = grants(session.bucket.kind, session.bucket.names, account)
        facts["tables"] = ", ".join(table.name for table in session.tables)
        return Check(tuple(problems), facts=facts)


def _problem(session: FilesSession, table: FileTable) -> str | None:
    try:
        session.make(table, exact=False, peek=session.bucket is not None)
    except SourceError as error:
        return error.message
    return None


def _verified(batches: Generator[pa.RecordBatch, None, None], bucket: Bucket) -> Generator[pa.RecordBatch, None, None]:
    """The batches; after the last, an error if a file changed meanwhile."""
    with closing(batches):
        yield from batches
    bucket.verify()
