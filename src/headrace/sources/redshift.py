"""An Amazon Redshift warehouse as a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.connector import Field, Spec
from headrace.ports import Source, Tools
from headrace.sources import catalog, libpq
from headrace.sources.fields import SEARCH_PATH, SSH_TUNNEL, STATEMENT_TIMEOUT, TLS
from headrace.sources.sql import SqlSource

_FIELDS = (
    Field(
        "host",
        "text",
        "Endpoint of the cluster or of the serverless workgroup, without port and database.",
        True,
        example="shop.abc123.eu-west-1.redshift.amazonaws.com",
    ),
    Field("port", "integer", "Port of the endpoint.", default=5439, minimum=1, maximum=65535),
    Field("database", "text", "Database to read from.", True, example="shop"),
    Field("user", "text", "Database user to log in as; one that can only SELECT.", True, example="headrace_reader"),
    Field("password", "secret", "The user's password."),
    *TLS,
    SSH_TUNNEL,
    STATEMENT_TIMEOUT,
    SEARCH_PATH,
    Field(
        "options",
        "map",
        "Server settings for the session; timezone is UTC unless it stands here.",
        example={"query_group": "headrace", "enable_case_sensitive_identifier": "true"},
    ),
)


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    from headrace.sources.redshift_check import check
    from headrace.sources.redshift_session import RedshiftSession

    return SqlSource(
        lambda: RedshiftSession(settings, tools),
        lambda: check(settings, tools),
        timeout=settings["statement_timeout"],
    )


_GRANTS = """\
CREATE USER headrace_reader PASSWORD '…';
GRANT USAGE ON SCHEMA public TO headrace_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO headrace_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO headrace_reader;
"""

SPEC = Spec(
    type="redshift",
    title="Amazon Redshift",
    summary="Tables and views of an Amazon Redshift cluster or serverless workgroup.",
    fields=_FIELDS,
    source=_source,
    validate=libpq.problems,
    dialect="redshift",
    catalog=catalog.INFORMATION_SCHEMA,
    grants=_GRANTS,
    guide="how-to/connect-redshift.md",
)
