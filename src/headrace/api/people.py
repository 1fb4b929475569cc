"""People: who is there, what they may, and their invitations. For owners."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field

from headrace.api.access import Email, Label
from headrace.api.deps import Caller, Owner
from headrace.api.document import problems
from headrace.api.errors import Unknown
from headrace.api.paging import Cursor, Limit, page_of
from headrace.api.schemas import Moment, Page, Shape
from headrace.keep.accounts import differences, invite, new_user, told_user
from headrace.people import Role, User, UserEdit

router = APIRouter(prefix="/api/v1/users", tags=["people"])
UserId = Annotated[str, Path(pattern=r"^[\w-]{1,64}$")]


class UserShown(Shape):
    id: str
    email: str
    name: str
    role: Role
    preview: bool = Field(description="Whether they may look at rows of data.")
    disabled: bool
    password: bool = Field(description="Whether they can sign in with a password.")
    oidc: bool = Field(description="Whether they have signed in by OpenID Connect.")
    created_at: Moment
    last_seen_at: Moment | None

    @classmethod
    def of(cls, user: User) -> UserShown:
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            role=user.role,
            preview=user.preview,
            disabled=user.disabled,
            password=user.password is not None,
            oidc=user.subject is not None,
            created_at=user.created_at,
            last_seen_at=user.last_seen_at,
        )


class UserAsked(Shape):
    email: Email
    name: Label
    role: Role = Role.VIEWER
    preview: bool = False


class UserEdited(Shape):
    """What is left out stays as it is."""

    name: Label | None = None
    role: Role | None = None
    preview: bool | None = None
    disabled: bool | None = Field(None, description="A disabled person is signed out at once, and so are their tokens.")


class Invitation(Shape):
    """Shown once. Who opens the link sets the password of that person: hand it over in private."""

    user: UserShown
    code: str
    link: str
    expires_at: Moment


@router.get("", operation_id="list_users", summary="All people")
async def list_users(caller: Owner, limit: Limit = 100, cursor: Cursor = None) -> Page[UserShown]:
    users, after = page_of(await caller.app.store.users(), lambda user: user.email, cursor, limit)
    return Page(items=[UserShown.of(user) for user in users], next=after)


@router.post("", operation_id="invite_user", summary="Invite somebody", status_code=201, responses=problems(409))
async def invite_user(asked: UserAsked, caller: Owner, request: Request) -> Invitation:
    user = new_user(asked.email, asked.name, asked.role, caller.app.clock.now(), preview=asked.preview)
    audit = caller.change("user.create", f"user/{user.email}", after=told_user(user))
    await caller.app.store.create_user(user, audit=audit)
    return await _invitation(caller, user, request)


@router.get("/{user_id}", operation_id="get_user", summary="One person")
async def get_user(user_id: UserId, caller: Owner) -> UserShown:
    return UserShown.of(await _known(caller, user_id))


@router.patch("/{user_id}", operation_id="edit_user", summary="Change what somebody may", responses=problems(409))
async def edit_user(user_id: UserId, asked: UserEdited, caller: Owner) -> UserShown:
    user = await _known(caller, user_id)
    edit = UserEdit(**asked.model_dump())
    before, after = differences(user, edit)
    if not after:
        return UserShown.of(user)
    audit = caller.change("user.update", f"user/{user.email}", before, after)
    return UserShown.of(await caller.app.store.update_user(user.id, edit, audit=audit))


@router.delete(
    "/{user_id}", operation_id="delete_user", summary="Delete somebody, with their sessions and tokens",
    status_code=204, responses=problems(409),
)  # fmt: skip
async def delete_user(user_id: UserId, caller: Owner) -> None:
    user = await _known(caller, user_id)
    audit = caller.change("user.delete", f"user/{user.email}", before=told_user(user))
    await caller.app.store.delete_user(user.id, audit=audit)


@router.post(
    "/{user_id}/invitation", operation_id="invite_user_again", summary="A new invitation, also for a forgotten password"
)
async def invite_user_again(user_id: UserId, caller: Owner, request: Request) -> Invitation:
    """Earlier invitations of that person are void. Their password holds until they have set another."""
    user = await _known(caller, user_id)
    return await _invitation(caller, user, request, "user.invite")


@router.delete(
    "/{user_id}/sessions", operation_id="sign_user_out", summary="End all sessions of somebody", status_code=204
)
async def sign_user_out(user_id: UserId, caller: Owner) -> None:
    user = await _known(caller, user_id)
    await caller.app.store.delete_sessions(user.id, audit=caller.change("session.delete", f"user/{user.email}"))


async def _known(caller: Caller, user_id: str) -> User:
    user = await caller.app.store.user(user_id)
    if user is None:
        raise Unknown(f"There is no user {user_id!r}. List them with GET /api/v1/users.", code="unknown_user")
    return user


async def _invitation(caller: Caller, user: User, request: Request, action: str | None = None) -> Invitation:
    audit = caller.change(action, f"user/{user.email}") if action else None
    text, code = await invite(caller.app.store, user, caller.app.clock.now(), audit=audit)
    base = caller.app.project.service.public_url or str(request.base_url)
    return Invitation(
        user=UserShown.of(user),
        code=text.reveal(),
        # Behind the #: a browser sends that to no server, and so no log has it.
        link=f"{base.rstrip('/')}/join#{text.reveal()}",
        expires_at=code.expires_at,
    )
