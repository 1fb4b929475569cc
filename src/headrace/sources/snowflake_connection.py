"""A connection to Snowflake: its settings, its key, its session."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import adbc_driver_manager
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from headrace.errors import SourceError
from headrace.sources.network import driver
from headrace.sources.snowflake_errors import connection_refusal, identifier

LOGIN_TIMEOUT = 10  # seconds for which a log-in that meets a failing network is tried again
RETRY_TIMEOUT = 10  # seconds for which any other request is
PREFETCH = 1  # chunks fetched at a time: of more, the driver gives later ones although an earlier one broke

_SQL = "adbc.snowflake.sql."
_CLIENT = f"{_SQL}client_option."

_CONTEXT = """
select current_version(), current_role(), current_warehouse(), current_database(), current_schema()
"""


class Context(NamedTuple):
    """What the session runs with; None for what Snowflake did not find or does not let the role use."""

    version: str
    role: str | None
    warehouse: str | None
    database: str | None
    schema: str | None


class Connection:
    """One session. Raises `SourceError` where it cannot be opened; after that the driver's errors."""

    def __init__(self, settings: Mapping[str, Any], base: Path) -> None:
        dbapi = driver("adbc_driver_snowflake.dbapi", "snowflake", "Snowflake")
        options = _options(settings) | _credentials(settings, base)
        try:
            self.adbc = dbapi.connect(db_kwargs=options, autocommit=True)
        except adbc_driver_manager.Error as error:
            raise connection_refusal(error, settings) from None  # what the driver says may hold settings
        try:
            # Else the rights of all roles of the user would count, whatever the one that was set may do.
            self.query("use secondary roles none")
            [row] = self.query(_CONTEXT)
            self.context = Context(*row)
            _complete(self.context, settings)
        except adbc_driver_manager.Error as error:
            self.close()
            raise connection_refusal(error, settings) from None
        except BaseException:
            self.close()
            raise

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a statement of our own."""
        with self.adbc.cursor() as cursor:
            cursor.execute(sql)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def alive(self) -> bool:
        """Whether Snowflake still answers in this session."""
        try:
            self.query("select 1")
        except (adbc_driver_manager.Error, OSError):
            return False
        return True

    def close(self) -> None:
        with suppress(adbc_driver_manager.Error):
            self.adbc.close()


def host(settings: Mapping[str, Any]) -> str:
    """The name of the server."""
    return settings.get("host") or f"{settings['account']}.snowflakecomputing.com"


def _complete(context: Context, settings: Mapping[str, Any]) -> None:
    """Snowflake lets a user in whose database or schema it does not find; a query would fail later."""
    role = identifier(context.role or settings["role"])
    for name, found, kind in (
        ("database", context.database, "DATABASE"),
        ("schema", context.schema, "SCHEMA"),
        ("warehouse", context.warehouse, "WAREHOUSE"),
    ):
        if settings.get(name) and not found:
            thing = identifier(settings[name])
            if name == "schema":
                thing = f"{identifier(settings['database'])}.{thing}"
            raise SourceError(
                f"Snowflake has no {name} {settings[name]!r}, or the role {context.role!r} may not use it. "
                f"Check `{name}`, or run: GRANT USAGE ON {kind} {thing} TO ROLE {role};",
                code="database",
            )
    if not context.warehouse:
        raise SourceError(
            f"The user {settings['user']!r} has no warehouse to compute with. Set `warehouse`.", code="database"
        )


def _options(settings: Mapping[str, Any]) -> dict[str, str]:
    """The driver's options; it hands those that it does not know to Snowflake, as parameters of the session."""
    options = {
        "username": settings["user"],
        f"{_SQL}account": settings["account"],
        f"{_SQL}role": settings["role"],
        f"{_SQL}db": settings["database"],
        f"{_SQL}uri.host": host(settings),
        f"{_SQL}uri.port": str(settings.get("port") or 443),
        f"{_SQL}uri.protocol": settings.get("protocol") or "https",
        f"{_CLIENT}app_name": "headrace",
        f"{_CLIENT}login_timeout": f"{LOGIN_TIMEOUT}s",
        f"{_CLIENT}request_timeout": f"{RETRY_TIMEOUT}s",
        f"{_CLIENT}disable_telemetry": "true",
        f"{_CLIENT}store_temp_creds": "false",
        f"{_CLIENT}use_high_precision": "true",
        # Nanoseconds would end in the year 2262, and are cut off in the call in any case.
        f"{_CLIENT}max_timestamp_precision": "microseconds",
        # In spite of its name it only turns OCSP off: certificates are verified in any case.
        f"{_CLIENT}tls_skip_verify": "false" if settings.get("ocsp", True) else "true",
        **_parameters(settings),
    }
    for name in ("warehouse", "schema"):
        if settings.get(name):
            options[f"{_SQL}{name}"] = settings[name]
    return options


def _parameters(settings: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of the session, from its first moment on."""
    parameters = {
        "TIMEZONE": "UTC",
        "QUERY_TAG": "headrace",
        "CLIENT_TELEMETRY_ENABLED": "false",
        "MULTI_STATEMENT_COUNT": "1",
        "ROWS_PER_RESULTSET": "0",  # whatever the user's own says: it would cut results short
        "GEOGRAPHY_OUTPUT_FORMAT": "GeoJSON",
        "GEOMETRY_OUTPUT_FORMAT": "GeoJSON",
        "ABORT_DETACHED_QUERY": "true",  # a process that was killed leaves no query running
    }
    if settings.get("statement_timeout"):
        parameters["STATEMENT_TIMEOUT_IN_SECONDS"] = str(ceil(settings["statement_timeout"]))
    for name, value in (settings.get("options") or {}).items():
        parameters[name.upper()] = value if isinstance(value, str) else json.dumps(value)
    return parameters


def _credentials(settings: Mapping[str, Any], base: Path) -> dict[str, str]:
    """The driver's options for the password or the key."""
    if settings.get("password"):
        return {f"{_SQL}auth_type": "auth_snowflake", "password": settings["password"].reveal()}
    return {
        f"{_SQL}auth_type": "auth_jwt",
        f"{_CLIENT}jwt_private_key_pkcs8_value": _private_key(settings, base),
    }


def _private_key(settings: Mapping[str, Any], base: Path) -> str:
    """The key in the one form that the driver takes: PEM of PKCS #8, decrypted."""
    name = "private_key" if settings.get("private_key") else "private_key_file"
    if name == "private_key":
        text = settings[name].reveal().encode()
    else:
        try:
            text = (base / settings[name]).read_bytes()
        except OSError as error:
            raise SourceError(
                f"The file {settings[name]!r} cannot be read: {error.strerror}. Mend `{name}`.", code="password"
            ) from None
    passphrase = settings.get("private_key_passphrase")
    try:
        key = load_pem_private_key(text, passphrase.reveal().encode() if passphrase else None)
    except TypeError:  # encrypted and no passphrase, or the other way round
        wrong = "is not encrypted; leave it out" if passphrase else "is encrypted; set it"
        raise SourceError(f"The key in `{name}` {wrong}: `private_key_passphrase`.", code="password") from None
    except ValueError:
        raise SourceError(
            f"The key in `{name}` cannot be read. It must be an RSA key in PEM (-----BEGIN PRIVATE KEY-----), "
            "and `private_key_passphrase` must fit.",
            code="password",
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise SourceError(f"The key in `{name}` is not an RSA key. Make one: openssl genrsa 2048", code="password")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
