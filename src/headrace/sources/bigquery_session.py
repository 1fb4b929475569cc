"""A session with BigQuery: a dry run that parses, a query job, and its result over the Storage Read API or REST."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import requests
from google.api_core.exceptions import Forbidden, GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1.types.arrow import ArrowSerializationOptions
from google.cloud.bigquery_storage_v1.types.stream import DataFormat, ReadSession

from headrace.errors import SourceError
from headrace.sources.bigquery_connection import NO_RETRY, RESUME, RETRY, TIMEOUT, Connection
from headrace.sources.bigquery_errors import explained
from headrace.sources.bigquery_types import Columns
from headrace.sources.sql import Result, cut_short, not_a_select, one_statement, stopped

DRIVER_ERRORS = (GoogleAPIError, GoogleAuthError, requests.RequestException, pa.ArrowException, OSError)
_PAGE_ROWS = 10_000  # of a page over REST, which is JSON
_FEW_ROWS = 8_192  # smaller batches are joined: each one costs something later
_NO_STORAGE = (
    "The account {account!r} may not use the Storage Read API; rows came over REST, which is slow. "
    "Grant roles/bigquery.readSessionUser on the project {project!r}, or set `api` to rest."
)


class BigQuerySession:
    """`headrace.sources.sql.Session` of a BigQuery project.

    A query is parsed by BigQuery itself in a dry run; only what it calls a SELECT is run.
    """

    errors = DRIVER_ERRORS

    def __init__(self, settings: Mapping[str, Any], base: Path) -> None:
        self.notes: Counter[str] = Counter()
        self.connection = Connection(settings, base)
        self._settings = settings
        self._job_id: str | None = None  # of the job that may run
        self._location: str | None = None  # where it runs
        self._cancelled = False
        self._stream: Any = None  # of rows, while it is read

    def now(self) -> datetime:
        rows = self.connection.client.query_and_wait(
            "SELECT CURRENT_TIMESTAMP()",
            location=self._settings.get("location"),
            api_timeout=TIMEOUT,
            wait_timeout=TIMEOUT,
            retry=RETRY,
            job_retry=NO_RETRY,
        )
        [(moment,)] = rows
        assert isinstance(moment, datetime)
        return moment.astimezone(UTC)

    def run(self, sql: str, limit: int | None) -> Result:
        self.notes.clear()
        self._cancelled = False
        self._stream = None
        location = self._parse(sql)
        job = self._start(sql, location)
        self._job_id = job.job_id
        try:
            # The whole result is ready when this returns; it stays in a table of BigQuery's own for a day. It comes
            # with a first page of rows, which is worth nothing where they are read otherwise.
            whole = job.result(page_size=1, retry=RETRY, job_retry=None)
        finally:
            self._job_id = None
        if job.statement_type not in (None, "SELECT"):
            raise not_a_select("BigQuery", f"it is {job.statement_type}")
        if limit is not None or self._settings["api"] == "rest":
            return self._over_rest(job, limit)
        try:
            return self._over_storage(job, whole.schema, whole.total_rows)
        except Forbidden:
            if self._settings["api"] == "storage":
                raise
            note = _NO_STORAGE.format(account=self.connection.account, project=self.connection.project)
            self.notes[note] += 1
            return self._over_rest(job, None)

    def interrupt(self) -> None:
        self._cancelled = True
        if self._stream is not None:
            self._stream.cancel()
        job_id = self._job_id
        if job_id is not None:
            with suppress(*DRIVER_ERRORS):  # then we are asked again
                self.connection.client.cancel_job(job_id, location=self._location, retry=NO_RETRY, timeout=TIMEOUT)
                self._job_id = None

    def explain(self, error: Exception, sql: str) -> SourceError:
        return explained(error, sql, self.connection, interrupted=self._cancelled)

    def close(self) -> None:
        self.connection.close()

    def _config(self, **more: Any) -> bigquery.QueryJobConfig:
        config = bigquery.QueryJobConfig(
            use_legacy_sql=False,
            labels={name: str(value) for name, value in (self._settings.get("labels") or {}).items()},
            **more,
        )
        if self._settings.get("maximum_bytes_billed"):
            config.maximum_bytes_billed = self._settings["maximum_bytes_billed"]
        if self.connection.dataset is not None:
            config.default_dataset = self.connection.dataset
        return config

    def _parse(self, sql: str) -> str | None:
        """Let BigQuery parse the query and look at what it would read, without running it. Returns where it would run.

        Raises the driver's errors for a faulty query, and `QueryError` for anything that is not one SELECT.
        """
        if not sql.strip():
            raise not_a_select("BigQuery", "it is empty")
        job = self.connection.client.query(
            sql, self._config(dry_run=True, use_query_cache=False), retry=RETRY, timeout=TIMEOUT, job_retry=None
        )
        if job.statement_type == "SCRIPT":
            raise one_statement()
        if job.statement_type != "SELECT":
            raise not_a_select("BigQuery", f"it is {job.statement_type or 'no statement'}")
        self._location = job.location
        return self._location

    def _start(self, sql: str, location: str | None) -> bigquery.QueryJob:
        config = self._config()
        timeout = self._settings.get("statement_timeout")
        if timeout:
            config.job_timeout_ms = max(1000, round(1000 * timeout))  # should we be gone when the time is up
        return self.connection.client.query(
            sql, config, job_id_prefix="headrace-", location=location, retry=RETRY, timeout=TIMEOUT, job_retry=None
        )

    def _over_storage(self, job: bigquery.QueryJob, fields: list[bigquery.SchemaField], total: int | None) -> Result:
        """One stream of Arrow batches from the job's table: one, so that rows come in the order of the query."""
        table = job.destination
        options = ReadSession.TableReadOptions(
            arrow_serialization_options=ArrowSerializationOptions(
                buffer_compression=ArrowSerializationOptions.CompressionCodec.LZ4_FRAME
            )
        )
        session = self.connection.storage.create_read_session(
            parent=f"projects/{self.connection.project}",
            read_session=ReadSession(
                table=f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}",
                data_format=DataFormat.ARROW,
                read_options=options,
            ),
            max_stream_count=1,
            retry=RETRY,
            timeout=TIMEOUT,
        )
        given = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
        columns = Columns(fields, given, self.notes)

        def batches() -> Generator[pa.RecordBatch, None, None]:
            for source in session.streams:
                self._stream = stream = self.connection.storage.read_rows(source.name, retry=RESUME)
                try:
                    for message in stream:
                        yield pa.ipc.read_record_batch(
                            pa.py_buffer(message.arrow_record_batch.serialized_record_batch), given
                        )
                finally:
                    self._stream = None
                    stream.cancel()

        return Result(columns.schema, self._plain(columns, batches(), total))

    def _over_rest(self, job: bigquery.QueryJob, limit: int | None) -> Result:
        """Pages of rows as JSON, made into Arrow here."""
        rows = job.result(page_size=limit or _PAGE_ROWS, max_results=limit, retry=RETRY, job_retry=None)
        pages = rows.to_arrow_iterable()
        first = next(pages, None)
        given = first.schema if first is not None else rows.to_arrow().schema
        columns = Columns(rows.schema, given, self.notes)

        def batches() -> Generator[pa.RecordBatch, None, None]:
            if first is not None:
                yield first
                yield from pages

        total = rows.total_rows
        wanted = total if total is None or limit is None else min(total, limit)
        return Result(columns.schema, self._plain(columns, batches(), wanted))

    def _plain(
        self, columns: Columns, batches: Generator[pa.RecordBatch, None, None], total: int | None
    ) -> Generator[pa.RecordBatch, None, None]:
        """Plain batches, of ``total`` rows. A stream that is cancelled just ends; that is not the end of the rows."""
        rows = 0
        with closing(batches):
            for batch in _gathered(batches):
                if self._cancelled:
                    raise stopped()
                rows += batch.num_rows
                yield columns(batch)
        if self._cancelled:
            raise stopped()
        if total is not None and rows != total:
            raise cut_short("BigQuery", rows, total)


def _gathered(batches: Iterable[pa.RecordBatch]) -> Generator[pa.RecordBatch, None, None]:
    """The same rows in the same order; batches of few rows joined."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        if not waiting and batch.num_rows >= _FEW_ROWS:
            yield batch
            continue
        waiting.append(batch)
        count += batch.num_rows
        if count >= _FEW_ROWS:
            yield pa.concat_batches(waiting)
            waiting, count = [], 0
    if waiting:
        yield pa.concat_batches(waiting)
