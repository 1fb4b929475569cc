"""A connection to MySQL or MariaDB: how it is made, its read-only transaction, and how a statement is ended."""

from __future__ import annotations

import os
import re
import socket
import ssl
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from headrace.errors import SourceError
from headrace.ports import Tools
from headrace.sources.mysql_errors import connection_refusal, is_other_certificate, words
from headrace.sources.mysql_tls import Met, NoTls, Refusal, meet
from headrace.sources.network import (
    CONNECT_TIMEOUT,
    KEEPALIVE,
    driver,
    missing_driver,
    reached,
    tls_files,
    tls_mode,
)

_LOOKS = 5  # at servers behind one address, each of which may have a certificate of its own
_NO_LIMIT = 2**64 - 1
_BINARY = 128  # the flag that the driver sets for the character set "binary"
# Nothing is converted; what stands in a result's `converter` afterwards tells bytes from text.
_RAW = {kind: [(_BINARY, bytes)] for kind in range(256)}
_READ_ONLY = "set session transaction isolation level repeatable read, read only"


class Connection:
    """One connection. Everything it runs, it runs in a session and a transaction that can only read.

    Raises `SourceError` where it cannot connect; after that the driver's errors.
    """

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self._settings = settings
        self._mysql = _library()
        self.Error: type[Exception] = self._mysql.Error
        self._files = tls_files(settings, tools.base)
        self._mode = tls_mode(settings)
        self._met: Met | None = None
        self._known: set[str] = set()  # fingerprints of certificates that were verified
        self._ending = threading.Lock()
        self._begun = self._spoiled = False
        self._socket: socket.socket
        self._side: Any = None  # a second connection, which ends the statement of the first
        with reached(settings, tools) as self._address:
            self._open()

    # ----------------------------------------------------------------------------------------------------- statements

    def begin(self) -> None:
        """Open the transaction and fix its snapshot, unless it is open."""
        if not self._begun:
            self.fresh()
            self.execute("start transaction with consistent snapshot, read only")
            self._begun = True

    def fresh(self) -> None:
        """Leave the transaction, and connect anew if the connection cannot be used any more."""
        if not self.end():
            self._drop()
            self._open()

    def end(self) -> bool:
        """End the transaction, also after an error; False if the connection is of no use any more."""
        self._begun = False
        if self._spoiled:
            return False
        try:
            self.execute("rollback")
        except self.Error:
            return False
        return True

    def execute(self, sql: str) -> None:
        """A statement of our own that returns nothing."""
        self.query(sql)

    def query(self, sql: str) -> list[tuple[bytes | None, ...]]:
        """All rows of a statement of our own."""
        self._main.query(sql.encode())
        result = self._main.store_result()
        return [] if result is None else list(result.fetch_row(0))

    def parse(self, sql: str) -> None:
        """Let the server parse a statement and look its names up, and not run it."""
        self._main.query(b"prepare headrace_probe from " + self._main.string_literal(sql.encode()))
        self.execute("deallocate prepare headrace_probe")

    def start(self, sql: str, limit: int | None) -> Any:
        """Run a SELECT whose rows are fetched from the result as they are asked for."""
        self.execute(f"set session sql_select_limit = {_NO_LIMIT if limit is None else limit}")
        self._main.query(sql.encode())
        return self._main.use_result()

    # ------------------------------------------------------------------------------------------------ ending and close

    def kill(self) -> None:
        """End the running statement, from any thread. What remains of its result is worth nothing."""
        with self._ending:
            self._spoiled = True
            if not self._killed():
                with suppress(OSError):  # the server is gone, or out of connections: then let it see us go
                    self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._drop()
        self._address.close()

    def _killed(self) -> bool:
        try:
            if self._side is None:
                self._side = self._log_in()
                if self._place(self._side)[:-1] != self._here[:-1]:  # numbers of sessions are each server's own
                    return False
            self._side.query(b"kill query %d" % self._here[-1])
        except (self.Error, OSError):
            return False
        return True

    def _drop(self) -> None:
        for connection in (self._main, self._side):
            if connection is not None:
                with suppress(self.Error):  # an open transaction ends with its connection
                    connection.close()
        self._side = None
        self._socket.close()

    # -------------------------------------------------------------------------------------------------------- opening

    def _open(self) -> None:
        self._begun = self._spoiled = False
        self._main = self._connected()
        self._socket = socket.socket(fileno=os.dup(self._main.fileno()))
        if self._socket.family != socket.AF_UNIX:
            for name, value in KEEPALIVE.items():
                if option := getattr(socket, f"TCP_KEEP{name}", None):
                    self._socket.setsockopt(socket.IPPROTO_TCP, option, value)
        try:
            self._here = self._place(self._main)
            self._prepare()
        except BaseException:
            self._drop()
            raise

    def _connected(self) -> Any:
        """A session of the server that was looked at first. Raises `SourceError`."""
        try:
            if self._settings["host"].startswith("/"):
                return self._log_in()
            for look in range(1, _LOOKS + 1):
                self._met = meet(self._address, self._mode, self._files)
                if self._met.certificate is not None:
                    self._known.add(self._met.fingerprint(self._mysql.get_client_info()))
                try:
                    return self._log_in()
                except self.Error as error:
                    if not is_other_certificate(error) or look == _LOOKS:
                        raise
        except (self.Error, OSError, ssl.SSLError, Refusal, NoTls) as error:
            raise connection_refusal(error, self._settings) from None  # what the driver says may hold settings
        raise AssertionError

    def _log_in(self) -> Any:
        """A session of the driver; over TLS it takes no certificates but those that are known."""
        settings = self._settings
        login: dict[str, Any] = {
            "user": settings["user"],
            "password": settings["password"].reveal() if settings.get("password") else "",
            "database": settings["database"],
            "charset": "utf8mb4",
            "conv": _RAW,
            "connect_timeout": CONNECT_TIMEOUT,
            "local_infile": 0,
        }
        if self._met is None:
            return self._mysql.connect(unix_socket=settings["host"], **login)
        login |= {"host": self._met.host, "port": self._met.port}
        if self._met.certificate is None:
            return self._mysql.connect(ssl_mode="DISABLED", **login)
        ours = {"cert": self._files.get("tls_certificate"), "key": self._files.get("tls_key")}
        with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
            known, options = Path(folder, "known"), Path(folder, "options")
            known.write_text("".join(f"{fingerprint}\n" for fingerprint in sorted(self._known)))
            options.write_text(f"[client]\nssl-fp-list={known}\n")
            return self._mysql.connect(
                ssl={name: file for name, file in ours.items() if file},
                ssl_mode="REQUIRED",
                read_default_file=str(options),
                **login,
            )

    def _place(self, connection: Any) -> tuple[Any, ...]:
        """Which server a connection is at, and the number of its session there."""
        connection.query(b"select @@hostname, @@port, @@server_id, connection_id()")
        [(*server, number)] = connection.store_result().fetch_row(0)
        return (*server, int(number))

    def _prepare(self) -> None:
        """Set the session up. From here on the server refuses to write."""
        [(version,)] = self.query("select version()")
        assert version is not None
        self.version = version.decode()
        self.is_mariadb = "mariadb" in self.version.lower()
        wanted = {
            "group_concat_max_len": 16_777_216,
            "net_write_timeout": 86_400,
            **(self._settings.get("options") or {}),
        }
        for name, value in wanted.items():
            try:
                self.execute(f"set session {_name(name)} = {self._literal(value)}")
            except self.Error as error:
                raise SourceError(
                    f"{self.title} refused the session's settings: {words(error)}. Mend `options`.", code="options"
                ) from error
        seconds = self._settings.get("statement_timeout") or 0
        limit = (
            f"max_statement_time = {seconds}" if self.is_mariadb else f"max_execution_time = {round(1000 * seconds)}"
        )
        for setting in ("time_zone = '+00:00'", limit):
            self.execute(f"set session {setting}")
        self.execute(_READ_ONLY)

    @property
    def title(self) -> str:
        """What the server calls itself, for messages."""
        return "MariaDB" if self.is_mariadb else "MySQL"

    def _literal(self, value: object) -> str:
        if isinstance(value, bool | int | float):
            return str(value)
        literal: bytes = self._main.string_literal(str(value).encode())
        return literal.decode()


def _library() -> Any:
    """The driver. Raises `SourceError` if it cannot be held to a certificate."""
    library = driver("MySQLdb._mysql", "mysql", "MySQL and MariaDB")
    found = library.get_client_info()
    if not re.match(r"3\.", found):
        why = f"mysqlclient is built with client library {found}; MariaDB Connector/C 3 is needed"
        raise missing_driver("mysql", "MySQL and MariaDB", ImportError(why))
    return library


def _name(variable: str) -> str:
    """A server variable's name. Raises `SourceError`."""
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_.]*", variable):
        raise SourceError(f"{variable!r} is no name of a server variable. Mend `options`.", code="options")
    return variable
