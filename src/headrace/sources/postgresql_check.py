"""What a role may do in a PostgreSQL database: enough to read, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any, NamedTuple

import adbc_driver_manager

from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Tools
from headrace.sources.libpq import quoted, search_path
from headrace.sources.network import on_this_machine
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
       has_schema_privilege(n.oid, 'USAGE'),
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

_SYSTEM = frozenset({"$user", "pg_catalog", "information_schema"})
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
    """Connect as a run does, look at what the role may do, and try to write. Raises `SourceError`."""
    with closing(Connection(settings, tools)) as connection:
        try:
            return _check(connection, settings)
        except (adbc_driver_manager.Error, OSError) as error:
            raise SourceError(f"PostgreSQL refused a question of the check: {server_words(error)}.") from error


def _check(connection: Connection, settings: Mapping[str, Any]) -> Check:
    connection.begin()
    [(version, user, database, superuser, tls, creates_schemas)] = connection.query(_SERVER)
    tables = [_Table(*row) for row in connection.query(_TABLES)]
    schemas = [_Schema(*row) for row in connection.query(_SCHEMAS)]
    facts = {
        "server": f"PostgreSQL {version}",
        "database": database,
        "role": user,
        "tls": tls,
        "readable": f"{sum(table.readable for table in tables)} of {len(tables)} tables and views",
    }
    problems, warnings = _reading(settings, user, database, tables, schemas)
    warnings += _writing(user, database, superuser, creates_schemas, tables, schemas)
    wanted = [name for name, _ in _by_schema(tables)] or ["public"]
    facts["grants"] = _grants("headrace_reader" if superuser else user, database, wanted)
    if tls == "off" and not on_this_machine(settings["host"]):
        warnings.append("The connection is not encrypted. Set `tls` to verify-full.")
    if not _refuses_to_write(connection):
        problems.append(
            "The server let a write through in a read-only transaction. "
            "Use PostgreSQL itself, not a pooler or proxy that changes statements."
        )
    return Check(tuple(problems), tuple(warnings), facts)


def _reading(
    settings: Mapping[str, Any], user: str, database: str, tables: Sequence[_Table], schemas: Sequence[_Schema]
) -> tuple[list[str], list[str]]:
    """Problems and warnings about what the role may read."""
    problems = []
    usable = {schema.name: schema.usable for schema in schemas}
    for name in search_path(settings):
        if name not in usable and name not in _SYSTEM:
            known = ", ".join(usable) or "none"
            problems.append(f"`schema` names {name!r}, which the database does not have. It has: {known}.")
        elif not usable.get(name, True):
            grant = f"GRANT USAGE ON SCHEMA {quoted(name)} TO {quoted(user)};"
            problems.append(f"The role {user!r} may not use the schema {name!r}. Run: {grant}")
    if not tables:
        return problems, [f"The database {database!r} has no tables or views yet. Check `database`."]
    if not any(table.readable for table in tables):
        grants = " ".join(
            f"GRANT USAGE ON SCHEMA {quoted(name)} TO {quoted(user)}; "
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {quoted(name)} TO {quoted(user)};"
            for name, _ in _by_schema(tables)[:_SHOWN]
        )
        problems.append(f"The role {user!r} may read none of the {len(tables)} tables. Run: {grants}")
    return problems, []


def _writing(
    user: str,
    database: str,
    superuser: bool,
    creates_schemas: bool,
    tables: Sequence[_Table],
    schemas: Sequence[_Schema],
) -> list[str]:
    """Warnings about what the role could do besides reading. Runs cannot write in any case; another program could."""
    if superuser:
        return [
            f"The role {user!r} is a superuser and may change everything. "
            "Make a role that only reads, with the statements under grants."
        ]
    role = quoted(user)
    warnings = []
    for schema, own in _by_schema([table for table in tables if table.writable]):
        shown = ", ".join(table.name for table in own[:_SHOWN]) + (", …" if len(own) > _SHOWN else "")
        warnings.append(
            f"The role {user!r} may change tables of the schema {schema!r} ({shown}). "
            f"Run: REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA {quoted(schema)} FROM {role};"
        )
    warnings += [
        f"The role {user!r} may create tables in the schema {schema.name!r}. "
        f"Run: REVOKE CREATE ON SCHEMA {quoted(schema.name)} FROM PUBLIC, {role};"
        for schema in schemas
        if schema.creates
    ]
    if creates_schemas:
        warnings.append(
            f"The role {user!r} may create schemas in the database {database!r}. "
            f"Run: REVOKE CREATE ON DATABASE {quoted(database)} FROM PUBLIC, {role};"
        )
    return warnings


def _grants(user: str, database: str, schemas: Sequence[str]) -> str:
    """The statements that make a role which can read these schemas and nothing else."""
    role = quoted(user)
    lines = [f"CREATE ROLE {role} LOGIN PASSWORD '…';"] if user == "headrace_reader" else []
    lines.append(f"GRANT CONNECT ON DATABASE {quoted(database)} TO {role};")
    for schema in map(quoted, schemas):
        lines += [
            f"GRANT USAGE ON SCHEMA {schema} TO {role};",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role};",
        ]
    return "\n".join(lines)


def _by_schema(tables: Sequence[_Table]) -> list[tuple[str, list[_Table]]]:
    return [(schema, list(own)) for schema, own in groupby(tables, key=lambda table: table.schema)]


def _refuses_to_write(connection: Connection) -> bool:
    """Try to write, where nothing would remain of it, and expect the server's refusal."""
    try:
        connection.execute("create schema headrace_write_probe")
    except adbc_driver_manager.Error as error:
        return error.sqlstate == "25006"  # read_only_sql_transaction
    finally:
        connection.end()
    return False
