"""Google BigQuery as a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from headrace.connector import Field, Spec
from headrace.model import Check
from headrace.ports import Source, Tools
from headrace.sources import network
from headrace.sources.fields import STATEMENT_TIMEOUT
from headrace.sources.sql import Session, SqlSource

_FIELDS = (
    Field(
        "credentials",
        "secret",
        "Key of a service account: the text of its JSON file. Without it and `credentials_file`: "
        "the application default credentials of this machine.",
    ),
    Field("credentials_file", "path", "The same as a file.", example="keys/headrace-reader.json"),
    Field(
        "project",
        "text",
        "Project that runs the queries and pays for them; without it: the one of the credentials.",
        example="shop-analytics",
    ),
    Field("location", "text", "Where the data is; without it: BigQuery finds out by the tables.", example="EU"),
    Field(
        "dataset",
        "text",
        "Dataset in which tables are found without a prefix; project.dataset for one of another project.",
        example="sales",
    ),
    Field(
        "api",
        "choice",
        "How rows are read. storage: the Storage Read API, fast; rest: pages of JSON, slow; "
        "auto: storage, and rest where the account may not use it.",
        default="auto",
        choices=("auto", "storage", "rest"),
    ),
    Field(
        "maximum_bytes_billed",
        "integer",
        "A query that would read more bytes than this is refused, and costs nothing.",
        minimum=1,
        example=100_000_000_000,
    ),
    Field("labels", "map", "Labels of the query jobs, for the bill.", example={"team": "growth"}),
    STATEMENT_TIMEOUT,
    Field(
        "tls_ca",
        "path",
        "Certificate (PEM) of an authority to trust instead of the usual ones, such as that of a proxy in between.",
    ),
    Field("url", "url", "Another address of the BigQuery API.", example="https://bigquery-shop.p.googleapis.com"),
    Field(
        "storage_url",
        "url",
        "Another address of the Storage Read API.",
        example="https://bigquerystorage-shop.p.googleapis.com",
    ),
)


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rules between the fields."""
    problems = []
    if settings.get("credentials") and settings.get("credentials_file"):
        problems.append(("credentials_file", "says the same as `credentials`; remove one of them"))
    for name in ("url", "storage_url"):
        parts = urlsplit(settings.get(name) or "")
        if parts.scheme == "http" and not network.on_this_machine(parts.hostname or ""):
            problems.append((name, "would send the rows unencrypted over the network; write https://"))
    return problems


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    def driver() -> None:
        for module in ("google.cloud.bigquery", "google.cloud.bigquery_storage"):
            network.driver(module, "bigquery", "BigQuery")

    def connect() -> Session:
        driver()
        from headrace.sources.bigquery_session import BigQuerySession

        return BigQuerySession(settings, tools.base)

    def check() -> Check:
        driver()
        from headrace.sources.bigquery_check import check

        return check(settings, tools.base)

    return SqlSource(connect, check, timeout=settings.get("statement_timeout") or 0)


def _catalog(settings: Mapping[str, Any]) -> str:
    """Of the dataset, else of all in the location; BigQuery has no catalog of everything."""
    place = settings.get("dataset") or (f"region-{settings['location'].lower()}" if settings.get("location") else "")
    return (
        f"""\
select table_schema, table_name, column_name, data_type from `{place}`.INFORMATION_SCHEMA.COLUMNS
order by table_schema, table_name, ordinal_position"""
        if place
        else ""
    )


SPEC = Spec(
    type="bigquery",
    title="Google BigQuery",
    summary="Tables and views of Google BigQuery.",
    fields=_FIELDS,
    source=_source,
    validate=_validate,
    dialect="bigquery",
    catalog=_catalog,
    guide="how-to/connect-bigquery.md",
)
