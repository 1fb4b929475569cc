"""Databricks' Statement Execution API 2.0: statements that are started, watched, fetched in chunks and cancelled."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import urllib3

from headrace.sources import https
from headrace.sources.network import CONNECT_TIMEOUT, Address

_STATEMENTS = "/api/2.0/sql/statements"
_READ_TIMEOUT = 120  # seconds without a byte; the longest an answer may take is 50
_FIRST_LOOK, _LAST_LOOK = 0.05, 2.0  # seconds between two looks at a statement's state
_LIVE = frozenset({"PENDING", "RUNNING"})


class DatabricksError(Exception):
    """What the API said of a request (``status`` of HTTP, 4xx or 5xx) or of a statement (status 200)."""

    def __init__(self, status: int, code: str, message: str, state: str = "") -> None:
        super().__init__(message)
        self.status: Final = status
        self.code: Final = code
        self.message: Final = message
        self.state: Final = state  # SQLSTATE


class Api:
    """The API of one workspace, for one warehouse. Its methods raise `DatabricksError` and `https.ERRORS`."""

    def __init__(self, settings: Mapping[str, Any], base: Path) -> None:
        self._settings = settings
        self._token: str | None = None
        url = urlsplit(settings.get("url") or f"https://{settings['host']}")
        self._mode = "disable" if url.scheme == "http" else "verify-full"
        host = url.hostname or settings["host"]
        self.where = f"{host}:{url.port or (80 if self._mode == 'disable' else 443)}"
        self._workspace = https.pool(self._address(self.where), self._mode, settings, base, size=2)
        self._stores: dict[str, urllib3.HTTPConnectionPool] = {}
        self._base = base

    @property
    def warehouse(self) -> str:
        """The warehouse's ID, which is also the end of its HTTP path."""
        return str(self._settings.get("warehouse_id") or self._settings["http_path"].rstrip("/").rpartition("/")[2])

    def ask(self, sql: str, stop: threading.Event | None = None) -> list[list[str | None]]:
        """All rows of a small statement of our own, as text; ``stop`` ends it."""
        answer = self.start(sql, disposition="INLINE", format="JSON_ARRAY")
        answer = self.finish(answer, stop or threading.Event())
        return list(answer.get("result", {}).get("data_array") or [])

    def start(self, sql: str, **how: str) -> dict[str, Any]:
        """Start a statement without waiting for it."""
        body = {
            "warehouse_id": self.warehouse, "statement": sql, "wait_timeout": "0s", "on_wait_timeout": "CONTINUE",
            **how,
            **{name: self._settings[name] for name in ("catalog", "schema") if self._settings.get(name)},
        }  # fmt: skip
        return self._call("POST", _STATEMENTS, body)

    def finish(self, answer: dict[str, Any], stop: threading.Event) -> dict[str, Any]:
        """Wait until a statement has succeeded; ``stop`` cancels it. Raises `DatabricksError` if it has not."""
        wait = _FIRST_LOOK
        while answer["status"]["state"] in _LIVE:
            if stop.wait(wait):
                self._call("POST", f"{_STATEMENTS}/{answer['statement_id']}/cancel", {})
                raise DatabricksError(200, "CANCELED", "it was cancelled")
            wait = min(1.25 * wait, _LAST_LOOK)  # so that a quarter of the time is lost at most
            answer = self._call("GET", f"{_STATEMENTS}/{answer['statement_id']}")
        status = answer["status"]
        if status["state"] != "SUCCEEDED":
            error = status.get("error") or {}
            raise DatabricksError(
                200,
                error.get("error_code") or status["state"],
                error.get("message") or f"the statement is {status['state']}",
                status.get("sql_state") or "",
            )
        return answer

    def links(self, statement: str, chunk: int) -> list[dict[str, Any]]:
        """Where a chunk of a result lies; such a link is good for some minutes."""
        answer = self._call("GET", f"{_STATEMENTS}/{statement}/result/chunks/{chunk}")
        return list(answer.get("external_links") or [])

    def download(self, link: Mapping[str, Any]) -> bytes | None:
        """A chunk's bytes; None if its link is no longer good. The cloud store that has it must not get our token."""
        url = urlsplit(link["external_link"])
        mode = "disable" if url.scheme == "http" and self._mode == "disable" else "verify-full"
        where = f"{url.hostname}:{url.port or (80 if mode == 'disable' else 443)}"
        if where not in self._stores:
            self._stores[where] = https.pool(self._address(where), mode, self._settings, self._base, size=1)
        target = f"{url.path}?{url.query}" if url.query else url.path
        response = self._stores[where].urlopen(
            "GET", target, headers=dict(link.get("http_headers") or {}), redirect=False, timeout=self._timeout()
        )
        if response.status in (400, 401, 403, 404, 410):
            return None
        if response.status != 200:
            raise DatabricksError(response.status, "", f"the store of results answered {response.status}")
        return response.data

    def close(self) -> None:
        for pool in (self._workspace, *self._stores.values()):
            pool.close()

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """An exchange in JSON. A token that ran out is fetched anew, once."""
        for fresh in (False, True):
            headers = {
                "Authorization": f"Bearer {self._bearer(fresh)}",
                "Content-Type": "application/json",
                "User-Agent": "headrace",
            }
            try:
                return self._exchange(method, path, headers, None if body is None else json.dumps(body))
            except DatabricksError as error:
                if fresh or error.status not in (401, 403) or not self._settings.get("client_id"):
                    raise
        raise AssertionError("the second time ends it")

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: str | None) -> dict[str, Any]:
        response = self._workspace.urlopen(
            method, path, body=body, headers=headers, redirect=False, timeout=self._timeout()
        )
        try:
            answer = json.loads(response.data or b"{}")
        except ValueError:
            answer = {}
        if not 200 <= response.status < 300 or not isinstance(answer, dict):
            words = answer if isinstance(answer, dict) else {}
            message = words.get("message") or words.get("error_description") or f"HTTP status {response.status}"
            raise DatabricksError(response.status, str(words.get("error_code") or words.get("error") or ""), message)
        return answer

    def _bearer(self, fresh: bool) -> str:
        if self._settings.get("token"):
            return str(self._settings["token"].reveal())
        if self._token is None or fresh:
            login = f"{self._settings['client_id']}:{self._settings['client_secret'].reveal()}"
            headers = {
                **urllib3.make_headers(basic_auth=login),
                "Content-Type": "application/x-www-form-urlencoded",
            }
            body = urlencode({"grant_type": "client_credentials", "scope": "all-apis"})
            self._token = str(self._exchange("POST", "/oidc/v1/token", headers, body)["access_token"])
        return self._token

    @staticmethod
    def _address(where: str) -> Address:
        host, _, port = where.rpartition(":")
        return Address(host, host, int(port))

    @staticmethod
    def _timeout() -> urllib3.Timeout:
        return urllib3.Timeout(connect=CONNECT_TIMEOUT, read=_READ_TIMEOUT)


def quoted(name: str) -> str:
    """A name as Databricks' SQL writes it."""
    return "`" + name.replace("`", "``") + "`"
