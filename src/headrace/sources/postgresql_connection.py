"""A connection to PostgreSQL: its settings, its read-only transaction, and what its refusals mean."""

from __future__ import annotations

import ipaddress
import json
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc  # type: ignore[import-untyped]  # it ships no types

from headrace.errors import SourceError
from headrace.sources.postgresql_errors import connection_refusal, server_words

CONNECT_TIMEOUT = 15  # seconds
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Connection:
    """One connection. Everything it runs, it runs in a transaction that can only read.

    Raises `SourceError` where it cannot connect; after that the driver's errors.
    """

    def __init__(self, settings: Mapping[str, Any], base: Path) -> None:
        self._settings = settings
        self._begun = False
        for name in ("tls_ca", "tls_certificate", "tls_key"):
            if settings.get(name) and not (base / settings[name]).is_file():
                raise SourceError(f"There is no file {settings[name]!r}. Mend `{name}`.", code="tls")
        try:
            self.adbc = adbc.connect(_uri(settings, base), autocommit=True)
        except adbc_driver_manager.Error as error:
            raise connection_refusal(str(error), settings) from None  # what the driver says may hold settings

    def begin(self) -> None:
        """Open the transaction, unless it is open. The server refuses `set transaction read write` from then on."""
        if self._begun:
            return
        self.execute("begin isolation level repeatable read, read only")
        self._begun = True
        # The first query fixes the snapshot; set_config is local to the transaction, as poolers need it.
        try:
            self.query(
                "select " + ", ".join(f"set_config({_literal(k)}, {_literal(v)}, true)" for k, v in self._wanted())
            )
        except adbc_driver_manager.Error as error:
            reason = server_words(error)
            raise SourceError(
                f"PostgreSQL refused the session's settings: {reason}. Mend `options`.", code="options"
            ) from error

    def end(self) -> bool:
        """End the transaction, also after an error; False if the server no longer answers."""
        self._begun = False
        try:
            self.execute("rollback")
        except (adbc_driver_manager.Error, OSError):
            return False
        return True

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a statement of our own."""
        with self.adbc.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
            cursor.execute(sql)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def execute(self, sql: str) -> None:
        """A statement of our own that returns nothing."""
        with self.adbc.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
            cursor.execute(sql)

    def cancel(self) -> None:
        """Cancel what runs, from another thread."""
        with suppress(adbc_driver_manager.Error):
            self.adbc.adbc_cancel()

    def close(self) -> None:
        with suppress(adbc_driver_manager.Error):  # an open transaction ends with its connection
            self.adbc.close()

    def _wanted(self) -> list[tuple[str, str]]:
        settings = {
            "timezone": "UTC",
            "datestyle": "ISO",
            "intervalstyle": "iso_8601",
            "statement_timeout": str(round(1000 * (self._settings.get("statement_timeout") or 0))),
        }
        if search_path(self._settings):
            settings["search_path"] = ", ".join(map(_identifier, search_path(self._settings)))
        for name, value in (self._settings.get("options") or {}).items():
            settings[name.lower()] = value if isinstance(value, str) else json.dumps(value)
        return list(settings.items())


def search_path(settings: Mapping[str, Any]) -> list[str]:
    """The schemas of the setting ``schema``, in order."""
    return [name.strip() for name in (settings.get("schema") or "").split(",") if name.strip()]


def tls_mode(settings: Mapping[str, Any]) -> str:
    """libpq's sslmode: as set, or by where the server is."""
    if settings.get("tls"):
        return str(settings["tls"])
    return "prefer" if on_this_machine(settings["host"]) else "verify-full"


def on_this_machine(host: str) -> bool:
    """Whether ``host`` is a loopback address or the folder of a Unix socket."""
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _uri(settings: Mapping[str, Any], base: Path) -> str:
    """A libpq URI with everything said, so that no PGHOST or PGSSLMODE of the environment speaks."""
    mode = tls_mode(settings)
    words = {
        "host": settings["host"],
        "port": str(settings.get("port") or 5432),
        "dbname": settings["database"],
        "user": settings["user"],
        "sslmode": mode,
        "connect_timeout": str(CONNECT_TIMEOUT),
        "application_name": "headrace",
    }
    if settings.get("password"):
        words["password"] = settings["password"].reveal()
    if mode.startswith("verify"):
        words["sslrootcert"] = str(base / settings["tls_ca"]) if settings.get("tls_ca") else _system_authorities()
    if settings.get("tls_certificate"):
        words["sslcert"] = str(base / settings["tls_certificate"])
        words["sslkey"] = str(base / settings["tls_key"])
    return "postgresql://?" + urlencode(words, quote_via=quote, safe="")


def _system_authorities() -> str:
    """The file of the certificates this machine trusts: the driver's own OpenSSL does not know where they are."""
    known = ssl.get_default_verify_paths().cafile
    return next((path for path in (known, *_BUNDLES) if path and Path(path).is_file()), "system")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"
