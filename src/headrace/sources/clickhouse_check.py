"""What a user may do in a ClickHouse server: enough to read, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Tools
from headrace.sources.clickhouse_errors import quoted, words
from headrace.sources.clickhouse_http import ClickHouseError, literal, tls_mode
from headrace.sources.clickhouse_session import ClickHouseSession
from headrace.sources.network import on_this_machine

_TABLES = """
SELECT count() FROM system.tables
WHERE database NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA') AND NOT is_temporary
"""
_WRITE = "INSERT INTO FUNCTION null('n UInt8') SELECT 1"  # would keep nothing
_GRANT = re.compile(r"GRANT (?:ALL ON CLUSTER \S+ )?(.*) ON (\S+|`.*?`\.\S+) TO (.*?)(?: WITH GRANT OPTION)?")
_ROLES = re.compile(r"GRANT (.*) TO (.*?)(?: WITH ADMIN OPTION)?")
_READS = re.compile(r"(?:SELECT|SHOW|CHECK|dictGet|USAGE|SHOW [A-Z ]+|displaySecretsInShowAndSelect)(?:\(.*\))?")
_PRIVILEGES = re.compile(r"[^,(]+(?:\([^)]*\))?")


def check(settings: Mapping[str, Any], tools: Tools) -> Check:
    """Connect as a run does, look at what the user may do, and try to write. Raises `SourceError`."""
    with closing(ClickHouseSession(settings, tools)) as session:
        try:
            return _check(session, settings)
        except session.errors as error:
            reason = words(error) if isinstance(error, ClickHouseError) else "the connection broke"
            raise SourceError(f"ClickHouse refused a question of the check: {reason}.") from error


def _check(session: ClickHouseSession, settings: Mapping[str, Any]) -> Check:
    user, database, mode = settings["user"], settings.get("database") or "default", tls_mode(settings)
    [(tables,)] = session.ask(_TABLES)
    grants, roles = _granted(session)
    facts = {
        "server": f"ClickHouse {session.version}",
        "database": database,
        "role": user,
        "tls": "off" if mode == "disable" else mode,
        "readable": f"{tables} tables and views",
        "grants": _script(user if user != "default" else "headrace_reader", database),
    }
    warnings = _writing(user, grants, roles)
    if not int(tables):
        warnings.append(
            f"The user {user!r} sees no table. Run: GRANT SELECT ON {quoted(database)}.* TO {quoted(user)};"
        )
    if mode == "disable" and not on_this_machine(settings["host"]):
        warnings.append("The connection is not encrypted. Set `tls` to verify-full.")
    if not _refuses_to_write(session):
        # An account with readonly = 2 cannot be put under readonly = 1, and that mode still lets functions write.
        warnings.append(
            f"The account {user!r} may write through table functions. "
            f"Run: REVOKE CREATE TEMPORARY TABLE, SOURCES ON *.* FROM {quoted(user)};"
        )
    return Check((), tuple(warnings), facts)


def _granted(session: ClickHouseSession) -> tuple[list[tuple[str, str]], list[str]]:
    """What the user may do, as (privileges, on what), and the roles whose privileges are not among them."""
    try:
        lines = session.ask("SHOW GRANTS FINAL")
        roles_matter = False
    except ClickHouseError:  # a server before 24.10 does not know FINAL
        lines = session.ask("SHOW GRANTS")
        roles_matter = True
    grants, roles = [], []
    for (line,) in lines:
        if found := _GRANT.fullmatch(line):
            grants.append((found[1], found[2]))
        elif (found := _ROLES.fullmatch(line)) and roles_matter:
            roles.append(found[1])
    return grants, roles


def _writing(user: str, grants: Sequence[tuple[str, str]], roles: Sequence[str]) -> list[str]:
    """Warnings about what the user could do besides reading. Runs do not; another program could."""
    warnings = []
    for privileges, target in grants:
        every = [one.strip() for one in _PRIVILEGES.findall(privileges)]
        more = [one for one in every if not _READS.fullmatch(one)]
        if more:
            shown = ", ".join(more[:3]) + (", …" if len(more) > 3 else "")
            warnings.append(
                f"The user {user!r} may do more than read on {target} ({shown}). "
                f"Run: REVOKE {', '.join(more)} ON {target} FROM {quoted(user)};"
            )
    warnings += [
        f"The user {user!r} has the role {role}, which may be able to write. Look with: SHOW GRANTS FOR {role}; "
        f"and if so, run: REVOKE {role} FROM {quoted(user)};"
        for role in roles
    ]
    return warnings


def _script(user: str, database: str) -> str:
    """The statements that make a user which can read this database and nothing else."""
    return (
        f"CREATE USER {quoted(user)} IDENTIFIED WITH sha256_password BY {literal('…')};\n"
        f"GRANT SELECT ON {quoted(database)}.* TO {quoted(user)};"
    )


def _refuses_to_write(session: ClickHouseSession) -> bool:
    """Try to write, where nothing would remain of it, and expect the server's refusal."""
    try:
        session.ask(_WRITE)
    except ClickHouseError:
        return True
    return False
