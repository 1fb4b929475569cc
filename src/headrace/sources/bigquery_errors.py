"""What the refusals of BigQuery and its client mean, and how to mend them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import requests
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError

from headrace.errors import QueryError, SourceError
from headrace.sources.sql import refused, stopped, timed_out

if TYPE_CHECKING:
    from headrace.sources.bigquery_connection import Connection

_PLACE = re.compile(r"(?: at)? \[(\d+):(\d+)\]")

# Pattern in the words of the TLS library or the network → stable code, and the sentence.
_NETWORK: tuple[tuple[str, str, str], ...] = (
    (
        "certificate has expired",
        "tls",
        "The certificate of {where} has expired. Check this machine's clock, and any proxy in between.",
    ),
    (
        "Hostname mismatch|IP address mismatch|doesn't match",
        "tls",
        "The certificate of {where} is for another name. Check `url`, `storage_url` and any proxy in between.",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError|SSL_ERROR|WRONG_VERSION_NUMBER",
        "tls",
        "The certificate of {where} is not signed by an authority that we trust. "
        "If a proxy stands in between, set `tls_ca` to the certificate of its authority.",
    ),
    (
        "NameResolutionError|Name or service not known|nodename nor servname|Temporary failure in name resolution|"
        "DNS resolution failed|No address associated",
        "unknown_host",
        "The host name of {where} is unknown here. Check `url`, and that this machine can look the name up.",
    ),
    (
        "Connection refused",
        "refused",
        "Nothing answers at {where}. Check `url` and `storage_url`, and that no firewall is in between.",
    ),
    (
        "timed out|Timeout|unreachable|No route to host",
        "no_answer",
        "No answer from {where}. Check `url`, and that this machine may reach Google over HTTPS.",
    ),
)


def explained(error: Exception, sql: str, connection: Connection, *, interrupted: bool) -> SourceError:
    """What an error of Google's libraries means, for the user who wrote ``sql``."""
    if interrupted:
        return stopped()
    if isinstance(error, exceptions.RetryError) and error.cause is not None:
        error = error.cause
    if isinstance(error, TransportError | requests.RequestException):
        return _network(error)
    if isinstance(error, GoogleAuthError):
        return _credentials(error, connection)
    if isinstance(error, exceptions.GoogleAPICallError):
        return _answer(error, sql, connection)
    return SourceError(f"BigQuery ended the query: {_one_line(str(error))}. Run it again.", code="connection_lost")


def _network(error: Exception) -> SourceError:
    """No answer came: the request may be found in the error, or in the one that it stands for."""
    words = _chain(error)
    found = re.search(r"host='([^']+)', port=(\d+)", words)
    where = f"{found[1]}:{found[2]}" if found else "Google's API"
    for pattern, code, sentence in _NETWORK:
        if re.search(pattern, words):
            return SourceError(sentence.format(where=where), code=code)
    return SourceError(f"The connection to {where} broke. Run it again.", code="connection_lost")


def _chain(error: BaseException | None) -> str:
    """The words of an error and of those behind it."""
    words: list[str] = []
    while error is not None and len(words) < 6:
        words.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return " ".join(words)


def _credentials(error: GoogleAuthError, connection: Connection) -> SourceError:
    account = connection.account
    if isinstance(error, RefreshError):
        reason = _one_line(str(error.args[0])) if error.args else "no reason given"
        return SourceError(
            f"Google refused the key of the account {account!r}: {reason}. "
            "Check that the key was not deleted or the account disabled, and this machine's clock.",
            code="password",
        )
    return SourceError(f"Google's login failed for the account {account!r}. Check `credentials`.", code="password")


def _answer(error: exceptions.GoogleAPICallError, sql: str, connection: Connection) -> SourceError:
    """The error for an answer of the API."""
    reason, words = _said(error)
    code = error.code
    if code == 401:
        return SourceError(
            f"Google did not take the login of the account {connection.account!r}: {words}. Check `credentials`.",
            code="password",
        )
    if reason == "bytesBilledLimitExceeded" or "limit for bytes billed" in words:
        return QueryError(
            f"BigQuery refused the query: {words}. Read less (fewer columns, one partition), "
            "or raise `maximum_bytes_billed`."
        )
    if reason in ("quotaExceeded", "rateLimitExceeded") or code == 429:
        return SourceError(
            f"A quota of the project {connection.project!r} is used up: {words}. Wait, or have it raised.",
            code="too_many_connections",
        )
    if code == 403:
        return SourceError(
            f"BigQuery refused the account {connection.account!r}: {words}. Grant it what it lacks: "
            "the statements are in the check, under grants.",
            code="grants",
        )
    if code == 404 and re.search(r"(?i)not found: project|project .* (is not|not) found", words):
        return SourceError(
            f"There is no project {connection.project!r} for this account: {words}. Check `project`.", code="database"
        )
    if "timed out" in words and connection.settings.get("statement_timeout"):
        return timed_out(connection.settings["statement_timeout"])
    if reason == "stopped":
        return QueryError(f"BigQuery stopped the query: {words}. Run it again.", code="query")
    if code is not None and code >= 500:
        return SourceError(f"BigQuery ended the query: {words}. Run it again.", code="connection_lost")
    return _query(words, sql)


def _query(words: str, sql: str) -> QueryError:
    """The error for a query that is at fault; its place stands in BigQuery's words as [line:column]."""
    found = _PLACE.search(words)
    if not found:
        return refused("BigQuery", words, sql)
    line, column = int(found[1]), int(found[2])
    lines = sql.split("\n")
    offset = sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
    return refused("BigQuery", _PLACE.sub("", words, count=1), sql, offset)


def _said(error: exceptions.GoogleAPICallError) -> tuple[str, str]:
    """Reason and words of an answer, without the method and address that the client puts in front."""
    details: Any = error.errors[0] if error.errors else {}
    if not isinstance(details, dict):  # gRPC
        details = {}
    words = str(details.get("message") or re.sub(r"^[A-Z]+ https?://\S+: ", "", error.message or str(error)))
    return str(details.get("reason") or ""), _one_line(words)


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
