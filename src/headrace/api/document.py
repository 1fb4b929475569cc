"""The OpenAPI document: what FastAPI finds out by itself, and what each operation needs and can answer besides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from headrace.api.deps import Needs, SignedIn, identified
from headrace.api.idempotency import HEADER, OnceRoute
from headrace.api.schemas import ErrorBody
from headrace.people import Action

ANY_ERROR: dict[int | str, dict[str, Any]] = {"default": {"model": ErrorBody, "description": "Any other error"}}
_ERRORS = {
    400: "The request cannot be read, or asks for what is not there to be asked",
    401: "Nobody is signed in",
    403: "Whoever asks may not do that",
    404: "No such thing",
    409: "Somebody else was first, or is at it",
    410: "It was there once, and is not kept any more",
    412: "It was edited since it was read",
    413: "The request is too large",
    422: "The request is not as it should be; each fault is listed",
    428: "The header If-Match is missing",
    502: "What is behind the service refused, or did not answer",
}
_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token."},
    "session": {"type": "apiKey", "in": "cookie", "name": "headrace_session", "description": "A signed-in browser."},
}


router = APIRouter(prefix="/api/v1")


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, caller: SignedIn) -> dict[str, Any]:  # noqa: ARG001  whoever is signed in
    document: dict[str, Any] = request.app.openapi()
    return document


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For ``responses=``: the errors that a route can answer beyond those that all have."""
    return {status: {"model": ErrorBody, "description": _ERRORS[status]} for status in statuses}


def operations(api: FastAPI) -> Iterator[tuple[str, str, APIRoute]]:
    """Method, path and route of each operation."""
    for found in iter_route_contexts(api.routes):
        route = found.original_route
        if isinstance(route, APIRoute):
            for method in sorted(route.methods or ()):
                yield method, route.path_format, route


def needed(route: APIRoute) -> list[Action | None]:
    """The actions that a route's caller must be allowed; None for a caller who must only be signed in."""
    calls = [dependency.call for dependency in route.dependant.dependencies]
    return [call.action if isinstance(call, Needs) else None for call in calls if _asks(call)]


def document(api: FastAPI) -> dict[str, Any]:
    """The document; made once."""
    if api.openapi_schema is None:
        made = get_openapi(
            title=api.title, version=api.version, summary=api.summary, openapi_version="3.1.0", routes=api.routes
        )
        made.setdefault("components", {})["securitySchemes"] = _SCHEMES
        made["security"] = [{name: []} for name in _SCHEMES]
        for method, path, route in operations(api):
            if route.include_in_schema:
                _complete(made["paths"][path][method.lower()], route)
        api.openapi_schema = made
    return api.openapi_schema


def _asks(call: object) -> bool:
    return isinstance(call, Needs) or call is identified


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    """Add what the route's dependencies, path and body mean for whoever calls it."""
    needs, errors = needed(route), [422]
    if needs:
        operation["x-needs"] = needs[0].value if needs[0] else "signed in"
        errors += [401, 403] if needs[0] else [401]
    else:
        operation["security"] = []
    if "{" in route.path_format:
        errors.append(404)
    if "requestBody" in operation:
        errors += [400, 413]
    if isinstance(route, OnceRoute) and "POST" in (route.methods or ()):
        operation.setdefault("parameters", []).append(HEADER)
        errors.append(409)
    told = operation["responses"]["default"]["content"]
    for status in errors:
        operation["responses"].setdefault(str(status), {"description": _ERRORS[status], "content": told})
