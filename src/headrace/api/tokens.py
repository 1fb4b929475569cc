"""API tokens: everybody has their own; owners see and delete all."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from headrace.api.access import Label, person
from headrace.api.deps import SignedIn
from headrace.api.errors import ApiError, Forbidden, Unknown
from headrace.api.paging import Cursor, Limit, page_of
from headrace.api.schemas import Moment, Page, Shape
from headrace.keep.accounts import make_token, told_token
from headrace.people import Action, Role, Token, can

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])


class TokenShown(Shape):
    id: str
    name: str
    user: str = Field(description="The e-mail address of whoever made it; it can never do more than they can.")
    role: Role
    preview: bool
    scopes: list[Action] = Field(description="What it may, of what its role may; empty: all.")
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None

    @classmethod
    def of(cls, token: Token, email: str) -> TokenShown:
        return cls(
            id=token.id,
            name=token.name,
            user=email,
            role=token.role,
            preview=token.preview,
            scopes=sorted(token.scopes),
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
        )


class TokenAsked(Shape):
    name: Label
    role: Role | None = Field(None, description="By default one's own.")
    preview: bool = False
    scopes: list[Action] = Field([], description="Narrows what the role may; empty: all of it.")
    days: Annotated[int, Field(ge=1, le=3650)] | None = Field(90, description="Until it expires; null: never.")


class NewToken(Shape):
    """``text`` is the token itself; it is shown this once and kept only as a hash."""

    token: TokenShown
    text: str


@router.get("", operation_id="list_tokens", summary="One's own API tokens; for owners on request all")
async def list_tokens(
    caller: SignedIn,
    everybody: Annotated[bool, Query(alias="all", description="Of all people; for owners.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[TokenShown]:
    me = await person(caller)
    if everybody and not can(caller.actor, Action.ADMINISTER):
        raise Forbidden(Action.ADMINISTER, caller.actor)
    emails = {user.id: user.email for user in await caller.app.store.users()}
    held = await caller.app.store.tokens(None if everybody else me.id)
    tokens, after = page_of(held, lambda token: token.id, cursor, limit)
    return Page(items=[TokenShown.of(token, emails.get(token.user, "")) for token in tokens], next=after)


@router.post("", operation_id="create_token", summary="Make an API token", status_code=201)
async def create_token(asked: TokenAsked, caller: SignedIn) -> NewToken:
    maker = await person(caller)
    text, token = make_token(
        maker, asked.name, caller.app.clock.now(),
        role=asked.role, preview=asked.preview, scopes=frozenset(asked.scopes), days=asked.days,
    )  # fmt: skip
    audit = caller.change("token.create", f"token/{token.id}", after=told_token(token, maker))
    await caller.app.store.create_token(token, audit=audit)
    return NewToken(token=TokenShown.of(token, maker.email), text=text.reveal())


@router.delete("/{token_id}", operation_id="delete_token", summary="Delete an API token", status_code=204)
async def delete_token(token_id: Annotated[str, Path(pattern="^hdr_[0-9a-z]{8}$")], caller: SignedIn) -> None:
    me = await person(caller)
    found = await caller.app.store.token(token_id)
    if found is None or not (found[1].id == me.id or can(caller.actor, Action.ADMINISTER)):
        raise _unknown(token_id)
    audit = caller.change("token.delete", f"token/{token_id}", before=told_token(*found))
    if not await caller.app.store.delete_token(token_id, audit=audit):
        raise _unknown(token_id)


def _unknown(token_id: str) -> ApiError:
    return Unknown(f"There is no token {token_id!r} of yours. List them with GET /api/v1/tokens.", code="unknown_token")
