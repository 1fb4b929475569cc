"""Idempotency keys: a request that is sent again, because no answer came, does nothing twice.

The answer to the first request with a key is kept, and given again to the same request of the same caller. Errors are
not kept: after one, nothing was done, and the key may be used again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakValueDictionary

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute

from headrace.api.deps import Needs, the_app
from headrace.api.errors import ApiError

HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any text of your own, such as a UUID: the same request with the same key is carried out once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_KEPT = ("content-type", "etag", "location")  # headers of the first answer

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class OnceRoute(APIRoute):
    """A route whose POSTs heed ``Idempotency-Key``; for `APIRouter(route_class=OnceRoute)`."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        needs = next((d.call for d in self.dependant.dependencies if isinstance(d.call, Needs)), None)

        async def once(request: Request) -> Response:
            given = request.headers.get("idempotency-key")
            if given is None or request.method != "POST" or needs is None:
                return await handle(request)
            if not 1 <= len(given) <= 255:
                raise ApiError("The Idempotency-Key is empty or longer than 255 characters.", code="idempotency_key")
            caller = await needs(request)
            path = request.url.path
            key = _digest(caller.actor.kind, caller.actor.id, path, given)
            async with _locks.setdefault(key, asyncio.Lock()):
                return await _first_or_again(request, handle, key, _digest(request.url.query, await request.body()))

        return once


_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # two at once in this process take turns


async def _first_or_again(request: Request, handle: Handler, key: str, fingerprint: str) -> Response:
    app = the_app(request)
    known = await app.store.recall(key)
    if known is not None:
        asked, status, kept = known
        if asked != fingerprint:
            raise ApiError(
                "This Idempotency-Key was sent with another request before. Use a new key for each request.",
                code="idempotency_reused",
                status=409,
            )
        answer = orjson.loads(kept)
        return Response(answer["body"], status, {**answer["headers"], "idempotency-replayed": "true"})
    made = await handle(request)
    if made.status_code < 300:
        headers = {name: made.headers[name] for name in _KEPT if name in made.headers}
        kept = orjson.dumps({"headers": headers, "body": bytes(made.body).decode()}).decode()
        await app.store.remember(key, fingerprint, made.status_code, kept, app.clock.now())
    return made


def _digest(*parts: str | bytes) -> str:
    """Of the parts, each apart from the next."""
    digest = hashlib.sha256()
    for part in parts:
        text = part.encode() if isinstance(part, str) else part
        digest.update(f"{len(text)}:".encode() + text)
    return digest.hexdigest()
