"""A connection to Redshift: psycopg, and a transaction that can only read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.errors import error_from_result

from headrace.errors import SourceError
from headrace.ports import Tools
from headrace.sources import libpq, network
from headrace.sources.redshift_errors import connection_refusal, server_words

_CANCEL_TIMEOUT = 5.0  # seconds
_SESSION = {
    "timezone": "UTC",
    "datestyle": "ISO",
    "extra_float_digits": "2",  # by itself Redshift shortens floats
}


class Connection:
    """One connection. Everything it runs, it runs in a transaction that can only read.

    Raises `SourceError` where it cannot connect; after that `psycopg.Error`.
    """

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self._settings = settings
        self._begun = False
        with network.reached(settings, tools) as self._address:
            words = libpq.conninfo(settings, self._address, tools.base)
            try:
                self.psycopg = psycopg.connect(
                    make_conninfo(**words),
                    client_encoding="utf8",  # Redshift calls it by a name that psycopg does not know
                    autocommit=True,
                    prepare_threshold=None,  # Redshift has no DEALLOCATE ALL
                )
            except psycopg.Error as error:
                raise connection_refusal(str(error), settings) from None  # what the driver says may hold settings

    @property
    def encrypted(self) -> bool:
        return self.psycopg.pgconn.ssl_in_use

    def begin(self) -> datetime:
        """Open a new transaction, and tell the moment it began, by the server's clock."""
        self.end()
        self.execute("begin isolation level repeatable read read only")
        self._begun = True
        timeout = str(round(1000 * (self._settings["statement_timeout"] or 0)))
        self._configure({**_SESSION, "statement_timeout": timeout})
        [(moment,)] = self.query("select getdate()")  # in the session's time zone, so before `options` are applied
        self._configure(self._wanted())
        assert isinstance(moment, datetime)
        return moment.replace(tzinfo=UTC)

    def ensure_begun(self) -> None:
        if not self._begun:
            self.begin()

    def end(self) -> bool:
        """End the transaction, also after an error; False if the server no longer answers."""
        self._begun = False
        try:
            if self.psycopg.pgconn.transaction_status != pq.TransactionStatus.IDLE:
                self.execute("rollback")
        except psycopg.Error:
            return False
        return not self.psycopg.closed

    def query(self, sql: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement of our own."""
        return self.psycopg.execute(sql.encode(), parameters or None).fetchall()

    def execute(self, sql: str) -> None:
        """A statement of our own that returns nothing."""
        self.psycopg.execute(sql.encode())

    def describe(self, sql: str) -> pq.abc.PGresult:
        """The columns of one statement, which the server parses for it, and does not run."""
        server = self.psycopg.pgconn
        result = server.prepare(b"", sql.encode())
        if result.status == pq.ExecStatus.COMMAND_OK:
            result = server.describe_prepared(b"")
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise error_from_result(result)
        return result

    def cancel(self) -> None:
        """Cancel what runs, from another thread."""
        with suppress(psycopg.Error):
            self.psycopg.cancel_safe(timeout=_CANCEL_TIMEOUT)

    def close(self) -> None:
        self.psycopg.close()  # an open transaction ends with its connection
        self._address.close()

    def _configure(self, wanted: Mapping[str, str]) -> None:
        """Settings of this transaction."""
        if not wanted:
            return
        words = [word for pair in wanted.items() for word in pair]
        try:
            self.query("select " + ", ".join(["set_config(%s, %s, true)"] * len(wanted)), words)
        except psycopg.Error as error:
            reason = server_words(error)
            raise SourceError(
                f"Redshift refused the session's settings: {reason}. Mend `options`.", code="options"
            ) from error

    def _wanted(self) -> dict[str, str]:
        settings = {}
        if schemas := libpq.search_path(self._settings):
            settings["search_path"] = ", ".join(map(libpq.identifier_of, schemas))
        for name, value in (self._settings.get("options") or {}).items():
            settings[name.lower()] = value if isinstance(value, str) else json.dumps(value)
        return settings
