"""Who may do what: roles, actions, and the one function that decides; and what the store keeps of people.

    viewer < operator < editor < owner

A viewer sees runs, counts and reasons. An operator also runs, cancels, enables and disables. An editor also writes
syncs and their queries; whoever writes a query can read all that the source's account can read. An owner also
handles connections, secrets, keys, people and settings. Looking at rows of data (`Action.PREVIEW`) is a right of its
own, on top of the role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class Role(StrEnum):
    """From the least to the most."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    EDITOR = "editor"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


class Action(StrEnum):
    """What an actor wants to do. Every route names exactly one."""

    VIEW = "view"  # names, states, counts, reasons; no values of rows
    PREVIEW = "preview"  # rows of data: Run Query, failed rows, calls
    OPERATE = "operate"  # run, cancel, resend, enable, disable, set last_sync_time
    EDIT = "edit"  # syncs
    CONNECT = "connect"  # sources, destinations, alert channels, and their secrets
    ADMINISTER = "administer"  # people, tokens of others, write keys, settings, audit log


NEEDS: Mapping[Action, Role] = {
    Action.VIEW: Role.VIEWER,
    Action.PREVIEW: Role.VIEWER,  # and the right to preview
    Action.OPERATE: Role.OPERATOR,
    Action.EDIT: Role.EDITOR,
    Action.CONNECT: Role.OWNER,
    Action.ADMINISTER: Role.OWNER,
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a signed-in person, a token, or the machine's own command line.

    ``scopes`` of a token narrow what its role may; empty: nothing is narrowed.
    """

    kind: str  # user | token | local
    id: str
    name: str  # for the audit log: an e-mail address, a token's name
    role: Role
    preview: bool = False
    scopes: frozenset[Action] = frozenset()


def can(actor: Actor, action: Action) -> bool:
    """Whether the actor may. The only place that decides."""
    if actor.role.rank < NEEDS[action].rank:
        return False
    if action is Action.PREVIEW and not actor.preview:
        return False
    return not actor.scopes or action in actor.scopes


@dataclass(frozen=True, slots=True)
class User:
    """A person. ``password`` is an argon2id hash, None for one who signs in elsewhere only."""

    id: str
    email: str  # lower case; unique
    name: str
    role: Role
    preview: bool
    created_at: datetime
    password: str | None = field(default=None, repr=False)
    subject: str | None = None  # issuer and subject of OpenID Connect, once it was used
    disabled: bool = False
    last_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UserEdit:
    """What an owner changes of a person; None leaves a thing as it is."""

    name: str | None = None
    role: Role | None = None
    preview: bool | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """A code that works once: it makes the first owner, or sets the password of ``user``.

    ``hash`` is the SHA-256 of the code, in hex.
    """

    hash: str = field(repr=False)
    expires_at: datetime
    user: str | None = None  # None: of the set-up


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in. ``id`` is the SHA-256 of the cookie's value, in hex."""

    id: str
    user: str
    created_at: datetime
    seen_at: datetime
    agent: str = ""  # the browser's own words, for people


@dataclass(frozen=True, slots=True)
class Token:
    """An API token. ``id`` is the start of its text, which is shown; ``hash`` the SHA-256 of the whole, in hex."""

    id: str  # hdr_1a2b3c4d
    hash: str = field(repr=False)
    name: str
    user: str  # who made it; it can never do more than that person can
    role: Role
    preview: bool
    scopes: frozenset[Action]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


def as_user(user: User) -> Actor:
    """A person who is signed in."""
    return Actor("user", user.id, user.email, user.role, user.preview)


def as_token(token: Token, maker: User) -> Actor:
    """A program with a token: never more than its maker may now. Meaningless where the maker is disabled."""
    role = min(token.role, maker.role, key=lambda role: role.rank)
    return Actor("token", token.id, token.id, role, token.preview and maker.preview, token.scopes)


@dataclass(frozen=True, slots=True)
class WriteKey:
    """A key of an `http` source, with which programs send calls. ``hash``: SHA-256 of the key, in hex."""

    id: str  # the start of the key, which is shown
    hash: str = field(repr=False)
    source: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One change, for the audit log; written in the transaction of the change itself. Never holds a secret."""

    at: datetime
    actor: str  # user:ada@example.com, token:hdr_1a2b3c4d, local:root
    action: str  # sync.update, user.create, run.cancel
    thing: str  # sync/people
    via: str = ""  # the address it came from, or: command line
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A `Change` as the log holds it: ``hash`` is the SHA-256 over the entry and the hash before it."""

    seq: int
    change: Change
    previous: str
    hash: str


class PeopleStore(Protocol):
    """What the store keeps of people. Verbs that write take ``audit``, which is logged in the same transaction."""

    async def users(self) -> list[User]:
        """By e-mail address."""
        ...

    async def user(self, user_id: str) -> User | None: ...

    async def user_by_email(self, email: str) -> User | None: ...

    async def user_by_subject(self, subject: str) -> User | None: ...

    async def create_user(self, user: User, *, first: bool = False, audit: Change | None = None) -> None:
        """Raises `Conflict` (``email_taken``); with ``first``: (``set_up``) where there is a user already.

        The first user ends all codes of the set-up.
        """
        ...

    async def update_user(self, user_id: str, edit: UserEdit, *, audit: Change | None = None) -> User:
        """The user as it is now. Raises `UsageError` (``unknown_user``), and `Conflict` (``last_owner``) where no
        enabled owner would be left. Disabling ends all sessions."""
        ...

    async def set_password(
        self, user_id: str, password: str, *, keep: str | None = None, audit: Change | None = None
    ) -> None:
        """Set an argon2id hash. Ends the codes and the sessions of the user, but the session ``keep``."""
        ...

    async def rehash(self, user_id: str, old: str, new: str) -> None:
        """Replace the hash of the same password, unless the password was changed meanwhile."""
        ...

    async def link_user(self, user_id: str, subject: str, *, audit: Change | None = None) -> None:
        """Let a user sign in by OpenID Connect. Raises `Conflict` (``linked``) where one of the two is linked."""
        ...

    async def delete_user(self, user_id: str, *, audit: Change | None = None) -> None:
        """With all sessions and tokens. Raises `UsageError` (``unknown_user``), `Conflict` (``last_owner``)."""
        ...

    async def create_code(self, code: Code, now: datetime, *, audit: Change | None = None) -> None:
        """Ends earlier codes of the same user, and all that have expired."""
        ...

    async def code(self, code_hash: str) -> Code | None: ...

    async def use_code(self, code_hash: str, password: str, *, audit: Change | None = None) -> None:
        """Set the password of the code's user, as `set_password` does. Raises `Conflict` (``code_used``)."""
        ...

    async def create_session(
        self, session: Session, *, password: str | None = None, audit: Change | None = None
    ) -> None:
        """Raises `Conflict` (``account_changed``) where the user is gone or disabled, or the hash ``password``, against
        which the sign-in was judged, was replaced meanwhile."""
        ...

    async def session(self, session_id: str) -> tuple[Session, User] | None: ...

    async def sessions(self, user_id: str) -> list[Session]:
        """The last used first."""
        ...

    async def touch_session(self, session_id: str, at: datetime) -> None:
        """Note that the session, and so its user, was seen."""
        ...

    async def delete_session(self, session_id: str, *, audit: Change | None = None) -> None: ...

    async def delete_sessions(self, user_id: str, keep: str | None = None, *, audit: Change | None = None) -> None: ...

    async def forget_sessions(self, seen_before: datetime, created_before: datetime) -> None:
        """Delete sessions that are over."""
        ...

    async def tokens(self, user_id: str | None = None) -> list[Token]:
        """The newest first."""
        ...

    async def token(self, token_id: str) -> tuple[Token, User] | None:
        """A token and who made it."""
        ...

    async def create_token(self, token: Token, *, audit: Change | None = None) -> None: ...

    async def touch_token(self, token_id: str, at: datetime) -> None: ...

    async def delete_token(self, token_id: str, *, audit: Change | None = None) -> bool: ...

    async def write_keys(self, source: str | None = None) -> list[WriteKey]: ...

    async def create_write_key(self, key: WriteKey, *, audit: Change | None = None) -> None: ...

    async def delete_write_key(self, key_id: str, *, audit: Change | None = None) -> bool: ...

    async def log(self, change: Change) -> None:
        """Append to the audit log by itself, for what changes nothing in the store: a failed sign-in."""
        ...

    async def audit(
        self, before: int | None = None, limit: int = 100, thing: str | None = None, actor: str | None = None
    ) -> Sequence[Entry]:
        """The newest first; ``before`` a seq. A ``thing`` or ``actor`` that ends with ``/`` or ``:`` is a beginning."""
        ...

    async def verify_audit(self) -> int | None:
        """The seq of the first entry that does not fit the chain, or is missing; None where all do."""
        ...
