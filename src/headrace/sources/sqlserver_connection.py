"""A connection to SQL Server: its settings, and its transaction, which is always rolled back."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import mssql_python

from headrace.errors import SourceError
from headrace.ports import Tools
from headrace.sources.network import Address, reached, system_authorities, tls_files, tls_mode
from headrace.sources.sqlserver_errors import connection_refusal, offers_no_tls, server_words

LOGIN_TIMEOUT = 15  # seconds
_LOCK_TIMEOUT = 60  # seconds for which a query waits for another's lock
_GRACE = 5  # seconds that the driver gives a query beyond its time limit: it should not be the one to notice

DRIVER_ERRORS = (mssql_python.Error, RuntimeError, OSError)

# The driver's OpenSSL takes authorities from these variables only, and reads them while it connects.
_AUTHORITIES = threading.Lock()

mssql_python.pooling(enabled=False)  # a pooled connection would stay open, with its session, after `close`

_SESSION = f"set language us_english; set lock_timeout {1000 * _LOCK_TIMEOUT}; set nocount on"
_SNAPSHOT = "select snapshot_isolation_state from sys.databases where database_id = db_id()"


class Connection:
    """One connection. What it runs, it runs in a transaction that is never committed.

    Raises `SourceError` where it cannot connect; after that the driver's errors.
    """

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self._settings = settings
        self._begun = False
        with reached(settings, tools) as address:
            self._address = address
            self._driver, self.encrypt = _connected(settings, tools, address)
        try:
            self._driver.timeout = (
                math.ceil(settings["statement_timeout"] + _GRACE) if settings.get("statement_timeout") else 0
            )
            self.execute(_SESSION)
            self.isolation = self._isolation()
            self.execute(f"set transaction isolation level {self.isolation.replace('-', ' ')}")
        except BaseException as error:
            self.close()
            if isinstance(error, DRIVER_ERRORS):
                raise SourceError(f"SQL Server refused the session's settings: {server_words(error)}.") from None
            raise

    def begin(self) -> None:
        """Open the transaction, unless it is open."""
        if not self._begun:
            self.execute("begin transaction")
            self._begun = True

    def end(self) -> bool:
        """Undo the transaction, also after an error; False if the server no longer answers."""
        self._begun = False
        try:
            self.execute("if @@trancount > 0 rollback transaction")
        except DRIVER_ERRORS:
            return False
        return True

    def in_transaction(self) -> bool:
        """Whether the one transaction is still open: nothing was committed."""
        return self.query("select @@trancount as n") == [(1,)]

    def cursor(self) -> mssql_python.Cursor:
        return self._driver.cursor()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a statement of our own."""
        with self.cursor() as cursor:
            return [tuple(row) for row in cursor.execute(sql).fetchall()]

    def execute(self, sql: str) -> None:
        """A statement of our own that returns nothing."""
        with self.cursor() as cursor:
            cursor.execute(sql)

    def close(self) -> None:
        with suppress(*DRIVER_ERRORS):  # an open transaction is undone with its connection
            self._driver.close()
        self._address.close()

    def _isolation(self) -> str:
        asked = self._settings.get("isolation")
        if asked:
            return str(asked)
        return "snapshot" if self.query(_SNAPSHOT) == [(1,)] else "read-committed"


def _connected(settings: Mapping[str, Any], tools: Tools, address: Address) -> tuple[mssql_python.Connection, str]:
    """The connection, and what it was asked to encrypt."""
    mode = tls_mode(settings)
    ways = {
        "disable": ["optional"],
        "prefer": ["mandatory", "optional"],
        "require": ["mandatory"],
        "verify-full": ["mandatory"],
        "strict": ["strict"],
    }[mode]
    verified = mode in ("verify-full", "strict")
    authorities = tls_files(settings, tools.base).get("tls_ca")
    for encrypt in ways:
        text = _connection_string(settings, address, encrypt, verified=verified)
        try:
            with _trusting(authorities) if verified else nullcontext():
                return mssql_python.connect(text, autocommit=True, timeout=LOGIN_TIMEOUT), encrypt
        except (*DRIVER_ERRORS, mssql_python.exceptions.ConnectionStringParseError) as error:
            if encrypt == "mandatory" and mode == "prefer" and offers_no_tls(str(error)):
                continue
            raise connection_refusal(str(error), settings) from None  # what the driver says may hold settings
    raise AssertionError("the last way returns or raises")


def _connection_string(settings: Mapping[str, Any], address: Address, encrypt: str, *, verified: bool) -> str:
    words = {
        "Server": f"tcp:{address.host},{address.port}",
        "Database": settings["database"],
        "Uid": settings["user"],
        "Pwd": settings["password"].reveal(),
        "Encrypt": encrypt,
        "TrustServerCertificate": "no" if verified else "yes",
        "ApplicationIntent": "ReadOnly",
        "ConnectRetryCount": "0",  # a connection that came back by itself would have lost its transaction
    }
    name = settings.get("tls_name") or address.name
    if verified and name != address.host:
        words["HostNameInCertificate"] = name
    return ";".join(f"{word}={{{value.replace('}', '}}')}}}" for word, value in words.items())


@contextmanager
def _trusting(authorities: str | None) -> Iterator[None]:
    """While it lasts, the driver trusts the certificates of this file alone, or those of the system."""
    wanted = {"SSL_CERT_FILE": authorities, "SSL_CERT_DIR": authorities}  # a file is a folder without certificates
    if authorities is None:
        known = os.environ.get("SSL_CERT_FILE") or system_authorities()
        wanted = {"SSL_CERT_FILE": known} if known else {}
    with _AUTHORITIES:
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update({name: value for name, value in wanted.items() if value})
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
