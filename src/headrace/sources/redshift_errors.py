"""What Redshift's refusals mean, and how to mend them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from headrace.errors import SourceError
from headrace.sources.libpq import Sentences, refusal
from headrace.sources.sql import one_statement, refused, timed_out, writes

_CONNECTION: Sentences = (
    (
        "Connection refused",
        "refused",
        "Nothing answers at {where}. Check `host` and `port`, and that the cluster runs and is not paused.",
    ),
    (
        "timeout expired|Connection timed out|No route to host|Network is unreachable|Operation timed out",
        "no_answer",
        "No answer from {where}. Check `host` and `port`, that the security group lets this machine's address in, "
        "and that the endpoint can be reached from here: publicly accessible, or through `ssh_tunnel`.",
    ),
    (
        "authentication method 13|unsupported authentication|authentication method not supported",
        "password",
        "Redshift keeps the password of {user!r} as SHA-256, which the driver cannot use. "
        "Run: ALTER USER {quoted_user} PASSWORD '…'; with the password itself or its md5 hash.",
    ),
    (
        "no pg_hba.conf entry.*(?:SSL off|no encryption)",
        "tls",
        "The warehouse at {where} lets nobody in without TLS (require_ssl). Set `tls` to verify-full.",
    ),
    (
        "no pg_hba.conf entry|pg_hba.conf rejects",
        "not_allowed",
        "The warehouse at {where} does not let the user {user!r} into the database {database!r} from this machine.",
    ),
    (
        "permission denied for database",
        "grants",
        "The user {user!r} may not connect to the database {database!r}. Have its owner allow it.",
    ),
    (
        "too many connections|connection limit|remaining connection slots",
        "too_many_connections",
        "The warehouse at {where} has no connection left for the user {user!r}. "
        "Close others, or raise the user's CONNECTION LIMIT.",
    ),
    (
        "the database system is|resuming|is paused",
        "not_ready",
        "The warehouse at {where} is starting, resuming or restarting. Try again when it is available.",
    ),
)


def connection_refusal(text: str, settings: Mapping[str, Any]) -> SourceError:
    """The error for a connection that could not be made; ``text`` is what libpq said."""
    return refusal(text, settings, "Redshift", _CONNECTION)


def query_refusal(error: Exception, sql: str, *, alive: bool, timeout: float, prefix: int) -> SourceError:
    """The error for a statement that failed. ``prefix`` counts the characters put before ``sql``.

    ``alive`` tells whether the server still answers. Redshift reports faults of the data with the state XX000.
    """
    reason = server_words(error)
    if not isinstance(error, psycopg.Error):
        return refused("Redshift", f"a value cannot be read: {reason}", sql)
    state = error.sqlstate or ""
    if "timeout" in reason:
        return timed_out(timeout)
    if state == "25006" or "read-only transaction" in reason or "transaction is read-only" in reason:
        return writes("Redshift", reason)
    if "multiple commands" in reason:
        return one_statement()
    if state == "42501":
        return SourceError(f"Redshift refused the query: {reason}. Grant the user what it lacks.", code="grants")
    if not alive or state[:2] in ("08", "53", "57", "58"):
        return SourceError(f"Redshift ended the query: {reason}. Run it again.", code="connection_lost")
    place = error.diag.statement_position
    hint = error.diag.message_hint
    return refused("Redshift", f"{reason}. {hint}" if hint else reason, sql, int(place) - 1 - prefix if place else None)


def server_words(error: Exception) -> str:
    """The server's message on one line."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return " ".join((primary or str(error)).split()).rstrip(".")
