"""What the checks of PostgreSQL and Redshift share: what one account may read, what else it may do, how to mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from headrace.model import Check
from headrace.sources.libpq import quoted, search_path
from headrace.sources.network import on_this_machine

_READER = "headrace_reader"  # the account that we tell a superuser to make
_SHOWN = 3  # names in a sentence


class Dialect(NamedTuple):
    """A server's own words. {user}, {schema} and {database} in its statements stand for names, quoted if need be."""

    server: str
    account: str  # what it calls who logs in
    unlisted: str  # the pattern of schemas that a search path may name besides those that we list
    changes: str  # the rights that change a table
    create: str
    let_in: Sequence[str]  # what the account needs besides the rights of its schemas
    revoke_in_schema: str
    revoke_in_database: str


class Table(NamedTuple):
    """A table, view or their kin, and what the account may do with it."""

    schema: str
    name: str
    readable: bool  # USAGE of its schema, too
    writable: bool


class Schema(NamedTuple):
    """A schema, and whether the account may use it and create in it."""

    name: str
    usable: bool
    creates: bool


class Account(NamedTuple):
    """Who is connected to which database, and their rights there. Tables stand by schema."""

    name: str
    database: str
    superuser: bool
    creates_schemas: bool
    tables: Sequence[Table]
    schemas: Sequence[Schema]


def verdict(
    account: Account,
    dialect: Dialect,
    settings: Mapping[str, Any],
    *,
    version: str,
    tls: str,
    refuses_to_write: bool,
    doubts: Sequence[str] = (),
) -> Check:
    """The check of an account. ``tls`` is off where the connection is not encrypted; ``doubts`` are more warnings."""
    problems, warnings = _reading(account, dialect, search_path(settings))
    warnings += [*_writing(account, dialect), *doubts]
    if tls == "off" and not on_this_machine(settings["host"]):
        warnings.append("The connection is not encrypted. Set `tls` to verify-full.")
    if not refuses_to_write:
        problems.append(
            "The server let a write through in a read-only transaction. "
            f"Use {dialect.server} itself, not a pooler or proxy that changes statements."
        )
    facts = {
        "server": version,
        "database": account.database,
        "role": account.name,
        "tls": tls,
        "readable": f"{sum(table.readable for table in account.tables)} of {len(account.tables)} tables and views",
        "grants": _grants(account, dialect),
    }
    return Check(tuple(problems), tuple(warnings), facts)


def _reading(account: Account, dialect: Dialect, wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Problems and warnings about what the account may read."""
    who, user = f"The {dialect.account} {account.name!r}", quoted(account.name)
    problems = []
    usable = {schema.name: schema.usable for schema in account.schemas}
    for name in wanted:
        if name not in usable and not re.fullmatch(dialect.unlisted, name):
            known = ", ".join(usable) or "none"
            problems.append(f"`schema` names {name!r}, which the database does not have. It has: {known}.")
        elif not usable.get(name, True):
            problems.append(f"{who} may not use the schema {name!r}. Run: {_use(quoted(name), user)}")
    if not account.tables:
        return problems, [f"The database {account.database!r} has no tables or views yet. Check `database`."]
    if not any(table.readable for table in account.tables):
        schemas = [quoted(name) for name, _ in _by_schema(account.tables)[:_SHOWN]]
        grants = " ".join(f"{_use(schema, user)} {_select(schema, user)}" for schema in schemas)
        problems.append(f"{who} may read none of the {len(account.tables)} tables. Run: {grants}")
    return problems, []


def _writing(account: Account, dialect: Dialect) -> list[str]:
    """Warnings about what the account could do besides reading. Runs cannot write in any case; others could."""
    who, user = f"The {dialect.account} {account.name!r}", quoted(account.name)
    if account.superuser:
        return [
            f"{who} is a superuser and may change everything. "
            f"Make a {dialect.account} that only reads, with the statements under grants."
        ]
    warnings = []
    for schema, own in _by_schema([table for table in account.tables if table.writable]):
        shown = ", ".join(table.name for table in own[:_SHOWN]) + (", …" if len(own) > _SHOWN else "")
        warnings.append(
            f"{who} may change tables of the schema {schema!r} ({shown}). "
            f"Run: REVOKE {dialect.changes} ON ALL TABLES IN SCHEMA {quoted(schema)} FROM {user};"
        )
    for name in [schema.name for schema in account.schemas if schema.creates]:
        revoke = dialect.revoke_in_schema.format(schema=quoted(name), user=user)
        warnings.append(f"{who} may create tables in the schema {name!r}. Run: {revoke}")
    if account.creates_schemas:
        revoke = dialect.revoke_in_database.format(database=quoted(account.database), user=user)
        warnings.append(f"{who} may create schemas in the database {account.database!r}. Run: {revoke}")
    return warnings


def _grants(account: Account, dialect: Dialect) -> str:
    """The statements that make an account which can read the database's schemas and nothing else."""
    name = _READER if account.superuser else account.name
    user, database = quoted(name), quoted(account.database)
    statements = (dialect.create, *dialect.let_in) if name == _READER else dialect.let_in
    lines = [statement.format(user=user, database=database) for statement in statements]
    for schema in [quoted(name) for name, _ in _by_schema(account.tables)] or ["public"]:
        lines += [
            _use(schema, user),
            _select(schema, user),
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {user};",
        ]
    return "\n".join(lines)


def _use(schema: str, user: str) -> str:
    return f"GRANT USAGE ON SCHEMA {schema} TO {user};"


def _select(schema: str, user: str) -> str:
    return f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {user};"


def _by_schema(tables: Sequence[Table]) -> list[tuple[str, list[Table]]]:
    return [(schema, list(own)) for schema, own in groupby(tables, key=lambda table: table.schema)]
