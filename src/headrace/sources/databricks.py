"""A Databricks SQL warehouse as a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from headrace.connector import Field, Spec
from headrace.ports import Source, Tools
from headrace.sources import catalog
from headrace.sources.fields import STATEMENT_TIMEOUT
from headrace.sources.network import driver, on_this_machine
from headrace.sources.sql import SqlSource

_FIELDS = (
    Field("host", "text", "Host name of the workspace.", True, example="dbc-a1b2345c-d6e7.cloud.databricks.com"),
    Field(
        "http_path",
        "text",
        "HTTP path of the SQL warehouse, from its page Connection details; or set warehouse_id.",
        example="/sql/1.0/warehouses/1a2b3c4d5e6f7890",
    ),
    Field("warehouse_id", "text", "ID of the SQL warehouse.", example="1a2b3c4d5e6f7890"),
    Field("token", "secret", "Access token; or set client_id and client_secret."),
    Field("client_id", "text", "Application ID of a service principal (OAuth machine-to-machine)."),
    Field("client_secret", "secret", "OAuth secret of the service principal."),
    Field("catalog", "text", "Catalog in which schemas are found without a prefix.", example="shop"),
    Field("schema", "text", "Schema in which tables are found without a prefix.", example="sales"),
    STATEMENT_TIMEOUT,
    Field(
        "tls_ca",
        "path",
        "Certificate (PEM) of an authority to trust instead of the usual ones, such as that of a proxy in between.",
    ),
    Field("url", "url", "Another address of the workspace's API.", example="https://proxy.internal:8443"),
)


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rules between the fields."""
    problems = []
    if bool(settings.get("http_path")) == bool(settings.get("warehouse_id")):
        problems.append(("warehouse_id", "set either `http_path` or `warehouse_id`"))
    oauth = bool(settings.get("client_id")), bool(settings.get("client_secret"))
    if any(oauth) and not all(oauth):
        problems.append(("client_id", "needs `client_secret` beside it, and the other way round"))
    if bool(settings.get("token")) == any(oauth):
        problems.append(("token", "set either `token`, or `client_id` and `client_secret`"))
    url = urlsplit(settings.get("url") or "")
    if url.scheme == "http" and not on_this_machine(url.hostname or ""):
        problems.append(("url", "must be https: the token would be sent in the clear"))
    return problems


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    driver("urllib3", "databricks", "Databricks")
    from headrace.sources.databricks_check import check
    from headrace.sources.databricks_session import DatabricksSession

    return SqlSource(
        lambda: DatabricksSession(settings, tools.base),
        lambda: check(settings, tools.base),
        timeout=settings.get("statement_timeout") or 0,
    )


_GRANTS = """\
GRANT USE CATALOG ON CATALOG shop TO `reader@example.com`;
GRANT USE SCHEMA, SELECT ON SCHEMA shop.sales TO `reader@example.com`;
"""

SPEC = Spec(
    type="databricks",
    title="Databricks",
    summary="Tables and views that a Databricks SQL warehouse reads, under Unity Catalog.",
    fields=_FIELDS,
    source=_source,
    validate=_validate,
    dialect="databricks",
    catalog=catalog.INFORMATION_SCHEMA,
    grants=_GRANTS,
    guide="how-to/connect-databricks.md",
)
