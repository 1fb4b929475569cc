"""A PostgreSQL server as a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.connector import Field, Spec
from headrace.ports import Source, Tools
from headrace.sources import libpq
from headrace.sources.fields import SEARCH_PATH, SSH_TUNNEL, STATEMENT_TIMEOUT, TLS
from headrace.sources.sql import SqlSource

_FIELDS = (
    Field(
        "host", "text", "Name or address of the server, or the folder of its Unix socket.", True, example="db.internal"
    ),
    Field("port", "integer", "Port of the server.", default=5432, minimum=1, maximum=65535),
    Field("database", "text", "Database to read from.", True, example="shop"),
    Field("user", "text", "Role to log in as; one that can only SELECT.", True, example="headrace_reader"),
    Field("password", "secret", "The role's password; leave it out where the server asks for none."),
    *TLS,
    SSH_TUNNEL,
    STATEMENT_TIMEOUT,
    SEARCH_PATH,
    Field(
        "options",
        "map",
        "Server settings for the session; timezone is UTC unless it stands here.",
        example={"work_mem": "256MB", "timezone": "Europe/Berlin"},
    ),
)


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    from headrace.sources.postgresql_check import check
    from headrace.sources.postgresql_session import PostgresSession

    return SqlSource(lambda: PostgresSession(settings, tools), lambda: check(settings, tools))


# Materialized views are not in the information schema.
_CATALOG = """\
select n.nspname::text, c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_t%'
  and has_schema_privilege(n.oid, 'usage') and has_column_privilege(c.oid, a.attnum, 'select')
order by n.nspname, c.relname, a.attnum"""

_GRANTS = """\
CREATE ROLE headrace_reader LOGIN PASSWORD '…';
GRANT CONNECT ON DATABASE shop TO headrace_reader;
GRANT USAGE ON SCHEMA public TO headrace_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO headrace_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO headrace_reader;
"""

SPEC = Spec(
    type="postgresql",
    title="PostgreSQL",
    summary="Tables and views of a PostgreSQL server, version 12 or newer.",
    fields=_FIELDS,
    source=_source,
    validate=libpq.problems,
    dialect="postgresql",
    catalog=_CATALOG,
    grants=_GRANTS,
    guide="how-to/connect-postgresql.md",
)
