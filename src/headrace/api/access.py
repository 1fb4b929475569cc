"""What the routes of sign-in share: passwords, counted tries, the set-up, and how a session begins."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import StringConstraints

from headrace.api.deps import Caller
from headrace.api.errors import ApiError
from headrace.api.gate import COOKIE, give_cookie
from headrace.api.limits import Tries
from headrace.api.schemas import Shape
from headrace.app import App
from headrace.keep.accounts import SetUp
from headrace.keep.codes import digest, new_secret
from headrace.keep.oidc import Provider
from headrace.keep.passwords import LONGEST, Passwords
from headrace.people import Action, Change, Role, Session, User, as_user, can

Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$"
    ),
]
Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Password = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]
OnceCode = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Access:
    """One per service process. The counts of tries are its own."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.passwords = Passwords()
        self.tries = Tries(app.clock)
        self.set_up = SetUp(app.store, app.clock)
        self.provider: Provider | None = None  # of OpenID Connect, once it was needed

    async def begin_session(
        self, user: User, request: Request, response: Response, by: str, *, password: str | None = None
    ) -> Me:
        """Sign somebody in: always a new session, and the one that the browser had is over.

        ``password`` is the hash against which they were judged. Raises `Conflict` (``account_changed``).
        """
        store, service, now = self.app.store, self.app.project.service, self.app.clock.now()
        idle, longest = timedelta(seconds=service.session_idle), timedelta(seconds=service.session_longest)
        await store.forget_sessions(now - idle, now - longest)
        if old := request.cookies.get(COOKIE):
            await store.delete_session(digest(old))
        cookie = new_secret()
        session = Session(digest(cookie), user.id, now, now, request.headers.get("user-agent", "")[:200])
        audit = self.change(request, user.email, "session.create", after={"by": by})
        await store.create_session(session, password=password, audit=audit)
        give_cookie(response, request, service, cookie)
        return Me.of_user(user, self.app)

    def change(
        self, request: Request, email: str, action: str, *, known: bool = True, after: dict[str, object] | None = None
    ) -> Change:
        """An entry for the audit log by somebody who is not signed in yet. ``known``: that it is really them."""
        actor = f"user:{email}" if known else "nobody"
        return Change(self.app.clock.now(), actor, action, f"user/{email}", address_of(request), None, after)


class Me(Shape):
    """Who is signed in, and what they may."""

    kind: str
    id: str
    name: str
    email: str | None
    role: Role
    preview: bool
    actions: list[Action]

    @classmethod
    def of(cls, caller: Caller, user: User | None = None) -> Me:
        actor = caller.actor
        return cls(
            kind=actor.kind,
            id=actor.id,
            name=user.name if user else actor.name,
            email=user.email if user else None,
            role=actor.role,
            preview=can(actor, Action.PREVIEW),
            actions=[action for action in Action if can(actor, action)],
        )

    @classmethod
    def of_user(cls, user: User, app: App) -> Me:
        allowed = user if app.project.service.preview else replace(user, preview=False)
        return cls.of(Caller(as_user(allowed), "", app), user)


def the_access(request: Request) -> Access:
    """Made with the first request that needs it."""
    state = request.app.state
    if not hasattr(state, "access"):
        state.access = Access(state.app)
    access: Access = state.access
    return access


AccessHere = Annotated[Access, Depends(the_access)]


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


class PersonNeeded(ApiError):
    status, code = 403, "person_needed"

    def __init__(self) -> None:
        super().__init__("An API token has no account of its own. Sign in with a browser for this.")


async def person(caller: Caller) -> User:
    """The person who is signed in. Raises `PersonNeeded` for a token."""
    user = await caller.app.store.user(caller.actor.id) if caller.actor.kind == "user" else None
    if user is None:
        raise PersonNeeded
    return user
