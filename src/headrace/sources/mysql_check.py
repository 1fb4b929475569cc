"""What an account may do on a MySQL or MariaDB server: enough to read, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Tools
from headrace.sources.mysql_connection import Connection
from headrace.sources.mysql_errors import WRITES, literal, number, quoted, words
from headrace.sources.network import on_this_machine

_TABLES = "select count(*) from information_schema.tables where table_schema = database()"
_HARMLESS = frozenset({
    "USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "SHOW_ROUTINE", "PROCESS", "REPLICATION CLIENT",
    "BINLOG MONITOR", "SLAVE MONITOR", "REPLICA MONITOR", "CONNECTION_ADMIN",
})  # fmt: skip
_PROBE = "drop table if exists headrace_write_probe"  # changes nothing, should a server let it through
_GRANT = re.compile(r"GRANT (?P<rights>.+?) ON (?:TABLE )?(?P<on>\S.*?) TO (?P<to>.+)", re.DOTALL)


class _Grant(NamedTuple):
    """A line of SHOW GRANTS."""

    rights: tuple[str, ...]
    on: str  # `shop`.*
    passes_on: bool  # WITH GRANT OPTION

    @property
    def reads(self) -> bool:
        return bool({"SELECT", "ALL PRIVILEGES"} & set(self.rights))

    @property
    def more(self) -> list[str]:
        """The rights that are not needed to read."""
        return [right for right in self.rights if right not in _HARMLESS] + ["GRANT OPTION"] * self.passes_on


def check(settings: Mapping[str, Any], tools: Tools) -> Check:
    """Connect as a run does, look at what the account may do, and try to write. Raises `SourceError`."""
    with closing(Connection(settings, tools)) as connection:
        try:
            return _check(connection, settings)
        except connection.Error as error:
            raise SourceError(f"{connection.title} refused a question of the check: {words(error)}.") from error


def _check(connection: Connection, settings: Mapping[str, Any]) -> Check:
    account, client = _texts(connection, "select current_user(), user()")
    [tables] = _texts(connection, _TABLES)
    grants = _grants(connection)
    tls = [value for name, value in _status(connection) if name in ("Ssl_version", "Ssl_cipher") and value]
    facts = {
        "server": f"{connection.title} {connection.version.split('-')[0]}",
        "database": settings["database"],
        "role": account,
        "tls": ", ".join(tls[::-1]) or "off",
        "readable": f"{tables} tables and views",
        "grants": _script(settings, client),
    }
    problems = []
    warnings = _writing(account, grants)
    if not int(tables):
        warnings.append(
            f"The account {account!r} sees no tables in the database {settings['database']!r}. "
            f"Check `database`, or run: GRANT SELECT ON {quoted(settings['database'])}.* TO {_spelled(account)};"
        )
    if not tls and not on_this_machine(settings["host"]):
        warnings.append("The connection is not encrypted. Set `tls` to verify-full.")
    if not _refuses_to_write(connection):
        problems.append(
            "The server let a write through in a read-only transaction. "
            "Connect to MySQL or MariaDB itself, not through a proxy that changes statements."
        )
    return Check(tuple(problems), tuple(warnings), facts)


def _writing(account: str, grants: Sequence[_Grant]) -> list[str]:
    """Warnings about what the account could do besides reading. Runs cannot write in any case; others could."""
    spelled = _spelled(account)
    warnings = []
    for grant in grants:
        if not grant.more:
            continue
        if grant.on == "*.*" and "ALL PRIVILEGES" in grant.rights:
            return [
                f"The account {account!r} may change everything on the server. "
                "Make an account that only reads, with the statements under grants."
            ]
        rights = ", ".join(grant.more)
        mend = f"REVOKE {rights} ON {grant.on} FROM {spelled};"
        if "ALL PRIVILEGES" in grant.rights:
            mend = f"REVOKE ALL PRIVILEGES ON {grant.on} FROM {spelled}; GRANT SELECT ON {grant.on} TO {spelled};"
            mend += f" REVOKE GRANT OPTION ON {grant.on} FROM {spelled};" * grant.passes_on
        warnings.append(f"The account {account!r} may do more than read {grant.on} ({rights}). Run: {mend}")
    return warnings


def _grants(connection: Connection) -> list[_Grant]:
    """What the account may do, also through its roles."""
    lines = [text for [text] in _rows(connection, "show grants")]
    if not connection.is_mariadb and int(connection.version.split(".")[0]) >= 8:
        [roles] = _texts(connection, "select current_role()")
        if roles != "NONE":
            lines = [text for [text] in _rows(connection, f"show grants for current_user() using {roles}")]
    found = []
    for line in lines:
        parts = _GRANT.match(line)
        if parts is None:  # a role
            continue
        rights = re.sub(r"\s*\([^)]*\)", "", parts["rights"])  # of single columns
        found.append(_Grant(tuple(rights.split(", ")), parts["on"], "WITH GRANT OPTION" in parts["to"]))
    return found


def _script(settings: Mapping[str, Any], client: str) -> str:
    """The statements that make an account which can read this database, from where we are, and nothing else."""
    host = client.rpartition("@")[2]  # as the server sees us; through a tunnel, that is the SSH server
    account = f"{literal('headrace_reader')}@{literal(host)}"
    return "\n".join(
        [
            f"CREATE USER {account} IDENTIFIED BY '…';",
            f"GRANT SELECT, SHOW VIEW ON {quoted(settings['database'])}.* TO {account};",
        ]
    )


def _refuses_to_write(connection: Connection) -> bool:
    """Try to write, where nothing would remain of it, and expect the refusal of a server that only reads."""
    connection.begin()
    try:
        connection.execute(_PROBE)
    except connection.Error as error:
        return number(error) in WRITES
    finally:
        connection.end()
    return False


def _status(connection: Connection) -> list[list[str]]:
    return _rows(connection, "show session status like 'Ssl\\_%'")


def _spelled(account: str) -> str:
    """shop@% as SQL writes it: 'shop'@'%'."""
    user, _, host = account.rpartition("@")
    return f"{literal(user)}@{literal(host)}"


def _texts(connection: Connection, sql: str) -> list[str]:
    [row] = _rows(connection, sql)
    return row


def _rows(connection: Connection, sql: str) -> list[list[str]]:
    return [[(value or b"").decode() for value in row] for row in connection.query(sql)]
