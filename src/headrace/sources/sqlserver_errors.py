"""What the refusals of SQL Server and of its driver mean, and how to mend them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headrace.errors import QueryError, SourceError
from headrace.sources.network import without_secret
from headrace.sources.sql import not_a_select, refused, timed_out
from headrace.sources.sqlserver_text import name_place, tokens_of
from headrace.sources.sqlserver_types import bracketed

# Pattern in the driver's words → stable code, and the sentence. {0} is the pattern's first group.
_CONNECTION: tuple[tuple[str, str, str], ...] = (
    (
        "Failed to load the driver",
        "driver_missing",
        "The driver for SQL Server lacks a library of the system. "
        "Run: apt-get install libltdl7 libgssapi-krb5-2 (or, with dnf: libtool-ltdl krb5-libs).",
    ),
    (
        "Error code 0x2AF9|Name or service not known",
        "unknown_host",
        "The host name {host!r} is unknown here. Check `host`, and that this machine can look the name up.",
    ),
    (
        "Error code 0x2749|Error code 0x274D|actively refused|Connection refused",
        "refused",
        "Nothing answers at {where}. Check `host` and `port`, that SQL Server runs and takes TCP connections "
        "(SQL Server Configuration Manager), and that no firewall is in between.",
    ),
    (
        "Login timeout expired|Error code 0x102|Error code 0x274C|Timeout error",
        "no_answer",
        "No answer from {where}. Check `host` and `port`, and that its firewall lets this machine's address in.",
    ),
    (
        "is not allowed to access the server",
        "not_allowed",
        "The server {host!r} does not let this machine's address in. Add it to the server's firewall rules.",
    ),
    (
        "Cannot open database",
        "database",
        "The server has no database {database!r} that the login {user!r} may open. Check `database`; "
        "if it is there, run in it: CREATE USER {quoted_user} FOR LOGIN {quoted_user};",
    ),
    (
        "password .*(expired|must be changed)",
        "password",
        "The password of the login {user!r} has expired. Run: ALTER LOGIN {quoted_user} WITH PASSWORD = '…';",
    ),
    (
        "account is disabled|is locked out",
        "password",
        "The login {user!r} is disabled or locked. Run: ALTER LOGIN {quoted_user} ENABLE;",
    ),
    (
        "Login failed for user",
        "password",
        "The server refused the password of the login {user!r}, or knows no such login. Check `user` and `password`; "
        "the server must allow SQL Server logins, not only Windows ones.",
    ),
    (
        "certificate has expired",
        "tls",
        "The certificate of {where} has expired. Renew it on the server.",
    ),
    (
        "subject name does not match|hostname mismatch",
        "tls",
        "The certificate of {where} is for another name. Set `host` to the name in the certificate, or `tls_name`.",
    ),
    (
        "certificate verify failed",
        "tls",
        "The certificate of {where} is not signed by an authority that we trust. "
        "Set `tls_ca` to the certificate of the authority that signed it.",
    ),
    (
        "[Ee]ncryption (not|isn't) supported|does not support encryption",
        "tls",
        "The server at {where} offers no TLS, and `tls` demands it. "
        "Give the server a certificate; or, if you trust every network in between, set `tls` to disable.",
    ),
    (
        "SSL Provider|TLS",
        "tls",
        "No encrypted connection to {where}: {reason}. Check `tls`, and the server's certificate.",
    ),
    (
        "maximum number of (user )?connections|session limit|Resource ID",
        "too_many_connections",
        "The server at {where} has no connection left. Close others, or raise its limit (user connections).",
    ),
    (
        "is not currently available|being recovered|is starting|is paused|shutdown is in progress|is in single user",
        "not_ready",
        "The database {database!r} at {where} is not ready: {reason}. Try again when it is.",
    ),
)

_LOST = re.compile(
    r"TCP Provider|Communication link failure|connection is (broken|dead|closed)|Connection is busy|"
    r"forcibly closed|SHUTDOWN is in progress|transport-level|session is in the kill state",
    re.IGNORECASE,
)
_PLACES = re.compile(r"(?:[Nn]ear(?: the keyword)?|column name|object name|column prefix|identifier) [\"'](.*?)[\"']")


def offers_no_tls(text: str) -> bool:
    """Whether the server has no encryption at all."""
    return re.search("[Ee]ncryption (not|isn't) supported|does not support encryption", text) is not None


def connection_refusal(text: str, settings: Mapping[str, Any]) -> SourceError:
    """The error for a connection that the driver could not make; ``text`` is what it said."""
    reason = without_secret(_plain(text), settings)
    words = {
        "host": settings["host"],
        "where": f"{settings['host']}:{settings['port']}",
        "user": settings["user"],
        "database": settings["database"],
        "quoted_user": bracketed(settings["user"]),
        "reason": reason,
    }
    for pattern, code, sentence in _CONNECTION:
        if re.search(pattern, text):
            return SourceError(sentence.format(**words), code=code)
    return SourceError(f"No connection to SQL Server at {words['where']}: {reason}. Check the settings.", code="source")


def query_refusal(error: Exception, sql: str, *, alive: bool, timeout: float) -> SourceError:
    """The error for a statement that failed. ``alive``: whether the server still answers."""
    reason = server_words(error)
    if "Query timeout expired" in reason:
        return timed_out(timeout)
    if not alive or _LOST.search(reason):
        return SourceError(f"SQL Server ended the query: {reason}. Run it again.", code="connection_lost")
    return refusal(reason, sql)


def refusal(reason: str, sql: str) -> SourceError:
    """The error for a query that the server refused in these words."""
    if "permission was denied" in reason:
        return SourceError(f"SQL Server refused the query: {reason}. Grant the login what it lacks.", code="grants")
    if "Lock request time out" in reason:
        return SourceError(
            "SQL Server refused the query: another transaction locks the rows. Run it again; or let readers pass by "
            "them: ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON;",
            code="query",
        )
    if "napshot isolation transaction failed" in reason or "ISOLATION LEVEL is set to SNAPSHOT" in reason:
        return QueryError(f"SQL Server refused the query: {reason}. Set `isolation` to read-committed.")
    if "could not be determined" in reason:
        return not_a_select("SQL Server", reason)
    return refused("SQL Server", reason, sql, _offset(reason, sql))


def _offset(reason: str, sql: str) -> int | None:
    """Where the word stands that the message quotes, if it stands in the query once."""
    found = _PLACES.search(reason)
    return name_place(sql, tokens_of(sql), found.group(1)) if found else None


def server_words(error: Exception) -> str:
    """The message on one line, without what the driver puts around it."""
    return _plain(getattr(error, "ddbc_error", None) or str(error))


def _plain(text: str) -> str:
    words = re.sub(r"(Driver Error: .*?; DDBC Error: )|\[[A-Za-z0-9 ]+\](?=\[|\w)", "", text)
    return " ".join(words.split()).rstrip(".")
