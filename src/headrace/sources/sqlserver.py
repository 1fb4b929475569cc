"""Microsoft SQL Server and Azure SQL as a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.connector import Field, Spec
from headrace.model import Check
from headrace.ports import Source, Tools
from headrace.sources.fields import SSH_TUNNEL, STATEMENT_TIMEOUT
from headrace.sources.network import driver
from headrace.sources.sql import Session, SqlSource

_FIELDS = (
    Field("host", "text", "Name or address of the server.", True, example="shop.database.windows.net"),
    Field("port", "integer", "Port of the server.", default=1433, minimum=1, maximum=65535),
    Field("database", "text", "Database to read from.", True, example="shop"),
    Field("user", "text", "Login; one that can only SELECT.", True, example="headrace_reader"),
    Field("password", "secret", "The login's password.", True),
    Field(
        "tls",
        "choice",
        "How the connection is encrypted. Without it: verify-full, which also proves that the server is the right one; "
        "for a server on this machine (localhost, 127.0.0.1, ::1): prefer, which takes TLS if offered. strict is "
        "verify-full by TDS 8.0, which SQL Server has from 2022.",
        choices=("disable", "prefer", "require", "verify-full", "strict"),
    ),
    Field("tls_ca", "path", "Certificate (PEM) of the authority that signed the server's; without it: the system's."),
    Field(
        "tls_name", "text", "Name in the server's certificate, where that is not `host`.", example="sql1.example.com"
    ),
    SSH_TUNNEL,
    STATEMENT_TIMEOUT,
    Field(
        "isolation",
        "choice",
        "What the query sees of changes that are made meanwhile. Without it: snapshot where the database allows it, "
        "else read-committed.",
        choices=("snapshot", "read-committed"),
    ),
)


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rules between the fields."""
    if settings.get("tls") not in ("disable", "prefer", "require"):
        return []
    return [
        (name, f"is not used with tls: {settings['tls']}; set tls to verify-full or strict")
        for name in ("tls_ca", "tls_name")
        if settings.get(name)
    ]


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    def connect() -> Session:
        driver("mssql_python", "sqlserver", "SQL Server")
        from headrace.sources.sqlserver_session import SqlServerSession

        return SqlServerSession(settings, tools)

    def check() -> Check:
        driver("mssql_python", "sqlserver", "SQL Server")
        from headrace.sources.sqlserver_check import check

        return check(settings, tools)

    return SqlSource(connect, check, timeout=settings.get("statement_timeout") or 0)


_CATALOG = """\
select table_schema, table_name, column_name, data_type from information_schema.columns
where table_schema <> 'sys' order by table_schema, table_name, ordinal_position"""

_GRANTS = """\
CREATE LOGIN headrace_reader WITH PASSWORD = '…';
CREATE USER headrace_reader FOR LOGIN headrace_reader;
ALTER ROLE db_datareader ADD MEMBER headrace_reader;
DENY INSERT, UPDATE, DELETE, EXECUTE, ALTER TO headrace_reader;
ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON;
"""

SPEC = Spec(
    type="sqlserver",
    title="SQL Server",
    summary="Tables and views of Microsoft SQL Server, version 2014 or newer, and of Azure SQL.",
    fields=_FIELDS,
    source=_source,
    validate=_validate,
    dialect="sqlserver",
    catalog=_CATALOG,
    grants=_GRANTS,
    guide="how-to/connect-sqlserver.md",
)
