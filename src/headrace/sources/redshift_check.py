"""What a user may do in a Redshift database: enough to read, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any, NamedTuple

import psycopg

from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Tools
from headrace.sources.libpq import quoted, search_path
from headrace.sources.network import on_this_machine
from headrace.sources.redshift_connection import Connection
from headrace.sources.redshift_errors import server_words

_SERVER = """
select version(), current_user::text, current_database()::text,
       (select usesuper from pg_user where usename = current_user),
       has_database_privilege(current_database(), 'CREATE')
"""

# Redshift's privilege functions take one privilege at a time, and names.
_TABLES = """
select schema_name, table_name, usable,
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

_SHOWN = 3  # names in a sentence


class _Table(NamedTuple):
    schema: str
    name: str
    usable: bool  # USAGE of its schema
    readable: bool
    writable: bool


class _Schema(NamedTuple):
    name: str
    usable: bool
    creates: bool


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
    tables = [_Table(*row) for row in connection.query(_TABLES)]
    schemas = [_Schema(*row) for row in connection.query(_SCHEMAS)]
    redshift = re.search(r"Redshift [\d.]+", version)
    facts = {
        "server": redshift[0] if redshift else version.split(" on ")[0],
        "database": database,
        "role": user,
        "tls": "on" if connection.encrypted else "off",
        "readable": f"{sum(table.readable for table in tables)} of {len(tables)} tables and views",
    }
    problems, warnings = _reading(settings, user, database, tables, schemas)
    warnings += _writing(user, database, superuser, creates_schemas, tables, schemas)
    wanted = [name for name, _ in _by_schema(tables)] or ["public"]
    facts["grants"] = _grants("headrace_reader" if superuser else user, wanted)
    if not redshift:
        warnings.append("The server is no Amazon Redshift. Use the type postgresql for PostgreSQL.")
    if not connection.encrypted and not on_this_machine(settings["host"]):
        warnings.append("The connection is not encrypted. Set `tls` to verify-full.")
    if not _refuses_to_write(connection):
        problems.append(
            "The server let a write through in a read-only transaction. "
            "Use Redshift itself, not a pooler or proxy that changes statements."
        )
    return Check(tuple(problems), tuple(warnings), facts)


def _reading(
    settings: Mapping[str, Any], user: str, database: str, tables: Sequence[_Table], schemas: Sequence[_Schema]
) -> tuple[list[str], list[str]]:
    """Problems and warnings about what the user may read."""
    problems = []
    usable = {schema.name: schema.usable for schema in schemas}
    for name in search_path(settings):
        if name not in usable and not re.match(r"pg_|\$user$|information_schema$", name):
            known = ", ".join(usable) or "none"
            problems.append(f"`schema` names {name!r}, which the database does not have. It has: {known}.")
        elif not usable.get(name, True):
            grant = f"GRANT USAGE ON SCHEMA {quoted(name)} TO {quoted(user)};"
            problems.append(f"The user {user!r} may not use the schema {name!r}. Run: {grant}")
    if not tables:
        return problems, [f"The database {database!r} has no tables or views yet. Check `database`."]
    if not any(table.readable for table in tables):
        grants = " ".join(
            f"GRANT USAGE ON SCHEMA {quoted(name)} TO {quoted(user)}; "
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {quoted(name)} TO {quoted(user)};"
            for name, _ in _by_schema(tables)[:_SHOWN]
        )
        problems.append(f"The user {user!r} may read none of the {len(tables)} tables. Run: {grants}")
    return problems, []


def _writing(
    user: str,
    database: str,
    superuser: bool,
    creates_schemas: bool,
    tables: Sequence[_Table],
    schemas: Sequence[_Schema],
) -> list[str]:
    """Warnings about what the user could do besides reading. Runs cannot write in any case; another program could."""
    if superuser:
        return [
            f"The user {user!r} is a superuser and may change everything. "
            "Make a user that only reads, with the statements under grants."
        ]
    name = quoted(user)
    warnings = []
    for schema, own in _by_schema([table for table in tables if table.writable]):
        shown = ", ".join(table.name for table in own[:_SHOWN]) + (", …" if len(own) > _SHOWN else "")
        warnings.append(
            f"The user {user!r} may change tables of the schema {schema!r} ({shown}). "
            f"Run: REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {quoted(schema)} FROM {name};"
        )
    warnings += [
        f"The user {user!r} may create tables in the schema {schema.name!r}. "
        f"Run: REVOKE CREATE ON SCHEMA {quoted(schema.name)} FROM {name}; "
        f"REVOKE CREATE ON SCHEMA {quoted(schema.name)} FROM PUBLIC;"
        for schema in schemas
        if schema.creates
    ]
    if creates_schemas:
        warnings.append(
            f"The user {user!r} may create schemas in the database {database!r}. "
            f"Run: REVOKE CREATE ON DATABASE {quoted(database)} FROM {name};"
        )
    return warnings


def _grants(user: str, schemas: Sequence[str]) -> str:
    """The statements that make a user who can read these schemas and nothing else."""
    name = quoted(user)
    lines = [f"CREATE USER {name} PASSWORD '…';"] if user == "headrace_reader" else []
    for schema in map(quoted, schemas):
        lines += [
            f"GRANT USAGE ON SCHEMA {schema} TO {name};",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {name};",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {name};",
        ]
    return "\n".join(lines)


def _by_schema(tables: Sequence[_Table]) -> list[tuple[str, list[_Table]]]:
    return [(schema, list(own)) for schema, own in groupby(tables, key=lambda table: table.schema)]


def _refuses_to_write(connection: Connection) -> bool:
    """Try to write, where nothing would remain of it, and expect the server's refusal."""
    try:
        connection.execute("create schema headrace_write_probe")
    except psycopg.Error:
        return True
    finally:
        connection.end()
    return False
