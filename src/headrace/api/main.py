"""The API as one ASGI app: every router, one shape of error, one document of it all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import headrace
from headrace.api import (
    about,
    alerts,
    audit,
    calls,
    catalogs,
    connectors,
    destinations,
    document,
    errors,
    events,
    failures,
    oidc,
    overview,
    people,
    previews,
    runs,
    secrets,
    sessions,
    settings,
    setup,
    sources,
    ssh_keys,
    status,
    syncs,
    tokens,
    workspaces,
    write_keys,
)
from headrace.api.csrf import CrossSiteGuard
from headrace.api.deps import Gate
from headrace.api.samples import Samples
from headrace.app import App

BODY_SECONDS = 60.0  # in which the body of a request must have arrived

AREAS = (
    document, setup, sessions, people, tokens, write_keys, audit, oidc,
    status, about, overview, connectors, settings, secrets, sources, catalogs, ssh_keys, destinations, syncs, previews,
    runs, failures, calls, events, alerts, workspaces,
)  # fmt: skip


def create_app(app: App, gate: Gate, *routers: APIRouter) -> FastAPI:
    """The API over ``app``; ``gate`` finds out who asks. ``routers`` are served beside the API's own."""
    api = _with_routes(routers)
    api.state.app, api.state.gate, api.state.started = app, gate, app.clock.now()
    api.state.samples = Samples(app.clock)
    api.state.jobs, api.state.wake = {}, lambda: None  # the service puts its dispatcher's here
    errors.install(api)
    api.add_middleware(CrossSiteGuard)
    api.add_middleware(_Frame)
    return api


def described() -> dict[str, Any]:
    """The OpenAPI document of the API's own routes, without a project."""
    return document.document(_with_routes(()))


def _with_routes(routers: Sequence[APIRouter]) -> FastAPI:
    api = FastAPI(
        title="Headrace",
        summary="Syncs from a warehouse to the tools where its rows do work.",
        version=headrace.__version__,
        openapi_url=None,  # served below, to whoever is signed in
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    for area in AREAS:
        api.include_router(area.router, responses=document.ANY_ERROR)
    for router in routers:
        api.include_router(router, responses=document.ANY_ERROR)
    api.openapi = lambda: document.document(api)  # type: ignore[method-assign]
    return api


class _Frame:
    """What is the same for every answer: headers that keep browsers careful, and how large and slow a body may be."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size, whole = 0, False

        async def limited() -> Message:
            nonlocal size, whole
            try:
                async with asyncio.timeout_at(None if whole else late):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408) from None
            size, whole = size + len(message.get("body", b"")), not message.get("more_body", False)
            if size > errors.MAX_BODY:
                raise HTTPException(413)
            return message

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in errors.SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        late = asyncio.get_running_loop().time() + BODY_SECONDS
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > errors.MAX_BODY:
            await errors.too_large()(scope, receive, framed)
        else:
            await self._app(scope, limited, framed)
