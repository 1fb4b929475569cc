"""Every error of the API in one shape, with the stable codes of `headrace.errors`.

{"error": {"code": "unknown_sync", "message": "There is no sync 'x'. …", "findings": [], …}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from headrace.errors import (
    ConfigError,
    Conflict,
    Fenced,
    HeadraceError,
    QueryError,
    RunFailed,
    RunLive,
    StageFull,
    Unreachable,
    UsageError,
)
from headrace.people import Action, Actor

MAX_BODY = 2_000_000  # bytes of a request
SECURITY = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_NOTHING_MORE = {"run": None, "line": None, "column": None}
_HTTP = {  # what the framework says by itself
    400: ("bad_request", "The request cannot be read. Send JSON, with a content type that says so."),
    404: ("not_found", "There is nothing at this address. The addresses are listed in /api/v1/openapi.json."),
    405: ("method_not_allowed", "This address does not take that method. See /api/v1/openapi.json."),
    408: ("too_slow", "The body of the request did not arrive in time. Send it again, at once."),
    413: ("too_large", f"The request is larger than {MAX_BODY:,} bytes. Send less at once."),
}


class ApiError(HeadraceError):
    """An error that has a status of its own, and may have headers."""

    status = 400

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.headers = headers
        if status is not None:
            self.status = status


class SignedOut(ApiError):
    status, code = 401, "signed_out"

    def __init__(self, message: str = "Nobody is signed in. Sign in, or send an API token as bearer.") -> None:
        super().__init__(message, headers={"www-authenticate": "Bearer"})


class Forbidden(ApiError):
    status, code = 403, "forbidden"

    def __init__(self, action: Action, actor: Actor) -> None:
        what = "look at rows of data" if action is Action.PREVIEW else action.value
        advice = "Make a token that may." if actor.kind == "token" else "Ask an owner for that right."
        super().__init__(f"{actor.name} ({actor.role}) may not {what} here. {advice}")


class Unknown(ApiError):
    """A thing that is not there; ``code`` names the kind: unknown_sync."""

    status, code = 404, "unknown"


def answer_to(error: HeadraceError) -> JSONResponse:
    """The answer that tells an error; for middleware too. Of a defect it tells no details."""
    status = _status(error)
    findings = []
    if isinstance(error, ConfigError):
        findings = [{"where": f.where, "message": f.message, "code": f.code} for f in error.findings]
        message = f"What was sent has {len(findings)} error{'s' if len(findings) != 1 else ''}. Mend what is listed."
    else:
        message = error.message
    headers = error.headers if isinstance(error, ApiError) else None
    if status == 500:
        return _defect()
    more: dict[str, Any] = {"run": error.run_id} if isinstance(error, RunLive) else {}
    if isinstance(error, QueryError):
        more = {"line": error.line, "column": error.column}
    return _answer(status, error.code, message, findings, headers, **more)


def too_large() -> JSONResponse:
    """The answer to a request that announces more than `MAX_BODY`."""
    return _answer(413, *_HTTP[413])


def install(api: FastAPI) -> None:
    """Let ``api`` tell all errors in the one shape."""
    api.add_exception_handler(HeadraceError, _of_headrace)
    api.add_exception_handler(RequestValidationError, _of_shape)
    api.add_exception_handler(HTTPException, _of_framework)
    api.add_exception_handler(Exception, _of_defect)


def _status(error: HeadraceError) -> int:
    match error:
        case ApiError():
            return error.status
        case ConfigError() | QueryError():
            return 422
        case UsageError():
            return 404 if error.code.startswith("unknown_") else 400
        case Fenced() | StageFull():
            return 500
        case Conflict():
            return 412 if error.code == "edited" else 409
        case RunFailed() | Unreachable():  # what is behind us
            return 502
        case _:
            return _NAMED.get(error.code, 500)


_NAMED = {  # errors without a class of their own that are not our defects
    "errors_forgotten": 410,
    "run_live": 409,
    "ssh_key": 409,
    "ssh_host_key": 409,
    "unknown_source": 404,
    "unknown_destination": 404,
}


def _of_headrace(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HeadraceError)
    if _status(error) == 500:
        raise error  # to be logged by the server, and told as a defect
    return answer_to(error)


def _of_shape(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return _answer(400, "bad_json", "The body is not valid JSON. Send JSON in UTF-8.")
    findings = [
        {"where": ".".join(str(step) for step in one["loc"]), "message": _words(one), "code": one["type"]}
        for one in found
    ]
    return _answer(422, "invalid_request", "The request is not as it should be. Mend what is listed.", findings)


def _words(one: Mapping[str, Any]) -> str:
    """What pydantic found, for whoever mistyped a key."""
    key = one["loc"][-1] if one["loc"] else "body"
    if one["type"] == "extra_forbidden":
        return f"The key {key!r} is not known here. Take it out, or look how it is written."
    if one["type"] == "missing":
        return f"The required key {key!r} is missing."
    if one["type"] == "string_pattern_mismatch" and key == "email":
        return "This is no e-mail address. Write one like ada@example.com."
    return str(one["msg"])


def _of_framework(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code, message = _HTTP.get(error.status_code, ("http", str(error.detail)))
    return _answer(error.status_code, code, message, headers=error.headers)


def _of_defect(_: Request, error: Exception) -> JSONResponse:  # noqa: ARG001  it is logged by the server
    return _defect()


def _defect() -> JSONResponse:
    message = "Something went wrong in Headrace itself. The service's log has the details; try again."
    return _answer(500, "internal", message)


def _answer(
    status: int,
    code: str,
    message: str,
    findings: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    error = {"code": code, "message": message, "findings": findings or [], **_NOTHING_MORE, **more}
    return JSONResponse({"error": error}, status, {**SECURITY, **(headers or {})})
