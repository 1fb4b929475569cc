"""ClickHouse's HTTP interface: questions, streams of Arrow that tell how they ended, and the end of a running query."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

from headrace.ports import Tools
from headrace.sources import https
from headrace.sources.network import CONNECT_TIMEOUT, on_this_machine, reached

_KILL_TIMEOUT = 10  # seconds
_GRACE = 30  # seconds beyond a query's time limit; a server that is silent for longer is dead
_TAIL = 64 * 1024  # bytes at the end of a stream in which an exception is looked for
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_EXCEPTION = re.compile(rb"Code: (\d+)\. DB::(?:\w+)?Exception: (.*)", re.DOTALL)


class ClickHouseError(Exception):
    """What the server said: its error code (0: it is none of ClickHouse's) and message; ``status`` is of HTTP."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code: Final = code
        self.message: Final = message
        self.status: Final = status


def tls_mode(settings: Mapping[str, Any]) -> str:
    """The setting ``tls``; without it verify-full, or disable for a server on this machine, by its real address."""
    if settings.get("tls"):
        return str(settings["tls"])
    return "disable" if on_this_machine(settings["host"]) and not settings.get("ssh_tunnel") else "verify-full"


def where(settings: Mapping[str, Any]) -> str:
    """The server as host:port, with the port that applies."""
    port = settings.get("port") or (8123 if tls_mode(settings) == "disable" else 8443)
    return f"{settings['host']}:{port}"


class Server:
    """The HTTP interface of one server, for one user. Its methods raise `ClickHouseError` and `https.ERRORS`."""

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        host, _, port = where(settings).rpartition(":")
        limit = settings.get("statement_timeout")
        self._silence = limit + _GRACE if limit else None
        self._database = settings.get("database") or "default"
        self._headers = {"Host": f"{host}:{port}", "X-ClickHouse-User": settings["user"], "User-Agent": "headrace"}
        if settings.get("password"):
            self._headers["X-ClickHouse-Key"] = settings["password"].reveal()
        with reached({**settings, "host": host, "port": int(port)}, tools) as address:
            self._address = address
            self._pool = https.pool(address, tls_mode(settings), settings, tools.base, size=2)

    def ask(self, sql: str, settings: Mapping[str, object], timeout: float | None = None) -> list[list[Any]]:
        """All rows of a statement of our own."""
        response = self._send(sql, {**settings, "default_format": "JSONCompact"}, timeout)
        with closing(response):
            data = response.read()
        try:
            return list(json.loads(data)["data"]) if data else []
        except (ValueError, KeyError, TypeError):  # an exception amid the rows, or no ClickHouse at all
            raise _refusal(data, response.status) from None

    def stream(self, sql: str, settings: Mapping[str, object], query_id: str) -> ArrowBody:
        """The result of a statement as the bytes of an Arrow stream."""
        return ArrowBody(self._send(sql, {**settings, "default_format": "ArrowStream", "query_id": query_id}, None))

    def kill(self, query_id: str) -> None:
        """End a query of this user, and wait until it has ended. None needs to run."""
        self.ask(f"KILL QUERY WHERE query_id = {literal(query_id)} SYNC", {}, _KILL_TIMEOUT)

    def close(self) -> None:
        self._pool.close()
        self._address.close()

    def _send(
        self, sql: str, parameters: Mapping[str, object], timeout: float | None
    ) -> urllib3.response.BaseHTTPResponse:
        response = self._pool.urlopen(
            "POST",
            "/?" + urlencode({"database": self._database, **parameters}),
            body=sql.encode(),
            headers=self._headers,
            redirect=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=timeout or self._silence),
        )
        if response.status != 200:
            with closing(response):
                raise _refusal(response.read(_TAIL), response.status)
        return response


class ArrowBody:
    """A response's body as a file for Arrow, that knows whether the server finished it.

    A server that fails when rows are already on their way can only break off, or write its exception into the body.
    Neither is the end of the rows: an Arrow stream that is whole ends in a mark of its own.
    """

    closed = False

    def __init__(self, response: urllib3.response.BaseHTTPResponse) -> None:
        self._response = response
        self._tail = b""

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._response.read(size if size >= 0 else None)
        except urllib3.exceptions.ProtocolError as error:
            self._keep(b"".join(_partial(error)))
            found = _EXCEPTION.search(self._tail)
            if found:
                raise _error(found, 200) from error
            raise
        self._keep(data)
        return data

    def finish(self) -> None:
        """Read to the end. Raises the server's exception if one stands there; `ProtocolError` if the end is missing."""
        while self.read(_TAIL):
            pass
        if not self._tail.endswith(_END_OF_STREAM):
            found = _EXCEPTION.search(self._tail)
            raise _error(found, 200) if found else urllib3.exceptions.ProtocolError("the stream has no end")

    def _keep(self, data: bytes) -> None:
        self._tail = (self._tail[len(data) - _TAIL :] if len(data) < _TAIL else b"") + data[-_TAIL:]

    def close(self) -> None:
        self.closed = True
        self._response.close()


def _partial(error: urllib3.exceptions.ProtocolError) -> Iterator[bytes]:
    """What had come of a chunk when the connection broke."""
    for cause in error.args:
        part = getattr(cause, "partial", None)
        if isinstance(part, bytes):
            yield part


def _refusal(body: bytes, status: int) -> ClickHouseError:
    found = _EXCEPTION.search(body)
    return _error(found, status) if found else ClickHouseError(0, f"HTTP status {status}", status)


def _error(found: re.Match[bytes], status: int) -> ClickHouseError:
    return ClickHouseError(int(found[1]), found[2].decode(errors="replace"), status)


def literal(text: str) -> str:
    """Text as ClickHouse's SQL writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """A name as ClickHouse's SQL writes it: `My name`."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
