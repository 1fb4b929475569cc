"""A connection to PostgreSQL: its settings, its read-only transaction, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlencode

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc  # type: ignore[import-untyped]  # it ships no types

from headrace.errors import SourceError
from headrace.ports import Tools
from headrace.sources import libpq, network
from headrace.sources.postgresql_errors import connection_refusal, server_words


class Connection:
    """One connection. Everything it runs, it runs in a transaction that can only read.

    Raises `SourceError` where it cannot connect; after that the driver's errors.
    """

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self._settings = settings
        self._begun = False
        with network.reached(settings, tools) as self._address:
            uri = _uri(libpq.conninfo(settings, self._address, tools.base))
            try:
                self.adbc = adbc.connect(uri, autocommit=True)
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
        self._address.close()

    def _wanted(self) -> list[tuple[str, str]]:
        settings = {
            "timezone": "UTC",
            "datestyle": "ISO",
            "intervalstyle": "iso_8601",
            "statement_timeout": str(round(1000 * (self._settings.get("statement_timeout") or 0))),
        }
        if schemas := libpq.search_path(self._settings):
            settings["search_path"] = ", ".join(map(libpq.identifier_of, schemas))
        for name, value in (self._settings.get("options") or {}).items():
            settings[name.lower()] = value if isinstance(value, str) else json.dumps(value)
        return list(settings.items())


def _uri(words: Mapping[str, str]) -> str:
    return "postgresql://?" + urlencode(words, quote_via=quote, safe="")


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"
