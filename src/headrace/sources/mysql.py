"""A MySQL or MariaDB server as a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.connector import Field, Spec
from headrace.ports import Source, Tools
from headrace.sources.fields import SSH_TUNNEL, STATEMENT_TIMEOUT, TLS
from headrace.sources.network import tls_problems
from headrace.sources.sql import SqlSource

_FIELDS = (
    Field("host", "text", "Name or address of the server, or its Unix socket.", True, example="db.internal"),
    Field("port", "integer", "Port of the server.", default=3306, minimum=1, maximum=65535),
    Field("database", "text", "Database in which tables are found without a prefix.", True, example="shop"),
    Field("user", "text", "Account to log in as; one that can only SELECT.", True, example="headrace_reader"),
    Field("password", "secret", "The account's password; leave it out where the server asks for none."),
    *TLS,
    SSH_TUNNEL,
    STATEMENT_TIMEOUT,
    Field("booleans", "boolean", "Whether TINYINT(1) comes as true and false; or else as a number.", default=True),
    Field("options", "map", "Server variables for the session.", example={"join_buffer_size": 4194304}),
)

# What the reading relies on.
_OURS = frozenset({
    "time_zone", "tx_read_only", "transaction_read_only", "tx_isolation", "transaction_isolation", "sql_select_limit",
    "max_statement_time", "max_execution_time", "character_set_results", "character_set_client", "autocommit",
})  # fmt: skip


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rules between the fields."""
    problems = tls_problems(settings)
    if str(settings.get("host", "")).startswith("/") and settings.get("ssh_tunnel"):
        problems.append(("ssh_tunnel", "reaches no Unix socket; set `host` to the server's name or address"))
    for name in settings.get("options") or {}:
        if name.lower() in _OURS:
            problems.append(("options", f"cannot set {name}, which Headrace sets itself; remove it"))
    return problems


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    from headrace.sources.mysql_check import check
    from headrace.sources.mysql_session import MysqlSession

    return SqlSource(lambda: MysqlSession(settings, tools), lambda: check(settings, tools))


_CATALOG = """\
select table_schema, table_name, column_name, column_type from information_schema.columns
where table_schema not in ('information_schema', 'mysql', 'performance_schema', 'sys')
order by table_schema, table_name, ordinal_position"""

_GRANTS = """\
CREATE USER 'headrace_reader'@'%' IDENTIFIED BY '…';
GRANT SELECT, SHOW VIEW ON `shop`.* TO 'headrace_reader'@'%';
"""

SPEC = Spec(
    type="mysql",
    title="MySQL and MariaDB",
    summary="Tables and views of a MySQL server (5.7 or newer) or a MariaDB server (10.3 or newer).",
    fields=_FIELDS,
    source=_source,
    validate=_validate,
    dialect="mysql",
    catalog=_CATALOG,
    grants=_GRANTS,
    guide="how-to/connect-mysql.md",
)
