"""What a role may do in a Snowflake account: enough to read, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import adbc_driver_manager

from headrace.errors import SourceError
from headrace.model import Check
from headrace.sources.snowflake_connection import Connection
from headrace.sources.snowflake_errors import identifier, server_words

_TABLES = "select count(*) from information_schema.tables where table_schema <> 'INFORMATION_SCHEMA'"

_READING = frozenset({"SELECT", "USAGE", "REFERENCES", "MONITOR", "READ"})
_CHANGES_WHEN_USED = frozenset({"SEQUENCE", "PROCEDURE", "EXTERNAL_FUNCTION", "INTEGRATION"})
_ROLES = frozenset({"ROLE", "DATABASE_ROLE"})
_ALL_POWERFUL = frozenset({"ACCOUNTADMIN", "SECURITYADMIN", "SYSADMIN", "ORGADMIN", "USERADMIN"})
_SHOWN = 5  # warnings of a kind


class _Grant(NamedTuple):
    role: str  # that holds it
    privilege: str
    kind: str  # TABLE, SCHEMA, …
    name: str


def check(settings: Mapping[str, Any], base: Path) -> Check:
    """Connect as a run does, and look at what the role may do. Raises `SourceError`."""
    with closing(Connection(settings, base)) as connection:
        try:
            return _check(connection, settings)
        except (adbc_driver_manager.Error, OSError) as error:
            raise SourceError(f"Snowflake refused a question of the check: {server_words(error)}.") from error


def _check(connection: Connection, settings: Mapping[str, Any]) -> Check:
    context = connection.context
    role = context.role or settings["role"]
    [(tables,)] = connection.query(_TABLES)
    grants, untold = _grants(connection, role)
    facts = {
        "server": f"Snowflake {context.version}",
        "database": str(context.database),
        "role": role,
        "warehouse": str(context.warehouse),
        "tls": "off" if settings.get("protocol") == "http" else "on",
        "readable": f"{int(tables)} tables and views",
        "grants": _script(settings, role),
    }
    warnings = _powerful(role, grants) or _writing(grants)
    warnings += [
        f"What the inherited role {name!r} may do could not be told. Run as an administrator: {question};"
        for name, question in untold
    ]
    if not tables:
        warnings.append(
            f"The role {role!r} sees no tables in the database {context.database!r}. "
            "Check `database`, and run the statements under grants."
        )
    if settings.get("password"):
        warnings.append(
            "Snowflake is ending log-in by password alone. Make a key for the user and set `private_key`: "
            f"ALTER USER {identifier(settings['user'])} SET RSA_PUBLIC_KEY = '…';"
        )
    return Check(warnings=tuple(warnings), facts=facts)


def _grants(connection: Connection, role: str) -> tuple[list[_Grant], list[tuple[str, str]]]:
    """Grants of a role and of those that it inherits; and the roles of which Snowflake does not tell us."""
    grants: list[_Grant] = []
    untold: list[tuple[str, str]] = []
    seen = {role}
    waiting = [("ROLE", role)]
    while waiting:
        kind, name = waiting.pop()
        # the name of a database role comes as SQL writes it, with its database
        question = f"show grants to role {_exact(name)}" if kind == "ROLE" else f"show grants to database role {name}"
        try:
            rows = _named(connection, question)
        except adbc_driver_manager.Error:
            untold.append((name, question))
            continue
        own = [_Grant(name, row["privilege"], row["granted_on"], row["name"]) for row in rows]
        grants += own
        inherited = [grant for grant in own if grant.kind in _ROLES and grant.privilege == "USAGE"]
        waiting += [(grant.kind, grant.name) for grant in inherited if grant.name not in seen]
        seen |= {grant.name for grant in inherited}
    return grants, untold


def _named(connection: Connection, question: str) -> list[dict[str, Any]]:
    """The rows of a SHOW command, by column: Snowflake adds columns now and then."""
    with connection.adbc.cursor() as cursor:
        cursor.execute(question)
        rows: list[dict[str, Any]] = cursor.fetch_arrow_table().to_pylist()
        return rows


def _powerful(role: str, grants: Sequence[_Grant]) -> list[str]:
    """A warning for a role that may change everything; then the single grants say nothing more."""
    inherited = [grant.name for grant in grants if grant.kind == "ROLE"]
    found = [name for name in (role, *inherited) if name in _ALL_POWERFUL]
    return [
        f"The role {role!r} has the power of {name} and may change everything. "
        "Make a role that only reads, with the statements under grants."
        for name in found[:1]
    ]


def _writing(grants: Sequence[_Grant]) -> list[str]:
    """Warnings about what the role could change. Runs run queries only; another program could do more."""
    too_many = [
        grant
        for grant in grants
        if grant.kind not in _ROLES and (grant.privilege not in _READING or grant.kind in _CHANGES_WHEN_USED)
    ]
    warnings = [_warning(grant) for grant in too_many[:_SHOWN]]
    if len(too_many) > _SHOWN:
        roles = " and ".join(f"SHOW GRANTS TO ROLE {_exact(name)};" for name in sorted({g.role for g in too_many}))
        warnings.append(f"{len(too_many) - _SHOWN} more grants let the role change things. See: {roles}")
    return warnings


def _warning(grant: _Grant) -> str:
    kind = grant.kind.replace("_", " ")
    where = "" if kind == "ACCOUNT" else f" {grant.name}"
    if grant.privilege == "OWNERSHIP":
        return (
            f"The role {grant.role!r} owns the {kind.lower()} {grant.name} and may change it. "
            f"Run: GRANT OWNERSHIP ON {kind} {grant.name} TO ROLE SYSADMIN COPY CURRENT GRANTS;"
        )
    verb = "take numbers from" if kind == "SEQUENCE" else f"{grant.privilege} on"
    return (
        f"The role {grant.role!r} may {verb} the {kind.lower()}{where}: more than reading needs. "
        f"Run: REVOKE {grant.privilege} ON {kind}{where} FROM ROLE {_exact(grant.role)};"
    )


def _script(settings: Mapping[str, Any], role: str) -> str:
    """The statements that make a user and a role which can read one schema and nothing else."""
    reader = "HEADRACE_READER" if role in _ALL_POWERFUL else role
    role, user, database = (identifier(name) for name in (reader, settings["user"], settings["database"]))
    schema = f"{database}.{identifier(settings.get('schema') or 'PUBLIC')}"
    warehouse = identifier(settings.get("warehouse") or "READING")
    lines = [
        f"CREATE ROLE IF NOT EXISTS {role};",
        f"GRANT USAGE ON WAREHOUSE {warehouse} TO ROLE {role};",
        f"GRANT USAGE ON DATABASE {database} TO ROLE {role};",
        f"GRANT USAGE ON SCHEMA {schema} TO ROLE {role};",
    ]
    for kind in ("TABLES", "VIEWS"):
        lines += [
            f"GRANT SELECT ON ALL {kind} IN SCHEMA {schema} TO ROLE {role};",
            f"GRANT SELECT ON FUTURE {kind} IN SCHEMA {schema} TO ROLE {role};",
        ]
    lines += [
        f"CREATE USER IF NOT EXISTS {user} TYPE = SERVICE DEFAULT_ROLE = {role} RSA_PUBLIC_KEY = '…';",
        f"GRANT ROLE {role} TO USER {user};",
    ]
    return "\n".join(lines)


def _exact(name: str) -> str:
    """A name as Snowflake keeps it, quoted."""
    return '"' + name.replace('"', '""') + '"'
