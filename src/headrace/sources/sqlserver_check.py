"""What a login may do in a SQL Server database: enough to read, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Tools
from headrace.sources.network import on_this_machine
from headrace.sources.sqlserver_connection import DRIVER_ERRORS, Connection
from headrace.sources.sqlserver_errors import server_words
from headrace.sources.sqlserver_types import bracketed

_SERVER = """
select cast(serverproperty('ProductVersion') as nvarchar(128)) as version,
       cast(serverproperty('Edition') as nvarchar(128)) as edition,
       db_name() as [database], original_login() as login, user_name() as [user],
       cast(databasepropertyex(db_name(), 'Updateability') as nvarchar(128)) as updateability
"""

# Only for logins that may look at the server's state; the connection itself says nothing.
_ENCRYPTED = "select encrypt_option from sys.dm_exec_connections where session_id = @@spid"

# Roles that write; null where the role does not exist.
_ROLES = """
select is_srvrolemember('sysadmin') as sysadmin, is_rolemember('db_owner') as db_owner,
       is_rolemember('db_ddladmin') as db_ddladmin, is_rolemember('db_datawriter') as db_datawriter
"""

# Tables and views outside the system's own schemas: what the user may do with each.
_TABLES = """
select s.name as [schema], o.name,
       has_perms_by_name(quotename(s.name) + '.' + quotename(o.name), 'OBJECT', 'SELECT') as readable,
       (select count(*) from (values ('INSERT'), ('UPDATE'), ('DELETE'), ('ALTER')) as p(name)
        where has_perms_by_name(quotename(s.name) + '.' + quotename(o.name), 'OBJECT', p.name) = 1) as writable
from sys.all_objects as o join sys.schemas as s on s.schema_id = o.schema_id
where o.type in ('U', 'V') and o.is_ms_shipped = 0
order by s.name, o.name
"""

# What the user may do to the database as a whole.
_RIGHTS = "select permission_name from sys.fn_my_permissions(null, 'DATABASE') order by permission_name"
_WRITING = frozenset({
    "ALTER", "CONTROL", "DELETE", "EXECUTE", "INSERT", "UPDATE", "TAKE OWNERSHIP", "ALTER ANY SCHEMA",
    "CREATE PROCEDURE", "CREATE SCHEMA", "CREATE TABLE", "CREATE VIEW",
})  # fmt: skip

_SHOWN = 3  # names in a sentence


class _Table(NamedTuple):
    schema: str
    name: str
    readable: int
    writable: int


def check(settings: Mapping[str, Any], tools: Tools) -> Check:
    """Connect as a run does, and look at what the login may do. Raises `SourceError`."""
    with closing(Connection(settings, tools)) as connection:
        try:
            return _check(connection, settings)
        except DRIVER_ERRORS as error:
            raise SourceError(f"SQL Server refused a question of the check: {server_words(error)}.") from error


def _check(connection: Connection, settings: Mapping[str, Any]) -> Check:
    [(version, edition, database, login, user, updateability)] = connection.query(_SERVER)
    tables = [_Table(*row) for row in connection.query(_TABLES)]
    readable = sum(bool(table.readable) for table in tables)
    tls = _encryption(connection)
    facts = {
        "server": f"{edition} {version}" if edition.startswith("SQL") else f"SQL Server {version}, {edition}",
        "database": database,
        "login": login,
        "tls": tls,
        "isolation": connection.isolation,
        "readable": f"{readable} of {len(tables)} tables and views",
        "grants": _grants("headrace_reader" if user in ("dbo", "guest") else user, database),
    }
    problems, warnings = [], []
    if not tables:
        warnings.append(
            f"The login {login!r} sees no tables or views in the database {database!r}. "
            "Check `database`, or grant what it is to read; the statements are under grants."
        )
    elif not readable:
        grant = f"GRANT SELECT ON SCHEMA::{bracketed(tables[0].schema)} TO {bracketed(user)};"
        problems.append(f"The login {login!r} may read none of the {len(tables)} tables. Run: {grant}")
    if updateability != "READ_ONLY":  # a read-only database or replica lets nobody write
        warnings += _writing(connection, login, user, tables)
    if tls == "off" and not on_this_machine(settings["host"]):
        warnings.append("The connection is not encrypted. Set `tls` to verify-full.")
    return Check(tuple(problems), tuple(warnings), facts)


def _encryption(connection: Connection) -> str:
    try:
        [(encrypted,)] = connection.query(_ENCRYPTED)
    except DRIVER_ERRORS:
        return f"{connection.encrypt} (the login may not ask the server: VIEW SERVER STATE)"
    return "on" if encrypted == "TRUE" else "off"


def _writing(connection: Connection, login: str, user: str, tables: Sequence[_Table]) -> list[str]:
    """Warnings about what the login could do besides reading. Runs only read; another program could write."""
    [(sysadmin, *roles)] = connection.query(_ROLES)
    if sysadmin:
        return [
            f"The login {login!r} is a sysadmin and may change everything. "
            "Make a login that only reads, with the statements under grants."
        ]
    owned = [role for role, member in zip(("db_owner", "db_ddladmin", "db_datawriter"), roles, strict=True) if member]
    if owned:
        return [
            f"The user {user!r} is in the role {role} and may change the database. "
            f"Run: ALTER ROLE {role} DROP MEMBER {bracketed(user)};"
            for role in owned
        ]
    rights = [right for (right,) in connection.query(_RIGHTS) if right in _WRITING]
    warnings = [
        f"The user {user!r} has the right {right} in the whole database. Run: REVOKE {right} FROM {bracketed(user)};"
        for right in rights
    ]
    writable = [table for table in tables if table.writable]
    if writable and not rights:
        shown = ", ".join(table.name for table in writable[:_SHOWN]) + (", …" if len(writable) > _SHOWN else "")
        schemas = sorted({table.schema for table in writable})
        revokes = " ".join(
            f"REVOKE INSERT, UPDATE, DELETE, ALTER ON SCHEMA::{bracketed(schema)} FROM {bracketed(user)};"
            for schema in schemas[:_SHOWN]
        )
        warnings.append(f"The user {user!r} may change tables ({shown}). Run: {revokes}")
    return warnings


def _grants(user: str, database: str) -> str:
    """The statements that make a login which can read one database and do nothing else."""
    name = bracketed(user)
    return "\n".join((
        "-- in master:",
        f"CREATE LOGIN {name} WITH PASSWORD = '…';",
        f"-- in {database}:",
        f"CREATE USER {name} FOR LOGIN {name};",
        f"ALTER ROLE db_datareader ADD MEMBER {name};",
        f"DENY INSERT, UPDATE, DELETE, EXECUTE, ALTER TO {name};",
        "-- so that a run sees one moment and waits for no lock:",
        f"ALTER DATABASE {bracketed(database)} SET ALLOW_SNAPSHOT_ISOLATION ON;",
    ))  # fmt: skip
