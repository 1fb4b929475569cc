"""What PostgreSQL's and libpq's refusals mean, and how to mend them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.errors import SourceError
from headrace.sources.libpq import Sentences, refusal
from headrace.sources.sql import not_a_select, one_statement, refused, timed_out, writes

_CONNECTION: Sentences = (
    (
        "on socket .* failed: No such file",
        "refused",
        "There is no server behind the Unix socket {where}. Check `host` and `port`, and that PostgreSQL runs.",
    ),
    (
        "Connection refused",
        "refused",
        "Nothing answers at {where}. Check `host` and `port`, that PostgreSQL runs and listens on that address "
        "(listen_addresses), and that no firewall is in between.",
    ),
    (
        'role "(.*)" does not exist',
        "password",
        "The server knows no role {user!r}. Check `user`.",
    ),
    (
        "is not permitted to log in",
        "grants",
        "The role {user!r} may not log in. Run: ALTER ROLE {quoted_user} LOGIN;",
    ),
    (
        "permission denied for database",
        "grants",
        "The role {user!r} may not connect to the database {database!r}. "
        "Run: GRANT CONNECT ON DATABASE {quoted_database} TO {quoted_user};",
    ),
    (
        "no pg_hba.conf entry.*no encryption",
        "tls",
        "The server at {where} has no rule that lets the role {user!r} in without TLS. "
        "Set `tls` to verify-full, or mend the server's pg_hba.conf.",
    ),
    (
        "no pg_hba.conf entry|pg_hba.conf rejects",
        "not_allowed",
        "The server at {where} does not let the role {user!r} into the database {database!r} from this machine. "
        "Add this machine's address to the server's pg_hba.conf or allow list.",
    ),
    (
        "too many connections|remaining connection slots",
        "too_many_connections",
        "The server at {where} has no connection left for the role {user!r}. "
        "Close others, or raise max_connections or the role's CONNECTION LIMIT.",
    ),
    (
        "the database system is",
        "not_ready",
        "The server at {where} is starting up, shutting down or recovering. Try again when it is ready.",
    ),
)


def connection_refusal(text: str, settings: Mapping[str, Any]) -> SourceError:
    """The error for a connection that libpq could not make; ``text`` is what it said."""
    return refusal(text, settings, "PostgreSQL", _CONNECTION)


def query_refusal(error: Exception, sql: str, *, alive: bool, timeout: float, prefix: int) -> SourceError:
    """The error for a statement that failed. ``prefix`` counts the characters put before ``sql``.

    Errors that come while rows stream have a text but no SQLSTATE; then ``alive``, whether the server still answers,
    tells a bad query from a lost connection.
    """
    state = getattr(error, "sqlstate", None) or ""
    details = {key: value.decode(errors="replace") for key, value in getattr(error, "details", None) or ()}
    reason = server_words(error)
    hint = details.get(b"PG_DIAG_MESSAGE_HINT")
    if "statement timeout" in reason:
        return timed_out(timeout)
    if "read-only transaction" in reason or "read-write mode" in reason or state == "25006":
        return writes("PostgreSQL", reason)
    if "multiple commands" in reason:
        return one_statement()
    if prefix and state in ("42601", "0A000"):  # by itself the server understood it, inside COPY it did not
        return not_a_select("PostgreSQL", reason)
    if state == "42501":
        return SourceError(f"PostgreSQL refused the query: {reason}. Grant the role what it lacks.", code="grants")
    if not alive or state[:2] in ("08", "53", "57", "58", "XX"):
        return SourceError(f"PostgreSQL ended the query: {reason}. Run it again.", code="connection_lost")
    offset = None
    if b"PG_DIAG_STATEMENT_POSITION" in details:
        offset = int(details[b"PG_DIAG_STATEMENT_POSITION"]) - 1 - prefix
    return refused("PostgreSQL", f"{reason}. {hint}" if hint else reason, sql, offset)


def server_words(error: Exception) -> str:
    """The server's message on one line, without what the driver puts around it."""
    for key, value in getattr(error, "details", None) or ():
        if key == b"PG_DIAG_MESSAGE_PRIMARY":
            return str(value.decode(errors="replace"))
    words = str(error).split("ERROR:", 1)[-1].split("\n\nQuery was:", 1)[0]
    return " ".join(words.split()).rstrip(".")
