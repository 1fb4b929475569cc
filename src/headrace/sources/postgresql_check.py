"""What a role may do in a PostgreSQL database: enough to read, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import adbc_driver_manager

from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Tools
from headrace.sources.libpq_check import Account, Dialect, Schema, Table, verdict
from headrace.sources.postgresql_connection import Connection
from headrace.sources.postgresql_errors import server_words

_SERVER = """
select current_setting('server_version'), current_user::text, current_database()::text,
       (select rolsuper from pg_roles where rolname = current_user),
       coalesce((select version || ', ' || cipher from pg_stat_ssl where pid = pg_backend_pid() and ssl), 'off'),
       has_database_privilege(current_database(), 'CREATE')
"""

# Tables, views and their kin outside the system's own schemas: what the role may do with each.
_TABLES = """
select n.nspname::text, c.relname::text,
       has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT'),
       has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_(toast|temp)'
order by 1, 2
"""

_SCHEMAS = """
select nspname::text, has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE') from pg_namespace
where nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_(toast|temp)'
order by 1
"""

_DIALECT = Dialect(
    server="PostgreSQL",
    account="role",
    unlisted=r"\$user|pg_catalog|information_schema",
    changes="INSERT, UPDATE, DELETE, TRUNCATE",
    create="CREATE ROLE {user} LOGIN PASSWORD '…';",
    let_in=["GRANT CONNECT ON DATABASE {database} TO {user};"],
    revoke_in_schema="REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {user};",
    revoke_in_database="REVOKE CREATE ON DATABASE {database} FROM PUBLIC, {user};",
)


def check(settings: Mapping[str, Any], tools: Tools) -> Check:
    """Connect as a run does, look at what the role may do, and try to write. Raises `SourceError`."""
    with closing(Connection(settings, tools)) as connection:
        try:
            return _check(connection, settings)
        except (adbc_driver_manager.Error, OSError) as error:
            raise SourceError(f"PostgreSQL refused a question of the check: {server_words(error)}.") from error


def _check(connection: Connection, settings: Mapping[str, Any]) -> Check:
    connection.begin()
    [(version, user, database, superuser, tls, creates_schemas)] = connection.query(_SERVER)
    tables = [Table(*row) for row in connection.query(_TABLES)]
    schemas = [Schema(*row) for row in connection.query(_SCHEMAS)]
    account = Account(user, database, superuser, creates_schemas, tables, schemas)
    refuses = _refuses_to_write(connection)
    return verdict(account, _DIALECT, settings, version=f"PostgreSQL {version}", tls=tls, refuses_to_write=refuses)


def _refuses_to_write(connection: Connection) -> bool:
    """Try to write, where nothing would remain of it, and expect the server's refusal."""
    try:
        connection.execute("create schema headrace_write_probe")
    except adbc_driver_manager.Error as error:
        return error.sqlstate == "25006"  # read_only_sql_transaction
    finally:
        connection.end()
    return False
