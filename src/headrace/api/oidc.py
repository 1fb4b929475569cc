"""Signing in by OpenID Connect: to the provider, and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

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
_MINUTES = 10  # that somebody may take at the provider
Given = Annotated[str, Query(max_length=4_000)]


class NotLetIn(ApiError):
    status, code = 403, "oidc_refused"


class Unusable(ApiError):
    status, code = 502, "oidc_unusable"


@router.get(
    "", operation_id="begin_oidc", summary="To the sign-in service", status_code=303, response_class=RedirectResponse,
    responses=problems(404),
)  # fmt: skip
@public
async def begin_oidc(access: AccessHere, request: Request) -> Response:
    flow = Flow(new_secret())
    try:
        address = await _provider(access).address(flow, _redirect(access, request))
    except HeadraceError as error:
        raise _told(error) from error
    response = RedirectResponse(address, 303)
    give_cookie(response, request, access.app.project.service, flow.secret, COOKIE, seconds=_MINUTES * 60)
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
    provider, held, address = _provider(access), request.cookies.get(COOKIE, ""), address_of(request)
    access.tries.take(address)
    if not held or not state or not code or error:
        raise NotLetIn("The sign-in did not end well, or took too long. Begin again on the sign-in page.")
    try:
        identity = await provider.identity(Flow(held), state, code, _redirect(access, request))
        user = await _user_of(access, request, identity)
    except OidcRefused as refusal:
        await access.app.store.log(access.change(request, "unknown", "session.refuse", known=False))
        raise _told(refusal) from refusal
    except HeadraceError as failure:
        raise _told(failure) from failure
    response = RedirectResponse("/", 303)
    await access.begin_session(user, request, response, "openid connect")
    give_cookie(response, request, access.app.project.service, "", COOKIE)
    access.tries.succeeded(address)
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
