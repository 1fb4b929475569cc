"""Who asks: a person by the session cookie, or a program by an API token in the header."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import unquote

from fastapi import Response
from starlette.requests import HTTPConnection

from headrace.api.errors import ApiError, SignedOut
from headrace.app import App
from headrace.keep.codes import digest, holds_token, same, token_id
from headrace.people import Actor, Session, as_token, as_user
from headrace.service import Service

COOKIE = "headrace_session"
_TOUCH = timedelta(minutes=1)  # how often it is written down that somebody was seen


class BadToken(ApiError):
    status, code = 401, "bad_token"


class PeopleGate:
    """A `headrace.api.deps.Gate` over the people in the store.

    Where cookie and token come together the token counts: it was given on purpose, and may do less. A session that is
    over, or a token that does not hold, is refused; nobody falls back from one to the other.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def actor(self, connection: HTTPConnection) -> Actor | None:
        _require_clean(connection)
        bearer = bearer_of(connection)
        cookie = connection.cookies.get(COOKIE)
        if bearer is not None:
            actor = await self._by_token(bearer)
        elif cookie:
            actor = await self._by_session(digest(cookie))
        else:
            return None
        return actor if self._service.preview else replace(actor, preview=False)

    @property
    def _service(self) -> Service:
        return self._app.project.service

    async def _by_session(self, session_id: str) -> Actor:
        store, now = self._app.store, self._app.clock.now()
        found = await store.session(session_id)
        if found is None:
            raise SignedOut("The session has ended. Sign in again.")
        session, user = found
        if user.disabled or is_over(session, self._service, now):
            await store.delete_session(session_id)
            raise SignedOut("The session has ended. Sign in again.")
        if now - session.seen_at >= _TOUCH:
            await store.touch_session(session_id, now)
        return as_user(user)

    async def _by_token(self, text: str) -> Actor:
        store, now = self._app.store, self._app.clock.now()
        identity = token_id(text)
        found = await store.token(identity) if identity else None
        if found is None or not same(text, found[0].hash) or found[1].disabled:
            raise BadToken("This API token is not known here, or was deleted. Make another.")
        token, maker = found
        if token.expires_at is not None and token.expires_at <= now:
            raise BadToken(f"The API token {token.id} has expired. Make another.", code="token_expired")
        if token.last_used_at is None or now - token.last_used_at >= _TOUCH:
            await store.touch_token(token.id, now)
        return as_token(token, maker)


def bearer_of(connection: HTTPConnection) -> str | None:
    """What the header Authorization holds for us; of other schemes a proxy before us may have need."""
    scheme, _, text = connection.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else None


def is_over(session: Session, service: Service, now: datetime) -> bool:
    """Whether a session was idle, or lasted, too long."""
    idle, age = now - session.seen_at, now - session.created_at
    return idle > timedelta(seconds=service.session_idle) or age > timedelta(seconds=service.session_longest)


def give_cookie(
    response: Response,
    connection: HTTPConnection,
    service: Service,
    value: str,
    name: str = COOKIE,
    *,
    seconds: int | None = None,
) -> None:
    """Set a cookie that scripts cannot read and other sites cannot use; an empty value takes it back.

    It lasts as long as a session may, unless ``seconds`` says otherwise.
    """
    response.set_cookie(
        name,
        value,
        max_age=(seconds or service.session_longest) if value else 0,
        secure=bool(service.tls_certificate) or service.behind_proxy or connection.url.scheme in ("https", "wss"),
        httponly=True,
        samesite="lax",
    )


def _require_clean(connection: HTTPConnection) -> None:
    """Addresses are written into logs: a token in one is not safe any more."""
    if holds_token(unquote(f"{connection.url.path}?{connection.url.query}")):
        raise ApiError(
            "There is an API token in the address, where logs keep it. Send it in the header Authorization, as bearer; "
            "delete this one and make another.",
            code="token_in_url",
        )
