"""What Snowflake's refusals mean, and how to mend them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from headrace.errors import QueryError, SourceError
from headrace.sources.network import without_secret
from headrace.sources.sql import not_a_select, one_statement, refused, timed_out

# Pattern in Snowflake's or the driver's words → stable code, and the sentence. {0} is the pattern's first group.
_CONNECTION: tuple[tuple[str, str, str], ...] = (
    (
        "390144|JWT token is invalid",
        "password",
        "Snowflake refused the key of the user {user!r}, or knows no such user. Check `account`, `user` and the key, "
        "and give the user its public half: ALTER USER {quoted_user} SET RSA_PUBLIC_KEY = '…';",
    ),
    (
        "(?i)multi-factor|\\bMFA\\b|second factor",
        "password",
        "Snowflake does not let the user {user!r} in with a password alone. Use a key: set `private_key`.",
    ),
    (
        "(?i)temporarily locked",
        "not_allowed",
        "Snowflake has locked the user {user!r} for a while, after wrong passwords. "
        "Wait 15 minutes, or run: ALTER USER {quoted_user} SET MINS_TO_UNLOCK = 0;",
    ),
    (
        "(?i)user access disabled|user .* is disabled",
        "grants",
        "The user {user!r} is disabled. Run: ALTER USER {quoted_user} SET DISABLED = FALSE;",
    ),
    (
        "390100|Incorrect username or password",
        "password",
        "Snowflake refused the password of the user {user!r}, or knows no such user. Check `user` and `password`.",
    ),
    (
        "390189|Role .* specified in the connect string",
        "grants",
        "Snowflake has no role {role!r}, or the user {user!r} does not have it. "
        "Check `role`, or run: GRANT ROLE {quoted_role} TO USER {quoted_user};",
    ),
    (
        "390422|(?i:is not allowed to access Snowflake)",
        "not_allowed",
        "Snowflake does not let the user {user!r} in from this machine. Add its address to the network policy.",
    ),
    (
        "no such host|Temporary failure in name resolution|server misbehaving",
        "unknown_host",
        "The host name {host!r} is unknown here. Check `account` (and `host`), and that this machine can look it up.",
    ),
    (
        "connection refused",
        "refused",
        "Nothing answers at {where}. Check `host` and `port`, and that no firewall is in between.",
    ),
    (
        "certificate has expired or is not yet valid",
        "tls",
        "The certificate of {where} has expired or is not yet valid. Renew it, or mend this machine's clock.",
    ),
    (
        "certificate is valid for (.*), not|cannot validate certificate for|not valid for any names",
        "tls",
        "The certificate of {where} is for another name. Check `account`; set `host` to a name in the certificate.",
    ),
    (
        "signed by unknown authority",
        "tls",
        "The certificate of {where} is not signed by an authority that this machine trusts. "
        "Add that authority to the system's, or name its file in SSL_CERT_FILE.",
    ),
    (
        "(?i)ocsp|revo(?:ked|cation)",
        "tls",
        "Whether the certificate of {where} was revoked could not be told, or it was: {reason}. "
        "If only Snowflake can be reached from here, set `ocsp` to false.",
    ),
    (
        "gave HTTP response to HTTPS client|does not look like a TLS handshake",
        "tls",
        "The server at {where} does not speak TLS. Check `host` and `port`.",
    ),
    (
        "(?i)(?:invalid|unsupported) .*parameter",
        "options",
        "Snowflake refused the session's settings: {reason}. Mend `options`.",
    ),
    (
        "HTTP(?: Status)?:? ?(?:403|404)",
        "unknown_host",
        "There is no Snowflake account behind {where}. Check `account`.",
    ),
    (
        "(?i)timeout|deadline exceeded|no route to host|network is unreachable",
        "no_answer",
        "No answer from {where}. Check `account`, `host` and `port`, and that a firewall lets this machine out.",
    ),
)

# Snowflake's number of an error.
_MULTIPLE_STATEMENTS = 8
_CANCELED = 604
_TIMED_OUT = 630
_SYNTAX = 1003
_NOT_AUTHORIZED = 3001
_DOES_NOT_EXIST = 2003
# What the driver says, without a number of Snowflake's, when the network fails: it has tried again for a while by then.
_NETWORK = re.compile("EOF|timeout|deadline exceeded|connection (?:reset|refused)|broken pipe|no such host|x509")
_SESSION_GONE = frozenset({390104, 390111, 390112, 390114, 390195})


def connection_refusal(error: Exception, settings: Mapping[str, Any]) -> SourceError:
    """The error for a session that could not be opened."""
    text = str(error)
    host = settings.get("host") or f"{settings['account']}.snowflakecomputing.com"
    words = {
        "host": host,
        "where": f"{host}:{settings.get('port') or 443}",
        "user": settings["user"],
        "role": settings["role"],
        "quoted_user": identifier(settings["user"]),
        "quoted_role": identifier(settings["role"]),
        "reason": without_secret(server_words(error), settings),
    }
    for pattern, code, sentence in _CONNECTION:
        found = re.search(pattern, text)
        if found:
            return SourceError(sentence.format(*found.groups(), **words), code=code)
    return SourceError(f"No session at {words['where']}: {words['reason']}. Check the settings.", code="source")


def query_refusal(
    error: Exception, sql: str, alive: Callable[[], bool], timeout: float, lines_before: int
) -> SourceError:
    """The error for a statement that failed. ``lines_before`` counts the lines put before ``sql``.

    What comes while chunks are fetched has no number of Snowflake's; then ``alive`` tells whether it still answers.
    """
    number = int(getattr(error, "vendor_code", None) or 0)
    reason = server_words(error)
    if number == _TIMED_OUT:
        return timed_out(timeout)
    if number == _MULTIPLE_STATEMENTS:
        return one_statement()
    if number == _CANCELED:
        return QueryError("The query was cancelled in Snowflake. Run it again.", code="query")
    if number == _NOT_AUTHORIZED or "Insufficient privileges" in reason:
        return SourceError(f"Snowflake refused the query: {reason}. Grant the role what it lacks.", code="grants")
    if number in _SESSION_GONE or (not number and (_NETWORK.search(reason) or not alive())):
        return SourceError(
            f"The connection to Snowflake was lost: {reason}. Run it again. If it is always so amid the rows, let this "
            "machine reach the storage that large results come from: SELECT SYSTEM$ALLOWLIST() tells its names.",
            code="connection_lost",
        )
    if lines_before and number == _SYNTAX:  # by itself Snowflake understood it, as a subquery it did not
        return not_a_select("Snowflake", reason)
    hint = " Or the role lacks USAGE or SELECT." if number == _DOES_NOT_EXIST else ""
    return refused("Snowflake", f"{reason}.{hint}" if hint else reason, sql, _offset(reason, sql, lines_before))


def _offset(reason: str, sql: str, lines_before: int) -> int | None:
    """How many characters of ``sql`` stand before the place that Snowflake tells (lines from 1, positions from 0)."""
    found = re.search(r"line (\d+) at position (\d+)", reason)
    if not found:
        return None
    line, position = int(found[1]) - 1 - lines_before, int(found[2])
    lines = sql.split("\n")
    if not 0 <= line < len(lines) or position > len(lines[line]):
        return None
    return sum(len(before) + 1 for before in lines[:line]) + position


def identifier(name: str) -> str:
    """A name as SQL writes it where it must: "My Role"."""
    return name if re.fullmatch("[A-Za-z_][A-Za-z0-9_$]*", name) else '"' + name.replace('"', '""') + '"'


def server_words(error: Exception) -> str:
    """Snowflake's message on one line, without what the driver puts around it."""
    words = re.sub(r"\. Vendor code: \d+\. SQLSTATE: \w+$", "", str(error).strip())
    words = re.sub(r"^[A-Z_]+: ", "", words)
    words = re.sub(r"^\[Snowflake\] (?:\d{6} \(\w{5}\): )+", "", words)
    words = re.sub(r'(?:Get|Post) "[^"]*": ', "", words)  # addresses of chunks are signed: whoever has one may read
    return " ".join(words.removeprefix("SQL compilation error:").split()).rstrip(".")
