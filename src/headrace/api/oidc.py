"""Signing in by OpenID Connect: to the provider, and back.

Browsers come here by links and redirects, so what goes wrong leads them to the page, which says it; programs get the
error as everywhere.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import TypeAdapter, ValidationError

from headrace.api.access import Access, AccessHere, address_of
from headrace.api.deps import public
from headrace.api.document import problems
from headrace.api.errors import ApiError, Unknown
from headrace.api.gate import give_cookie
from headrace.errors import Conflict, HeadraceError
from headrace.keep.accounts import new_user, told_user
from headrace.keep.codes import new_secret
from headrace.keep.oidc import Flow, Identity, OidcRefused, Provider
from headrace.people import Role, User

router = APIRouter(prefix="/api/v1/session/oidc", tags=["sessions"])
COOKIE = "headrace_oidc"
REFUSED = "headrace_refused"
BACK = "headrace_back"
_MINUTES = 10  # that somebody may take at the provider
_TOLD = 120  # seconds for which the page can say why nobody was let in
Given = Annotated[str, Query(max_length=4_000)]
# Browsers take /\ for //, and that for another host; and they leave out what is no printable character.
OurPath = Annotated[str, Query(max_length=2_000, pattern=r"^/([^/\\\s\x00-\x20][^\\\x00-\x20]*)?$")]


_PATH: TypeAdapter[str] = TypeAdapter(OurPath)


class NotLetIn(ApiError):
    status, code = 403, "oidc_refused"


class Unusable(ApiError):
    status, code = 502, "oidc_unusable"


@router.get(
    "", operation_id="begin_oidc", summary="To the sign-in service", status_code=303, response_class=RedirectResponse,
    responses=problems(404),
)  # fmt: skip
@public
async def begin_oidc(access: AccessHere, request: Request, back: OurPath = "/") -> Response:
    """``back``: the path to lead to in the end."""
    return await _or_the_page(access, request, _begun(access, request, back))


async def _begun(access: Access, request: Request, back: str) -> Response:
    flow = Flow(new_secret())
    address = await _provider(access).address(flow, _redirect(access, request))
    response = RedirectResponse(address, 303)
    for name, value in ((BACK, quote(back)), (COOKIE, flow.secret)):
        give_cookie(response, request, access.app.project.service, value, name, seconds=_MINUTES * 60)
    return response


@router.get(
    "/callback", operation_id="finish_oidc", summary="Back from the sign-in service", status_code=303,
    response_class=RedirectResponse, responses=problems(404, 409),
)  # fmt: skip
@public
async def finish_oidc(
    access: AccessHere, request: Request, state: Given = "", code: Given = "", error: Given = ""
) -> Response:
    """Signs in and leads to the page. The flow's cookie works once."""
    return await _or_the_page(access, request, _finished(access, request, state, "" if error else code))


def refusal(request: Request) -> str | None:
    """Why this browser was not let in a moment ago, in a sentence."""
    return unquote(request.cookies.get(REFUSED, "")) or None


async def _finished(access: Access, request: Request, state: str, code: str) -> Response:
    provider, held, address = _provider(access), request.cookies.get(COOKIE, ""), address_of(request)
    access.tries.take(address)
    if not held or not state or not code:
        raise NotLetIn("The sign-in did not end well, or took too long. Begin again on the sign-in page.")
    try:
        identity = await provider.identity(Flow(held), state, code, _redirect(access, request))
        user = await _user_of(access, request, identity)
    except OidcRefused:
        await access.app.store.log(access.change(request, "unknown", "session.refuse", known=False))
        raise
    response = RedirectResponse(_back(request), 303)
    await access.begin_session(user, request, response, "openid connect")
    for cookie in (COOKIE, REFUSED, BACK):
        give_cookie(response, request, access.app.project.service, "", cookie)
    access.tries.succeeded(address)
    return response


def _back(request: Request) -> str:
    try:
        return _PATH.validate_python(unquote(request.cookies.get(BACK, "/")))
    except ValidationError:
        return "/"


async def _or_the_page(access: Access, request: Request, way: Awaitable[Response]) -> Response:
    """What ``way`` answers. Where it fails a browser is led to the sign-in page.

    The sentence goes by cookie: what stood in the address anybody could write there, for others to read on our page.
    """
    try:
        return await way
    except HeadraceError as error:
        told = _told(error)
        if "text/html" not in request.headers.get("accept", ""):
            raise told from error
        response = RedirectResponse(f"/login?error={quote(told.code)}", 303)
        give_cookie(response, request, access.app.project.service, quote(told.message), REFUSED, seconds=_TOLD)
        return response


async def _user_of(access: Access, request: Request, identity: Identity) -> User:
    """The person with that identity: known, invited, or new where newcomers have a role. Raises `OidcRefused`."""
    store, settings = access.app.store, access.app.project.service.oidc
    user = await store.user_by_subject(identity.subject)
    if user is None:
        user = await store.user_by_email(identity.email)
        if user is not None and not user.disabled:
            audit = access.change(request, user.email, "user.link")
            await store.link_user(user.id, identity.subject, audit=audit)
    if user is None and settings is not None and settings.role:
        if not await store.users():
            raise OidcRefused("Headrace is not set up yet. Make the first owner with the code that it printed.")
        user = new_user(
            identity.email, identity.name, Role(settings.role), access.app.clock.now(), subject=identity.subject
        )
        await store.create_user(user, audit=access.change(request, user.email, "user.create", after=told_user(user)))
    if user is None:
        raise OidcRefused("You have not been invited. Ask an owner.")
    if user.disabled:
        raise OidcRefused("Your account is disabled. Ask an owner.")
    return user


def _provider(access: Access) -> Provider:
    """The configured provider; another one when the settings have changed."""
    settings = access.app.project.service.oidc
    if settings is None:
        raise Unknown("No sign-in by OpenID Connect is configured. An owner can, under service.oidc.", code="no_oidc")
    if access.provider is None or access.provider.settings != settings:
        access.provider = Provider(settings, access.app.http, access.app.clock)
    return access.provider


def _redirect(access: Access, request: Request) -> str:
    """Where the provider sends people back: to be registered there."""
    base = access.app.project.service.public_url or str(request.base_url)
    return f"{base.rstrip('/')}{router.prefix}/callback"


def _told(error: HeadraceError) -> HeadraceError:
    if isinstance(error, ApiError | Conflict):
        return error
    if isinstance(error, OidcRefused):
        return NotLetIn(error.message)
    return Unusable(error.message)
