"""How people and programs get in: the code of the set-up, invitations, API tokens. For the API and the command line."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from headrace.errors import Conflict, UsageError
from headrace.keep.codes import digest, letters, new_code, new_secret, new_token, token_id, typed_code
from headrace.keep.write_keys import key_id, new_key
from headrace.model import Secret
from headrace.people import Action, Change, Code, PeopleStore, Role, Token, User, UserEdit, WriteKey
from headrace.ports import Clock

SET_UP_LASTS = timedelta(days=1)
INVITATION_LASTS = timedelta(days=7)


class SetUp:
    """The first run: who has the code that was printed makes themselves the first owner, once."""

    def __init__(self, store: PeopleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def needed(self) -> bool:
        """Whether there is nobody yet."""
        return not await self._store.users()

    async def code(self) -> str | None:
        """A new code, to be printed once: it works for a day, whatever process it is given to. None: not needed."""
        if not await self.needed():
            return None
        code, now = new_code(), self._clock.now()
        await self._store.create_code(Code(digest(code), now + SET_UP_LASTS), now)
        return code

    async def finish(self, code: str, user: User, audit: Change) -> None:
        """Make the first owner. Raises `UsageError` (``wrong_code``), `Conflict` (``set_up``)."""
        if not await self.needed():
            raise Conflict("Headrace is set up already. Sign in, or ask an owner for an invitation.", code="set_up")
        known = await self._store.code(digest(typed_code(code)))
        if known is None or known.user is not None or known.expires_at <= self._clock.now():
            raise UsageError(
                "This is not the code that `headrace serve` printed, or it is older than a day. "
                "Start `headrace serve` again for a new one.",
                code="wrong_code",
            )
        await self._store.create_user(user, first=True, audit=audit)


def new_user(
    email: str,
    name: str,
    role: Role,
    now: datetime,
    *,
    preview: bool = False,
    password: str | None = None,
    subject: str | None = None,
) -> User:
    """A person, to be created. ``password`` is a hash, ``subject`` an identity of OpenID Connect."""
    return User(f"u_{letters(12)}", email.lower(), name, role, preview, now, password, subject)


async def invite(store: PeopleStore, user: User, now: datetime, *, audit: Change | None = None) -> tuple[Secret, Code]:
    """A code with which a person sets their password, once; earlier ones are void. The text is to be shown once."""
    text = new_secret()
    code = Code(digest(text), now + INVITATION_LASTS, user.id)
    await store.create_code(code, now, audit=audit)
    return Secret(text), code


async def accept(store: PeopleStore, text: str, now: datetime) -> User:
    """Who was invited with a code. Raises `UsageError` (``wrong_code``)."""
    code = await store.code(digest(text))
    user = await store.user(code.user) if code is not None and code.user and code.expires_at > now else None
    if user is None or user.disabled:
        raise UsageError(
            "This invitation was used, replaced, or has ended. Ask an owner for another.", code="wrong_code"
        )
    return user


def make_token(
    maker: User,
    name: str,
    now: datetime,
    *,
    role: Role | None = None,
    preview: bool = False,
    scopes: frozenset[Action] = frozenset(),
    days: int | None = None,
) -> tuple[Secret, Token]:
    """An API token, to be created; its text is to be shown once. Raises `UsageError` (``token_exceeds``)."""
    role = role or maker.role
    if role.rank > maker.role.rank or (preview and not maker.preview):
        raise UsageError(
            f"A token of {maker.email} may not do more than {maker.email} ({maker.role}) may. Ask for less.",
            code="token_exceeds",
        )
    text = new_token()
    identity = token_id(text)
    assert identity is not None
    expires = None if days is None else now + timedelta(days=days)
    return Secret(text), Token(identity, digest(text), name, maker.id, role, preview, scopes, now, expires)


def make_write_key(source: str, name: str, now: datetime) -> tuple[Secret, WriteKey]:
    """A write key, to be created; its text is to be shown once."""
    text = new_key()
    return Secret(text), WriteKey(key_id(text), digest(text), source, name, now)


def told_user(user: User) -> dict[str, Any]:
    """What the audit log tells of a person."""
    return {"email": user.email, "name": user.name, "role": user.role.value, "preview": user.preview} | (
        {"disabled": True} if user.disabled else {}
    )


def told_token(token: Token, maker: User) -> dict[str, Any]:
    """What the audit log tells of a token."""
    return {
        "name": token.name,
        "user": maker.email,
        "role": token.role.value,
        "preview": token.preview,
        "scopes": sorted(token.scopes),
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
    }


def told_write_key(key: WriteKey) -> dict[str, Any]:
    """What the audit log tells of a write key."""
    return {"source": key.source, "name": key.name}


def differences(user: User, edit: UserEdit) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the audit log tells of an edit: only what changes, as it was and as it will be."""
    after = {name: value for name, value in asdict(edit).items() if value not in (None, getattr(user, name))}
    return {name: getattr(user, name) for name in after}, after
