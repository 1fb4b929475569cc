"""Signing in and out, one's own sessions, and one's own password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from headrace.api.access import (
    Access,
    AccessHere,
    Email,
    Me,
    OnceCode,
    Password,
    address_of,
    person,
)
from headrace.api.deps import SignedIn, public
from headrace.api.document import problems
from headrace.api.errors import ApiError, Unknown
from headrace.api.gate import COOKIE, give_cookie, is_over
from headrace.api.oidc import refusal
from headrace.api.schemas import Moment, Page, Shape
from headrace.keep.accounts import accept
from headrace.keep.codes import digest
from headrace.keep.passwords import judge
from headrace.people import User

router = APIRouter(prefix="/api/v1", tags=["sessions"])
_SHOWN = 16  # characters of a session's id


class Credentials(Shape):
    email: Email
    password: Password


class Ways(Shape):
    """How people may sign in here."""

    password: bool = True
    oidc: str | None = Field(None, description="The label of the sign-in by OpenID Connect; null: there is none.")
    refused: str | None = Field(None, description="Why it did not let this browser in, a moment ago.")


class InvitationAsked(Shape):
    code: OnceCode
    password: Password


class PasswordAsked(Shape):
    current: Password
    new: Password


class SessionShown(Shape):
    id: str
    created_at: Moment
    seen_at: Moment
    agent: str = Field(description="What the browser calls itself.")
    current: bool


class BadCredentials(ApiError):
    status, code = 401, "bad_credentials"

    def __init__(self) -> None:
        super().__init__(
            "E-mail address and password do not belong together. Try again, or ask an owner for a new one."
        )


@router.get("/session/ways", operation_id="list_sign_in_ways", summary="How people may sign in")
@public
async def list_sign_in_ways(access: AccessHere, request: Request) -> Ways:
    oidc = access.app.project.service.oidc
    return Ways(oidc=oidc.label if oidc else None, refused=refusal(request))


@router.post("/session", operation_id="sign_in", summary="Sign in", responses=problems(401, 409))
@public
async def sign_in(asked: Credentials, access: AccessHere, request: Request, response: Response) -> Me:
    address, store = address_of(request), access.app.store
    access.tries.take(address, asked.email)
    user = await store.user_by_email(asked.email)
    fits = await access.passwords.fits(user.password if user else None, asked.password)
    if user is None or not fits or user.disabled:
        # Of an unknown account not even the name is logged: some people type their password there.
        audit = access.change(request, user.email if user else "unknown", "session.refuse", known=False)
        await store.log(audit)
        raise BadCredentials
    me = await access.begin_session(user, request, response, "password", password=user.password)
    access.tries.succeeded(address, asked.email)
    await _renew_hash(access, user, asked.password)
    return me


@router.get("/session", operation_id="get_session", summary="Who is signed in, and what they may")
async def get_session(caller: SignedIn) -> Me:
    return Me.of(caller, await caller.app.store.user(caller.actor.id) if caller.actor.kind == "user" else None)


@router.delete("/session", operation_id="sign_out", summary="Sign out", status_code=204)
async def sign_out(caller: SignedIn, request: Request, response: Response) -> None:
    user = await person(caller)
    audit = caller.change("session.delete", f"user/{user.email}")
    await caller.app.store.delete_session(_current(request), audit=audit)
    give_cookie(response, request, caller.app.project.service, "")


@router.put("/session/password", operation_id="change_password", summary="Change one's own password", status_code=204)
async def change_password(asked: PasswordAsked, caller: SignedIn, access: AccessHere, request: Request) -> None:
    """All other sessions end."""
    user, address = await person(caller), address_of(request)
    access.tries.take(address, user.email)
    if not await access.passwords.fits(user.password, asked.current):
        raise ApiError("The current password is another. Nothing was changed.", code="wrong_password")
    access.tries.succeeded(address, user.email)
    judge(asked.new, user.email)
    audit = caller.change("user.password", f"user/{user.email}")
    hashed = await access.passwords.hashed(asked.new)
    await caller.app.store.set_password(user.id, hashed, keep=_current(request), audit=audit)


@router.post(
    "/session/invitation", operation_id="accept_invitation", summary="Set a password by invitation, and sign in"
)
@public
async def accept_invitation(asked: InvitationAsked, access: AccessHere, request: Request, response: Response) -> Me:
    address, store = address_of(request), access.app.store
    access.tries.take(address)
    user = await accept(store, asked.code, access.app.clock.now())
    judge(asked.password, user.email)
    hashed = await access.passwords.hashed(asked.password)
    await store.use_code(digest(asked.code), hashed, audit=access.change(request, user.email, "user.password"))
    access.tries.succeeded(address)
    return await access.begin_session(user, request, response, "invitation", password=hashed)


@router.get("/sessions", operation_id="list_sessions", summary="One's own sessions, the last used first")
async def list_sessions(caller: SignedIn, request: Request) -> Page[SessionShown]:
    user = await person(caller)
    service, now, current = caller.app.project.service, caller.app.clock.now(), _current(request)
    items = [
        SessionShown(
            id=session.id[:_SHOWN],
            created_at=session.created_at,
            seen_at=session.seen_at,
            agent=session.agent,
            current=session.id == current,
        )
        for session in await caller.app.store.sessions(user.id)
        if not is_over(session, service, now)
    ]
    return Page(items=items)


@router.delete(
    "/sessions/{session}", operation_id="end_session", summary="End one of one's own sessions", status_code=204
)
async def end_session(session: Annotated[str, Path(pattern="^[0-9a-f]{16}$")], caller: SignedIn) -> None:
    user = await person(caller)
    found = [held for held in await caller.app.store.sessions(user.id) if held.id.startswith(session)]
    if not found:
        raise Unknown("There is no such session of yours. List them with GET /api/v1/sessions.", code="unknown_session")
    await caller.app.store.delete_session(found[0].id, audit=caller.change("session.delete", f"user/{user.email}"))


async def _renew_hash(access: Access, user: User, password: str) -> None:
    """The hash again, where the parameters have changed since it was made."""
    if user.password and access.passwords.outdated(user.password):
        await access.app.store.rehash(user.id, user.password, await access.passwords.hashed(password))


def _current(request: Request) -> str:
    return digest(request.cookies.get(COOKIE, ""))
