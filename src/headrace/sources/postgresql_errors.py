"""What PostgreSQL's and libpq's refusals mean, and how to mend them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headrace.errors import SourceError
from headrace.sources.sql import not_a_select, one_statement, refused, timed_out, writes

# Pattern in libpq's words → stable code, and the sentence. {0} is the pattern's first group. Where `tls` is prefer,
# libpq tries twice and says both; so what the second, unencrypted try would say stands last.
_CONNECTION: tuple[tuple[str, str, str], ...] = (
    (
        "requires a valid client certificate|alert certificate required",
        "tls",
        "The server at {where} wants a client certificate. Set `tls_certificate` and `tls_key`.",
    ),
    (
        "could not translate host name|failed to resolve host",
        "unknown_host",
        "The host name {host!r} is unknown here. Check `host`, and that this machine can look the name up.",
    ),
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
        "timeout expired|Connection timed out|No route to host|Network is unreachable|Operation timed out",
        "no_answer",
        "No answer from {where}. Check `host` and `port`, and that its firewall lets this machine's address in.",
    ),
    (
        "no password supplied",
        "password",
        "The server wants a password for the role {user!r}, and none is set. Set `password`.",
    ),
    (
        "password authentication failed|authentication failed for user",
        "password",
        "The server refused the password of the role {user!r}, or knows no such role. Check `user` and `password`.",
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
        'database "(.*)" does not exist',
        "database",
        "The server has no database {database!r}. Check `database`.",
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
        "server does not support SSL",
        "tls",
        "The server at {where} offers no TLS, and `tls` demands it. Turn TLS on in the server (ssl = on); "
        "or, if you trust every network in between, set `tls` to disable.",
    ),
    (
        "certificate verify failed|self.signed certificate",
        "tls",
        "The certificate of {where} is not signed by an authority that we trust. "
        "Set `tls_ca` to the certificate of the authority that signed it.",
    ),
    (
        "server certificate for (.*) does not match host name",
        "tls",
        "The certificate of {where} is for another name ({0}). Set `host` to the name in the certificate, "
        "or `tls` to verify-ca, which does not compare names.",
    ),
    (
        "could not read root certificate file",
        "tls",
        "The file in `tls_ca` holds no certificate (PEM). Give it the certificate of the server's authority.",
    ),
    (
        "could not load private key file|could not read certificate file|group or world access|private key file",
        "tls",
        "`tls_certificate` and `tls_key` cannot be used: {reason}. Both must be PEM and belong together; "
        "the key must be readable by its owner only (chmod 600).",
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
    reason = _reason(text, settings)
    words = {
        "host": settings["host"],
        "where": f"{settings['host']}:{settings.get('port') or 5432}",
        "user": settings["user"],
        "database": settings["database"],
        "quoted_user": quoted(settings["user"]),
        "quoted_database": quoted(settings["database"]),
        "reason": reason,
    }
    for pattern, code, sentence in _CONNECTION:
        found = re.search(pattern, text)
        if found:
            return SourceError(sentence.format(*found.groups(), **words), code=code)
    return SourceError(f"No connection to PostgreSQL at {words['where']}: {reason}. Check the settings.", code="source")


def _reason(text: str, settings: Mapping[str, Any]) -> str:
    """libpq's last words on one line, without the password, should a driver ever quote it."""
    reason = " ".join(text.rsplit("failed: ", 1)[-1].replace("FATAL:", "").split()).rstrip(".")
    password = settings.get("password")
    return reason.replace(password.reveal(), "•••") if password else reason


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


def quoted(identifier: str) -> str:
    """An identifier as SQL writes it where it must: "My Role"."""
    return identifier if re.fullmatch("[a-z_][a-z0-9_]*", identifier) else '"' + identifier.replace('"', '""') + '"'


def server_words(error: Exception) -> str:
    """The server's message on one line, without what the driver puts around it."""
    for key, value in getattr(error, "details", None) or ():
        if key == b"PG_DIAG_MESSAGE_PRIMARY":
            return str(value.decode(errors="replace"))
    words = str(error).split("ERROR:", 1)[-1].split("\n\nQuery was:", 1)[0]
    return " ".join(words.split()).rstrip(".")
