"""What ClickHouse's refusals mean, and how to mend them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headrace.errors import SourceError
from headrace.sources import https
from headrace.sources.clickhouse_http import ClickHouseError, identifier, where
from headrace.sources.sql import one_statement, refused, timed_out, writes

SYNTAX_ERROR, UNKNOWN_FUNCTION = 62, 46
_READONLY, _TIMEOUT, _ACCESS_DENIED, _TOO_MANY, _TWO_OF_A_NAME = 164, 159, 497, 202, 179
_PASSWORD = frozenset({192, 193, 194, 516})
_DATABASE = 81
_SETTINGS = frozenset({115, 164, 452})  # unknown, not to be changed by a read-only user, out of its bounds
_ENDED = frozenset({32, 95, 209, 210, 236, 394})  # broken off by the network, a shutdown or a KILL
_NOT_READY = frozenset({502, 503, 504})

_FAULT = re.compile(r"failed at position (\d+) \((.*?)\)(?: \(line|:|$)", re.DOTALL)


def words(error: ClickHouseError) -> str:
    """The server's message on one line, without its name for the error and what it says of our own statement."""
    text = re.split(r"\.? ?:? In scope |\. Expected one of|: [Ww]hile executing", error.message)[0]
    text = re.sub(r"^(?:Code: \d+\. DB::Exception: )+", "", text)
    return re.sub(r"(?: \([A-Z_]+\)| \(version .*?\))+$", "", " ".join(text.split())).rstrip(".")


def connection_refusal(error: Exception, settings: Mapping[str, Any]) -> SourceError:
    """The error for a server that cannot be reached, or does not let us in."""
    place = where(settings)
    if not isinstance(error, ClickHouseError):
        return https.unreachable(error, "ClickHouse", place) or SourceError(
            f"{place} broke the connection off before it answered. Check that `port` is that of the HTTP interface, "
            "and that `tls` is as the server has it.",
            code="refused",
        )
    if error.code in _PASSWORD:
        return SourceError(
            f"The server refused the password of the user {settings['user']!r}, or knows no such user. "
            "Check `user` and `password`.",
            code="password",
        )
    if error.code == _DATABASE:
        return SourceError(
            f"The server has no database {settings['database']!r} that this user may see. Check `database`.",
            code="database",
        )
    if error.code in _SETTINGS:
        return SourceError(
            f"ClickHouse refused the session's settings: {words(error)}. Mend `options`.", code="options"
        )
    if not error.code and error.status in _NOT_READY:
        return SourceError(f"The server at {place} is not ready ({words(error)}). Try again later.", code="not_ready")
    if not error.code:
        return SourceError(
            f"What answers at {place} is not ClickHouse's HTTP interface ({words(error)}). Check `host` and `port`."
        )
    return query_refusal(error, "", settings)


def query_refusal(error: Exception, sql: str, settings: Mapping[str, Any], prefix: int = 0) -> SourceError:
    """The error for a statement that failed; ``prefix`` counts the bytes of the statement before ``sql``."""
    if not isinstance(error, ClickHouseError):
        return https.unreachable(error, "ClickHouse", where(settings)) or SourceError(
            f"The connection to {where(settings)} broke before the last row. Run it again.", code="connection_lost"
        )
    reason = words(error)
    if error.code == _TIMEOUT and settings.get("statement_timeout"):
        return timed_out(settings["statement_timeout"])
    if error.code == _READONLY:
        return writes("ClickHouse", reason)
    if error.code == _ACCESS_DENIED:
        return SourceError(f"ClickHouse refused the query: {reason}. Grant the user what it lacks.", code="grants")
    if error.code == _TOO_MANY:
        return SourceError(f"ClickHouse runs too many queries: {reason}. Try again later.", code="too_many_connections")
    if error.code in _ENDED:
        return SourceError(f"ClickHouse ended the query: {reason}. Run it again.", code="connection_lost")
    if not error.code:
        return connection_refusal(error, settings)
    if error.code == _TWO_OF_A_NAME:
        return refused("ClickHouse", f"duplicate column name: {reason}. Give each column a name of its own", sql)
    if error.code == SYNTAX_ERROR:
        return _syntax_error(error, sql, prefix)
    return refused("ClickHouse", reason, sql)


def _syntax_error(error: ClickHouseError, sql: str, prefix: int) -> SourceError:
    if "Multi-statements" in error.message:
        return one_statement()
    fault = _FAULT.search(error.message)
    if not fault:
        return refused("ClickHouse", words(error), sql)
    offset = len(sql.encode()[: max(int(fault[1]) - 1 - prefix, 0)].decode(errors="ignore"))
    if sql[offset : offset + 1] == ";":
        return one_statement()
    return refused("ClickHouse", f"syntax error at {' '.join(fault[2].split())!r}", sql, offset)


def quoted(name: str) -> str:
    """A name as SQL writes it where it must."""
    return name if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) else identifier(name)
