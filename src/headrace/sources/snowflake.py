"""A Snowflake account as a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.connector import Field, Spec
from headrace.ports import Source, Tools
from headrace.sources import catalog
from headrace.sources.fields import STATEMENT_TIMEOUT
from headrace.sources.network import on_this_machine
from headrace.sources.sql import SqlSource

_FIELDS = (
    Field("account", "text", "Account identifier: organization and account name.", True, example="acme-main"),
    Field("user", "text", "User to log in as: one of TYPE = SERVICE.", True, example="HEADRACE"),
    Field("private_key", "secret", "The user's private key: the text of an RSA key in PEM."),
    Field("private_key_file", "path", "File of the private key, instead of its text.", example="keys/headrace.p8"),
    Field("private_key_passphrase", "secret", "Passphrase of an encrypted private key."),
    Field("password", "secret", "Password, instead of a key. Snowflake is ending log-in by password alone."),
    Field("role", "text", "Role to read with; one that can only SELECT.", True, example="HEADRACE_READER"),
    Field("warehouse", "text", "Virtual warehouse that computes; without it: the user's.", example="READING"),
    Field("database", "text", "Database to read from.", True, example="SHOP"),
    Field("schema", "text", "Schema in which tables are found without a prefix.", example="PUBLIC"),
    STATEMENT_TIMEOUT,
    Field(
        "options",
        "map",
        "Parameters of the session; TIMEZONE is UTC and QUERY_TAG is headrace unless they stand here.",
        example={"QUERY_TAG": "reverse etl", "WEEK_START": 1},
    ),
    Field(
        "host",
        "text",
        "Name of the server; without it: ACCOUNT.snowflakecomputing.com. For private links.",
        example="acme-main.privatelink.snowflakecomputing.com",
    ),
    Field("port", "integer", "Port of the server.", default=443, minimum=1, maximum=65535),
    Field(
        "protocol",
        "choice",
        "https; http is taken only for a stand-in on this machine.",
        default="https",
        choices=("https", "http"),
    ),
    Field(
        "ocsp",
        "boolean",
        "Ask whether the server's certificate was revoked. Turn it off where only Snowflake itself can be reached.",
        default=True,
    ),
)

_KEYS = ("private_key", "private_key_file", "password")
# Parameter → why it cannot stand in `options`.
_RESERVED = {
    "MULTI_STATEMENT_COUNT": "is always 1",
    "ROWS_PER_RESULTSET": "is always 0; use LIMIT in the query",
    "STATEMENT_TIMEOUT_IN_SECONDS": "is set with `statement_timeout`",
    "GEOGRAPHY_OUTPUT_FORMAT": "is always GeoJSON; use ST_ASWKT in the query",
    "GEOMETRY_OUTPUT_FORMAT": "is always GeoJSON; use ST_ASWKT in the query",
}


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rules between the fields."""
    problems = []
    given = [name for name in _KEYS if settings.get(name)]
    if not given:
        problems.append(("private_key", "is missing; give `private_key`, `private_key_file` or `password`"))
    problems += [(name, f"stands beside `{given[0]}`; give only one of the two") for name in given[1:]]
    if settings.get("private_key_passphrase") and not {"private_key", "private_key_file"} & set(given):
        problems.append(("private_key_passphrase", "needs `private_key` or `private_key_file` beside it"))
    if settings.get("protocol") == "http" and not on_this_machine(settings.get("host") or ""):
        problems.append(("protocol", "http is taken only where `host` is this machine; leave it out"))
    problems += [
        ("options", f"{name} {_RESERVED[name.upper()]}")
        for name in settings.get("options") or {}
        if name.upper() in _RESERVED
    ]
    return problems


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    from headrace.sources.snowflake_check import check
    from headrace.sources.snowflake_session import SnowflakeSession

    return SqlSource(
        lambda: SnowflakeSession(settings, tools.base),
        lambda: check(settings, tools.base),
        timeout=settings.get("statement_timeout") or 0,  # Snowflake counts in whole seconds
    )


_GRANTS = """\
CREATE ROLE HEADRACE_READER;
GRANT USAGE ON WAREHOUSE READING TO ROLE HEADRACE_READER;
GRANT USAGE ON DATABASE SHOP TO ROLE HEADRACE_READER;
GRANT USAGE ON SCHEMA SHOP.PUBLIC TO ROLE HEADRACE_READER;
GRANT SELECT ON ALL TABLES IN SCHEMA SHOP.PUBLIC TO ROLE HEADRACE_READER;
GRANT SELECT ON FUTURE TABLES IN SCHEMA SHOP.PUBLIC TO ROLE HEADRACE_READER;
GRANT SELECT ON ALL VIEWS IN SCHEMA SHOP.PUBLIC TO ROLE HEADRACE_READER;
GRANT SELECT ON FUTURE VIEWS IN SCHEMA SHOP.PUBLIC TO ROLE HEADRACE_READER;
CREATE USER HEADRACE TYPE = SERVICE DEFAULT_ROLE = HEADRACE_READER RSA_PUBLIC_KEY = '…';
GRANT ROLE HEADRACE_READER TO USER HEADRACE;
"""

SPEC = Spec(
    type="snowflake",
    title="Snowflake",
    summary="Tables and views of a Snowflake account.",
    fields=_FIELDS,
    source=_source,
    validate=_validate,
    dialect="snowflake",
    catalog=catalog.INFORMATION_SCHEMA,
    grants=_GRANTS,
    guide="how-to/connect-snowflake.md",
)
