"""A PostgreSQL server as a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.connector import Field, Spec
from headrace.ports import Source, Tools
from headrace.sources.fields import STATEMENT_TIMEOUT
from headrace.sources.sql import SqlSource

_FIELDS = (
    Field(
        "host", "text", "Name or address of the server, or the folder of its Unix socket.", True, example="db.internal"
    ),
    Field("port", "integer", "Port of the server.", default=5432, minimum=1, maximum=65535),
    Field("database", "text", "Database to read from.", True, example="shop"),
    Field("user", "text", "Role to log in as; one that can only SELECT.", True, example="headrace_reader"),
    Field("password", "secret", "The role's password; leave it out where the server asks for none."),
    Field(
        "tls",
        "choice",
        "How the connection is encrypted. Without it: verify-full, which also proves that the server is the right one; "
        "for a server on this machine (localhost, 127.0.0.1, ::1, a Unix socket): prefer, which takes TLS if offered.",
        choices=("disable", "prefer", "require", "verify-ca", "verify-full"),
    ),
    Field("tls_ca", "path", "Certificate (PEM) of the authority that signed the server's; without it: the system's."),
    Field("tls_certificate", "path", "Client certificate (PEM), where the server demands one."),
    Field("tls_key", "path", "Private key (PEM) of the client certificate; readable by its owner only."),
    STATEMENT_TIMEOUT,
    Field(
        "schema",
        "text",
        "Schemas in which tables are found without a prefix, by commas (search_path).",
        example="sales, public",
    ),
    Field(
        "options",
        "map",
        "Server settings for the session; timezone is UTC unless it stands here.",
        example={"work_mem": "256MB", "timezone": "Europe/Berlin"},
    ),
)


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rules between the fields."""
    problems = []
    for name, other in (("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")):
        if settings.get(name) and not settings.get(other):
            problems.append((name, f"needs `{other}` beside it"))
    if settings.get("tls_ca") and settings.get("tls") in ("disable", "prefer", "require"):
        problems.append(("tls_ca", f"is not used with tls: {settings['tls']}; set tls to verify-ca or verify-full"))
    return problems


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    from headrace.sources.postgresql_check import check
    from headrace.sources.postgresql_session import PostgresSession

    return SqlSource(lambda: PostgresSession(settings, tools.base), lambda: check(settings, tools.base))


SPEC = Spec(
    type="postgresql",
    title="PostgreSQL",
    summary="Tables and views of a PostgreSQL server, version 12 or newer.",
    fields=_FIELDS,
    source=_source,
    validate=_validate,
)
