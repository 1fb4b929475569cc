"""No other site may act for whoever is signed in here: requests that change something must come from our own pages.

A browser says with each request where it comes from: ``Sec-Fetch-Site``, or at least ``Origin``. Requests by token
alone come from no browser's own will and need no such word; what carries a session cookie must have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from headrace.api.errors import ApiError, answer_to
from headrace.api.gate import COOKIE, bearer_of

_SAFE = ("GET", "HEAD", "OPTIONS")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")  # what a page may send anywhere
_BROKEN_RULE = 1008  # a WebSocket's code for a broken rule


class CrossSite(ApiError):
    status, code = 403, "cross_site"

    def __init__(self) -> None:
        super().__init__(
            "This request comes from another site, or does not say where it comes from. Use Headrace's own pages, or "
            "send an API token and no cookie. Behind a proxy, set service.public_url to the address that people see."
        )


class NotJson(ApiError):
    status, code = 415, "not_json"

    def __init__(self) -> None:
        super().__init__("This is a form or plain text. Send JSON, with the content type application/json.")


class CrossSiteGuard:
    """Middleware before the API and the pages; ``exempt`` are beginnings of paths that know no cookie."""

    def __init__(self, app: ASGIApp, exempt: Sequence[str] = ("/v1/",)) -> None:
        self._app = app
        self._exempt = tuple(exempt)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"].startswith(self._exempt):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        error = _fault(connection)
        if error is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()  # its handshake
            await send({"type": "websocket.close", "code": _BROKEN_RULE, "reason": error.code})
        else:
            await answer_to(error)(scope, receive, send)


def _fault(connection: HTTPConnection) -> ApiError | None:
    changing = connection.scope["type"] == "websocket" or connection.scope["method"] not in _SAFE
    if not changing:
        return None
    if not _from_here(connection):
        return CrossSite()
    content = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    return NotJson() if content in _FORMS else None


def _from_here(connection: HTTPConnection) -> bool:
    headers, cookie = connection.headers, COOKIE in connection.cookies
    if not cookie and bearer_of(connection) is not None:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is not None:
        return _host(origin) in _ours(connection)
    return not cookie  # no browser


def _ours(connection: HTTPConnection) -> list[str]:
    """Hosts, with ports, as which browsers know us."""
    public = connection.scope["app"].state.app.project.service.public_url
    return [host for host in (connection.headers.get("host", "").lower(), _host(public)) if host]


def _host(url: str) -> str:
    """Host and port of an address; "" where there is none, as in the origin ``null``."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""
