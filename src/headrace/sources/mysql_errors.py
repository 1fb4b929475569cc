"""What the refusals of MySQL, MariaDB and their client library mean, and how to mend them."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from headrace.errors import QueryError, SourceError
from headrace.sources.mysql_tls import NoTls
from headrace.sources.network import without_secret
from headrace.sources.sql import one_statement, refused, timed_out, writes

# Number of the error → stable code, and the sentence. From 2000 on they are the client library's.
_CONNECTION: Mapping[int, tuple[str, str]] = {
    1045: (
        "password",
        "The server refused the password of {user!r}, or knows no such account for this machine's address. "
        "Check `user` and `password`, and the account's host.",
    ),
    1698: (
        "password",
        "The server knows no account {user!r} for this machine that logs in with a password: {reason}. "
        "Check `user`, and the account's host and plugin.",
    ),
    1044: (
        "grants",
        "The account {user!r} may not use the database {database!r}, or there is none of that name. Check `database`, "
        "or run: GRANT SELECT ON {quoted}.* TO {account};",
    ),
    1049: ("database", "The server has no database {database!r}. Check `database`."),
    1040: (
        "too_many_connections",
        "The server at {where} has no connection left. Close others, or raise max_connections.",
    ),
    1203: ("too_many_connections", "{user!r} has no connection left. Close others, or raise max_user_connections."),
    1226: ("too_many_connections", "{user!r} is over a limit of the account: {reason}. Raise it, or try again later."),
    1129: ("not_allowed", "The server at {where} blocks this machine after too many errors. Run there: FLUSH HOSTS;"),
    1130: (
        "not_allowed",
        "The server at {where} has no account for this machine's address: {reason}. Run: {create}",
    ),
    1053: ("not_ready", "The server at {where} is shutting down. Try again when it runs."),
    3159: ("tls", "The server at {where} lets nobody in without TLS. Set `tls` to verify-full."),
    1862: ("password", "The password of {user!r} has expired. Give the account a new one."),
    1820: ("password", "The password of {user!r} has expired. Give the account a new one."),
    4151: ("not_allowed", "The account {user!r} is locked. Run: ALTER USER {account} ACCOUNT UNLOCK;"),
    3118: ("not_allowed", "The account {user!r} is locked. Run: ALTER USER {account} ACCOUNT UNLOCK;"),
    2002: (
        "refused",
        "There is no server behind the Unix socket {host!r}. Check `host`, and that MySQL or MariaDB runs.",
    ),
    2059: (
        "password",
        "The account {user!r} logs in by a way that the driver does not know: {reason}. Use a password.",
    ),
    2061: ("password", "The account {user!r} needs TLS to log in: {reason}. Set `tls` to verify-full."),
}

_UNKNOWN_HOST = (
    "unknown_host",
    "The host name {host!r} is unknown here. Check `host`, and that this machine can look the name up.",
)
_REFUSED = (
    "refused",
    "Nothing answers at {where}. Check `host` and `port`, that the server runs and listens on that address "
    "(bind-address), and that no firewall is in between.",
)
_NO_ANSWER = (
    "no_answer",
    "No answer from {where}. Check `host` and `port`, and that its firewall lets this machine's address in.",
)
_NO_TLS = (
    "tls",
    "The server at {where} offers no TLS, and `tls` demands it. Turn TLS on in the server; "
    "or, if you trust every network in between, set `tls` to disable.",
)
_EXPIRED = ("tls", "The certificate of {where} has expired. Renew it on the server.")
_OTHER_NAME = (
    "tls",
    "The certificate of {where} is for another name: {reason}. Set `host` to the name in the certificate, "
    "or `tls` to verify-ca, which does not compare names.",
)
_UNTRUSTED = (
    "tls",
    "The certificate of {where} is not signed by an authority that we trust: {reason}. "
    "Set `tls_ca` to the certificate of the authority that signed it.",
)
_BAD_FILE = (
    "tls",
    "The files in `tls_ca`, `tls_certificate` and `tls_key` cannot be used: {reason}. They must be PEM, "
    "and the key must belong to the certificate and need no password.",
)
_TLS = ("tls", "The encrypted connection to {where} could not be made: {reason}. Check `tls` and the server's TLS.")
_OTHER = ("source", "No connection to the server at {where}: {reason}. Check the settings.")

_EXPIRED_CODE, _NAME_CODES = 10, (62, 64)  # OpenSSL's
_LOST = frozenset(
    {1053, 1077, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2000, 2003, 2006, 2013, 2014, 2055, 4031}
)
_LATE = frozenset({1969, 3024})  # MariaDB's, and MySQL's
WRITES = frozenset({1290, 1792, 1836, 4023})
_DENIED = frozenset({1044, 1045, 1142, 1143, 1227, 1345, 1356, 1370})
# What was denied: another command than those of reading; or FILE, which a connected account is told as at log-in.
_FOR_WRITING = re.compile(r"(?!SELECT|SHOW|EXECUTE)[A-Z ]+ command denied|.*\bFILE privilege|Access denied for user")
_KILLED = frozenset({1317, 1028, 1053, 3169})


def connection_refusal(error: Exception, settings: Mapping[str, Any]) -> SourceError:
    """The error for a connection that could not be made."""
    code, sentence = _meaning(error)
    user, database = settings["user"], settings["database"]
    account = f"{literal(user)}@'%'"
    told = {
        "host": settings["host"],
        "where": settings["host"] if settings["host"].startswith("/") else f"{settings['host']}:{settings['port']}",
        "user": user,
        "database": database,
        "quoted": quoted(database),
        "account": account,
        "create": f"CREATE USER {account} IDENTIFIED BY '…';",
        "reason": without_secret(words(error), settings),
    }
    return SourceError(sentence.format(**told), code=code)


def _meaning(error: Exception) -> tuple[str, str]:
    if isinstance(error, NoTls):
        return _NO_TLS
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code == _EXPIRED_CODE:
            return _EXPIRED
        return _OTHER_NAME if error.verify_code in _NAME_CODES else _UNTRUSTED
    if isinstance(error, ssl.SSLError):
        return _BAD_FILE if error.library == "X509" or "PEM" in str(error) or "PASSWORD" in str(error) else _TLS
    if isinstance(error, socket.gaierror):
        return _UNKNOWN_HOST
    if isinstance(error, ConnectionRefusedError):
        return _REFUSED
    if isinstance(error, OSError):
        return _NO_ANSWER if isinstance(error, TimeoutError) or error.errno in (101, 113) else _OTHER
    return _CONNECTION.get(number(error), _TLS if number(error) == 2026 else _OTHER)


def is_other_certificate(error: Exception) -> bool:
    """Whether the driver met a certificate that it was not told of."""
    return number(error) == 2026 and "ingerprint" in str(error)


def query_refusal(error: Exception, sql: str, title: str, timeout: float) -> SourceError:
    """The error for a statement that failed at the server ``title``."""
    reason = words(error)
    if isinstance(error, pa.ArrowException):
        return QueryError(f"A value cannot be read: {reason}. Cast its column to CHAR.")
    found = number(error)
    if found in _LATE:
        return timed_out(timeout)
    if found in WRITES or (found in _DENIED and _FOR_WRITING.match(reason)):
        return writes(title, reason)
    if found in _DENIED:
        return SourceError(f"{title} refused the query: {reason}. Grant the account what it lacks.", code="grants")
    if found in _LOST or found in _KILLED:
        return SourceError(f"{title} ended the query: {reason}. Run it again.", code="connection_lost")
    offset = _offset(sql, error)
    if offset is not None and ends_in_statement(sql, error):
        return one_statement()
    return refused(title, reason, sql, offset)


def ends_in_statement(sql: str, error: Exception) -> bool:
    """Whether a syntax error stands where one statement ends and another one begins."""
    offset = _offset(sql, error)
    return offset is not None and bool(re.search(r";(\s|--\s[^\n]*\n|#[^\n]*\n|/\*.*?\*/)*$", sql[:offset], re.DOTALL))


def _offset(sql: str, error: Exception) -> int | None:
    """Where a syntax error is: the server quotes what follows, up to 80 characters of it, and tells the line."""
    place = re.search(r"near '(.*)' at line (\d+)$", str(error.args[-1]), re.DOTALL)
    if number(error) != 1064 or place is None:
        return None
    rest, line = place[1], int(place[2])
    start = sum(len(text) + 1 for text in sql.split("\n")[: line - 1])
    if not rest:
        return len(sql.rstrip())
    found = sql.find(rest, start)
    return found if found >= 0 else None


def number(error: Exception) -> int:
    """The error's number; 0 if it has none."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def words(error: Exception) -> str:
    """What the server says, on one line, without what it says to everybody."""
    text = str(getattr(error, "verify_message", "") or (error.args[-1] if error.args else error))
    text = re.sub(
        r"You have an error in your SQL syntax; check the manual.* to use near",
        "syntax error near",
        text,
        flags=re.DOTALL,
    )
    text = re.sub(r"^(\(conn=\d+\) )?TLS/SSL error: ", "", text)
    return " ".join(text.split()).rstrip(".")


def quoted(identifier: str) -> str:
    """An identifier as SQL writes it: `my shop`."""
    return "`" + identifier.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
