"""The front door: which part of the service a request goes to, how long it took, and whether the process is well.

/v1/…          calls of programs (ingest)
/api/…         the API, and its WebSocket
/healthz       200 while the process lives
/readyz        200 while it can do its work: the store answers, the disk takes writes, it is not stopping
/metrics       Prometheus, for whoever may view
the rest       the web page, for browsers
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headrace import __version__
from headrace.aio import in_thread
from headrace.api.deps import Gate
from headrace.api.errors import ApiError
from headrace.app import App
from headrace.errors import HeadraceError
from headrace.people import Action, can
from headrace.serve.metrics import Metrics
from headrace.web.site import Site

log = logging.getLogger(__name__)

_OURS = ("/healthz", "/readyz", "/metrics")  # whoever asks, and however


class Front:
    """The ASGI application of the whole process."""

    def __init__(self, app: App, gate: Gate, metrics: Metrics, *, api: ASGIApp, ingest: ASGIApp, site: Site) -> None:
        self._app, self._gate, self._metrics, self._site = app, gate, metrics, site
        self._parts: Mapping[str, ASGIApp] = {"v1": ingest, "api": api}
        self._pages: Mapping[str, Callable[[Scope, Send], Awaitable[None]]] = {
            "/": self._root,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._show_metrics,
        }
        self.stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        name = path.split("/", 2)[1] if path.startswith("/") else ""
        part = self._parts.get(name)
        if scope["type"] == "websocket":
            await (part or self._refuse_socket)(scope, receive, send)
            return
        began, status = self._app.clock.monotonic(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await (part(scope, receive, note) if part else self._page(scope, receive, note))
        finally:
            seconds = self._app.clock.monotonic() - began
            shown = {"v1": "ingest", "api": "api"}.get(name, "other")
            self._metrics.answered(shown, scope["method"], status, seconds)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        show, of_site = self._pages.get(path), path not in _OURS and self._site.has(scope)
        if show is None and not of_site:
            message = f"There is no page {path[:200]!r}. The API is under /api/v1."
            await _json(send, 404, _error("not_found", message))
        elif scope["method"] not in ("GET", "HEAD"):
            await _json(send, 405, _error("method_not_allowed", "This page is only read: use GET."))
        elif show is None or of_site:
            await self._site(scope, receive, send)
        else:
            await show(scope, send)

    async def _root(self, _scope: Scope, send: Send) -> None:
        await _json(send, 200, {"name": "headrace", "version": __version__, "api": "/api/v1", "receives": "/v1"})

    async def _healthz(self, _scope: Scope, send: Send) -> None:
        await _json(send, 200, {"status": "ok"})

    async def _readyz(self, _scope: Scope, send: Send) -> None:
        checks = {
            "store": await self._store_answers(),
            "disk": await in_thread(_disk_takes_writes, self._app.places.home),
        }
        if self.stopping:
            checks["service"] = "it is stopping"
        ready = not any(checks.values())
        body = {"ready": ready, "checks": {name: problem or "ok" for name, problem in checks.items()}}
        await _json(send, 200 if ready else 503, body)

    async def _store_answers(self) -> str:
        try:
            await self._app.store.generation()
        except HeadraceError as error:
            log.warning("not ready", extra={"code": error.code, "reason": error.message})
            return "it does not answer"  # who asks here is nobody in particular: the reason is in the log
        return ""

    async def _show_metrics(self, scope: Scope, send: Send) -> None:
        try:
            actor = await self._gate.actor(HTTPConnection(scope))
        except ApiError as error:
            await _json(send, error.status, _error(error.code, error.message))
            return
        if not self._app.project.service.metrics:
            await _json(send, 404, _error("not_found", "Metrics are off: service.metrics."))
        elif actor is None or not can(actor, Action.VIEW):
            message = "Metrics need a token of a viewer: headrace token new. Give it to Prometheus as credentials."
            await _json(send, 401, _error("signed_out", message))
        else:
            await _answer(send, 200, "text/plain; version=0.0.4; charset=utf-8", self._metrics.text())

    async def _refuse_socket(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close", "code": 4404})


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "findings": []}}


async def _json(send: Send, status: int, body: Mapping[str, Any]) -> None:
    await _answer(send, status, "application/json", json.dumps(body).encode())


async def _answer(send: Send, status: int, kind: str, body: bytes) -> None:
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _disk_takes_writes(home: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"ready")
            file.flush()
    except OSError as error:
        return f"it takes no writes: {error.strerror}"
    return ""
