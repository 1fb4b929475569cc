"""A client for an ASGI app in this very loop: no socket, no thread; requests, cookies and WebSockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.types import ASGIApp, Message, Scope

WAIT = 10.0  # seconds for the next message of a WebSocket


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. ``headers`` have lower-case names; of a repeated one the last counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def code(self) -> str:
        """The stable code of an error."""
        code: str = self.json["error"]["code"]
        return code


@dataclass
class Client:
    """Sends requests, each with ``headers``; keeps cookies as a browser does. What the app raises is raised here,
    unless ``lenient``: then the answer that was given all the same is returned."""

    api: ASGIApp
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"
    lenient: bool = False

    async def get(self, path: str, **request: Any) -> Answer:
        return await self.request("GET", path, **request)

    async def post(self, path: str, **request: Any) -> Answer:
        return await self.request("POST", path, **request)

    async def put(self, path: str, **request: Any) -> Answer:
        return await self.request("PUT", path, **request)

    async def delete(self, path: str, **request: Any) -> Answer:
        return await self.request("DELETE", path, **request)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Answer:
        """One request. ``json`` becomes the body; ``params`` the query, where a list repeats its name."""
        given = {**self.headers, **(headers or {})}
        if json is not None:
            body, given = orjson.dumps(json), {"content-type": "application/json", **given}
        given.setdefault("content-length", str(len(body)))
        asked = asyncio.Queue[Message]()
        asked.put_nowait({"type": "http.request", "body": body, "more_body": False})
        told: list[Message] = []

        async def send(message: Message) -> None:
            told.append(message)

        try:
            await self.api(self._scope("http", path, given, params, method=method), asked.get, send)
        except Exception:
            if not (self.lenient and told):
                raise
        start = next(message for message in told if message["type"] == "http.response.start")
        named = [(name.decode().lower(), value.decode()) for name, value in start["headers"]]
        self._remember(value for name, value in named if name == "set-cookie")
        parts = [message.get("body", b"") for message in told if message["type"] == "http.response.body"]
        return Answer(start["status"], dict(named), b"".join(bytes(part) for part in parts))

    @asynccontextmanager
    async def websocket(
        self, path: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Socket]:
        """An open WebSocket. Raises `Closed` where the app refuses it."""
        socket = Socket()
        scope = self._scope("websocket", path, {**self.headers, **(headers or {})}, params, subprotocols=[])
        socket.asked.put_nowait({"type": "websocket.connect"})
        work = asyncio.ensure_future(self.api(scope, socket.asked.get, socket.told.put))
        try:
            first = await socket.message()
            if first["type"] != "websocket.accept":
                raise Closed(first.get("code") or first.get("status", 0))
            yield socket
        finally:
            socket.asked.put_nowait({"type": "websocket.disconnect", "code": 1000})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(work, WAIT)

    def _scope(
        self, kind: str, path: str, headers: Mapping[str, str], params: Mapping[str, Any] | None, **more: Any
    ) -> Scope:
        path, _, query = path.partition("?")
        if params:
            query = urlencode({name: value for name, value in params.items() if value is not None}, doseq=True)
        sent = {"host": "headrace.test", **{name.lower(): value for name, value in headers.items()}}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "http" if kind == "http" else "ws",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": (self.address, 50_000),
            "server": ("headrace.test", 80),
            "state": {},
            **more,
        }

    def _remember(self, lines: Any) -> None:
        for line in lines:
            for name, morsel in SimpleCookie(line).items():
                if morsel.value and morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)


class Closed(Exception):
    """The app closed the WebSocket, or refused to open it; ``code`` is the close code, or the HTTP status."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


@dataclass
class Socket:
    """The client's end of a WebSocket that speaks JSON."""

    asked: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    told: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)

    async def send(self, value: Any) -> None:
        self.asked.put_nowait({"type": "websocket.receive", "text": orjson.dumps(value).decode()})

    async def receive(self) -> Any:
        """The next message. Raises `Closed`, and `TimeoutError` after `WAIT` seconds."""
        message = await self.message()
        if message["type"] == "websocket.close":
            raise Closed(message.get("code", 1000))
        return orjson.loads(message.get("text") or message["bytes"])

    async def message(self) -> Message:
        return await asyncio.wait_for(self.told.get(), WAIT)
