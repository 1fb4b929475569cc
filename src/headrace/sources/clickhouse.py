"""A ClickHouse server as a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from headrace.connector import Field, Spec
from headrace.ports import Source, Tools
from headrace.sources.fields import SSH_TUNNEL, STATEMENT_TIMEOUT, TLS
from headrace.sources.network import driver, tls_problems
from headrace.sources.sql import SqlSource

_MODE = replace(
    TLS[0],
    help="How the connection is encrypted. Without it: verify-full, which also proves that the server is the right "
    "one; for a server on this machine (localhost, 127.0.0.1, ::1): disable.",
    choices=("disable", "require", "verify-ca", "verify-full"),
)

_FIELDS = (
    Field("host", "text", "Name or address of the server.", True, example="abc123.eu-west-1.aws.clickhouse.cloud"),
    Field(
        "port",
        "integer",
        "Port of the server's HTTP interface; without it: 8443, or 8123 with tls: disable.",
        minimum=1,
        maximum=65535,
    ),
    Field("database", "text", "Database in which tables are found without a prefix.", default="default"),
    Field("user", "text", "User to log in as; one that can only SELECT.", default="default", example="headrace_reader"),
    Field("password", "secret", "The user's password; leave it out where the server asks for none."),
    _MODE,
    *TLS[1:],
    SSH_TUNNEL,
    STATEMENT_TIMEOUT,
    Field(
        "options",
        "map",
        "Server settings for each query.",
        example={"join_use_nulls": 1, "max_memory_usage": 4_000_000_000},
    ),
)


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rules between the fields."""
    return tls_problems(settings) + [
        ("options", f"cannot set {name}: {value}, which would cut results short; write a LIMIT in the query")
        for name, value in (settings.get("options") or {}).items()
        if name in ("limit", "offset") or ("overflow_mode" in name and value != "throw")
    ]


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    driver("urllib3", "clickhouse", "ClickHouse")
    from headrace.sources.clickhouse_check import check
    from headrace.sources.clickhouse_session import ClickHouseSession

    return SqlSource(
        lambda: ClickHouseSession(settings, tools),
        lambda: check(settings, tools),
        timeout=settings.get("statement_timeout") or 0,
    )


_CATALOG = """\
select database, table, name, type from system.columns
where lower(database) not in ('system', 'information_schema') order by database, table, position"""

_GRANTS = """\
CREATE USER headrace_reader IDENTIFIED WITH sha256_password BY '…';
GRANT SELECT ON shop.* TO headrace_reader;
"""

SPEC = Spec(
    type="clickhouse",
    title="ClickHouse",
    summary="Tables and views of a ClickHouse server or of ClickHouse Cloud, version 23.3 or newer.",
    fields=_FIELDS,
    source=_source,
    validate=_validate,
    dialect="clickhouse",
    catalog=_CATALOG,
    grants=_GRANTS,
    guide="how-to/connect-clickhouse.md",
)
