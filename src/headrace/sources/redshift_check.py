"""What a user may do in a Redshift database: enough to read, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg

from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Tools
from headrace.sources.libpq_check import Account, Dialect, Schema, Table, verdict
from headrace.sources.redshift_connection import Connection
from headrace.sources.redshift_errors import server_words

_SERVER = """
select version(), current_user::text, current_database()::text,
       (select usesuper from pg_user where usename = current_user),
       has_database_privilege(current_database(), 'CREATE')
"""

# Redshift's privilege functions take one privilege at a time, and names.
_TABLES = """
select schema_name, table_name,
       case when usable then has_table_privilege(full_name, 'SELECT') else false end,
       case when usable then has_table_privilege(full_name, 'INSERT') or has_table_privilege(full_name, 'UPDATE')
                          or has_table_privilege(full_name, 'DELETE') else false end
from (
    select n.nspname::text as schema_name, c.relname::text as table_name,
           quote_ident(n.nspname) || '.' || quote_ident(c.relname) as full_name,
           has_schema_privilege(n.nspname, 'USAGE') as usable
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'v', 'm') and n.nspname !~ '^(pg_|information_schema$|catalog_history$)'
) as t
order by 1, 2
"""

_SCHEMAS = """
select nspname::text, has_schema_privilege(nspname, 'USAGE'), has_schema_privilege(nspname, 'CREATE')
from pg_namespace where nspname !~ '^(pg_|information_schema$|catalog_history$)'
order by 1
"""

_DIALECT = Dialect(
    server="Redshift",
    account="user",
    unlisted=r"pg_.*|\$user|information_schema",
    changes="INSERT, UPDATE, DELETE",
    create="CREATE USER {user} PASSWORD '…';",
    let_in=[],
    revoke_in_schema="REVOKE CREATE ON SCHEMA {schema} FROM {user}; REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC;",
    revoke_in_database="REVOKE CREATE ON DATABASE {database} FROM {user};",
)


def check(settings: Mapping[str, Any], tools: Tools) -> Check:
    """Connect as a run does, look at what the user may do, and try to write. Raises `SourceError`."""
    with closing(Connection(settings, tools)) as connection:
        try:
            return _check(connection, settings)
        except psycopg.Error as error:
            raise SourceError(f"Redshift refused a question of the check: {server_words(error)}.") from error


def _check(connection: Connection, settings: Mapping[str, Any]) -> Check:
    connection.begin()
    [(version, user, database, superuser, creates_schemas)] = connection.query(_SERVER)
    tables = [Table(*row) for row in connection.query(_TABLES)]
    schemas = [Schema(*row) for row in connection.query(_SCHEMAS)]
    redshift = re.search(r"Redshift [\d.]+", version)
    return verdict(
        Account(user, database, superuser, creates_schemas, tables, schemas),
        _DIALECT,
        settings,
        version=redshift[0] if redshift else version.split(" on ")[0],
        tls="on" if connection.encrypted else "off",
        refuses_to_write=_refuses_to_write(connection),
        doubts=[] if redshift else ["The server is no Amazon Redshift. Use the type postgresql for PostgreSQL."],
    )


def _refuses_to_write(connection: Connection) -> bool:
    """Try to write, where nothing would remain of it, and expect the refusal: "transaction is read-only"."""
    try:
        connection.execute("create schema headrace_write_probe")
    except psycopg.Error as error:  # a lack of rights proves nothing; the state of the refusal is not documented
        return error.sqlstate == "25006" or "read-only" in server_words(error)
    finally:
        connection.end()
    return False
