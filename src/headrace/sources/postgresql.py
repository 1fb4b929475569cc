"""A PostgreSQL server as a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.connector import Field, Spec
from headrace.ports import Source, Tools
from headrace.sources import libpq
from headrace.sources.fields import SEARCH_PATH, SSH_TUNNEL, STATEMENT_TIMEOUT, TLS
from headrace.sources.sql import SqlSource

_FIELDS = (
    Field(
        "host", "text", "Name or address of the server, or the folder of its Unix socket.", True, example="db.internal"
    ),
    Field("port", "integer", "Port of the server.", default=5432, minimum=1, maximum=65535),
    Field("database", "text", "Database to read from.", True, example="shop"),
    Field("user", "text", "Role to log in as; one that can only SELECT.", True, example="headrace_reader"),
    Field("password", "secret", "The role's password; leave it out where the server asks for none."),
    *TLS,
    SSH_TUNNEL,
    STATEMENT_TIMEOUT,
    SEARCH_PATH,
    Field(
        "options",
        "map",
        "Server settings for the session; timezone is UTC unless it stands here.",
        example={"work_mem": "256MB", "timezone": "Europe/Berlin"},
    ),
)


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    from headrace.sources.postgresql_check import check
    from headrace.sources.postgresql_session import PostgresSession

    return SqlSource(lambda: PostgresSession(settings, tools), lambda: check(settings, tools))


SPEC = Spec(
    type="postgresql",
    title="PostgreSQL",
    summary="Tables and views of a PostgreSQL server, version 12 or newer.",
    fields=_FIELDS,
    source=_source,
    validate=libpq.problems,
)
