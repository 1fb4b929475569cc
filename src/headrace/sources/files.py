"""CSV, Parquet and NDJSON files, on the local disk or in a bucket, as a source, queried with DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.connector import Field, Spec
from headrace.model import Check
from headrace.ports import Source, Tools
from headrace.sources import buckets, catalog
from headrace.sources.fields import DUCKDB
from headrace.sources.sql import Session, SqlSource

_CSV_OPTIONS = frozenset(
    {"comment", "dateformat", "decimal_separator", "delim", "encoding", "escape", "header", "nullstr", "quote"}
    | {"skip", "thousands", "timestampformat", "types"}
)


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    from headrace.sources import files_session

    def connect() -> Session:
        return files_session.connect(settings, tools)

    def check() -> Check:
        return files_session.check(settings, tools)

    timeout = settings["statement_timeout"]
    if kind := buckets.store(settings):
        from headrace.sources.buckets_source import BucketSource
        from headrace.sources.buckets_store import address

        return BucketSource(connect, check, timeout=timeout, http=tools.http, address=address(kind, settings))
    return SqlSource(connect, check, timeout=timeout)


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    if not settings.get("path") and not settings.get("tables"):
        problems.append(("path", "is missing: name a folder, or tables and their files in `tables`"))
    known = ", ".join(sorted(_CSV_OPTIONS))
    unknown = [name for name in settings.get("csv") or {} if name not in _CSV_OPTIONS]
    problems += buckets.problems(settings)
    return problems + [("csv", f"has no option {name!r}; it knows {known}") for name in unknown]


SPEC = Spec(
    type="files",
    title="Files",
    summary="CSV, Parquet and NDJSON files on this machine or in a bucket, queried with DuckDB's SQL.",
    fields=(
        Field(
            "path",
            "path",
            "A folder; or s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or az://CONTAINER/FOLDER. "
            "Each file in it (.csv, .tsv, .parquet, .ndjson, .jsonl, the text ones also with .gz) is "
            "a table named after it, and each sub-folder is one table of all its files.",
            example="data",
        ),
        Field(
            "tables",
            "map",
            "Tables by name, each with a pattern of files that have the same columns, here or in a bucket. Of each "
            "table t there is also t_with_file, with two more columns: _file_name and _file_modified_at.",
            example={"people": "data/people-*.parquet"},
        ),
        Field(
            "csv",
            "map",
            "How to read the CSV files, where guessing is not enough: DuckDB's options "
            f"{', '.join(sorted(_CSV_OPTIONS))}. A column is text unless its type keeps every value.",
            example={"delim": ";", "types": {"zip": "VARCHAR"}},
        ),
        buckets.BUCKET,
        *DUCKDB,
    ),
    source=_source,
    validate=_validate,
    dialect="duckdb",
    catalog=catalog.DUCKDB,
    guide="how-to/connect-files.md",
)
