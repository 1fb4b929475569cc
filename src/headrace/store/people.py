"""People in the store: users, the codes that let them in for the first time, sessions, API tokens, write keys."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headrace.errors import Conflict, UsageError
from headrace.people import Action, Change, Code, Role, Session, Token, User, UserEdit, WriteKey
from headrace.store.audit import entries, log, note, one_at_a_time, verify
from headrace.store.generation import bump
from headrace.store.service_tables import CODES, SESSIONS, TOKENS, USERS, WRITE_KEYS
from headrace.store.verbs import Verbs, reads, writes

_LOCK = 0x68656164757365  # "headuse": on PostgreSQL, one at a time decides who is left as an owner
_TOUCH = timedelta(minutes=1)  # what was seen less long ago is not written again

# ----------------------------------------------------------------------------------------------------------- users


def users(connection: sa.Connection) -> list[User]:
    return [_user(row) for row in connection.execute(sa.select(USERS).order_by(USERS.c.email)).mappings()]


def user(connection: sa.Connection, user_id: str) -> User | None:
    return _one_user(connection, USERS.c.id == user_id)


def user_by_email(connection: sa.Connection, email: str) -> User | None:
    return _one_user(connection, USERS.c.email == email)


def user_by_subject(connection: sa.Connection, subject: str) -> User | None:
    return _one_user(connection, USERS.c.subject == subject)


def create_user(connection: sa.Connection, user: User, *, first: bool = False, audit: Change | None = None) -> None:
    note(connection, audit)
    _alone(connection)
    if first and connection.execute(sa.select(USERS.c.id).limit(1)).first() is not None:
        raise Conflict("Headrace is set up already. Sign in, or ask an owner for an invitation.", code="set_up")
    if user_by_email(connection, user.email) is not None:
        raise Conflict(f"There is a user {user.email!r} already. Edit that one.", code="email_taken")
    _require_unlinked(connection, user.subject)
    connection.execute(sa.insert(USERS).values(asdict(user)))
    connection.execute(sa.delete(CODES).where(CODES.c.user.is_(None)))


def update_user(connection: sa.Connection, user_id: str, edit: UserEdit, *, audit: Change | None = None) -> User:
    note(connection, audit)
    _alone(connection)
    _require_user(connection, user_id)
    changes = {name: value for name, value in asdict(edit).items() if value is not None}
    if changes:
        connection.execute(sa.update(USERS).where(USERS.c.id == user_id).values(changes))
    _require_owner(connection)
    if edit.disabled:
        _end_sessions(connection, user_id)
    return _require_user(connection, user_id)


def set_password(
    connection: sa.Connection, user_id: str, password: str, *, keep: str | None = None, audit: Change | None = None
) -> None:
    note(connection, audit)
    _alone(connection)
    if not connection.execute(sa.update(USERS).where(USERS.c.id == user_id).values(password=password)).rowcount:
        raise _unknown(user_id)
    connection.execute(sa.delete(CODES).where(CODES.c.user == user_id))
    _end_sessions(connection, user_id, keep)


def rehash(connection: sa.Connection, user_id: str, old: str, new: str) -> None:
    same = USERS.c.id == user_id, USERS.c.password == old
    connection.execute(sa.update(USERS).where(*same).values(password=new))


def link_user(connection: sa.Connection, user_id: str, subject: str, *, audit: Change | None = None) -> None:
    note(connection, audit)
    _alone(connection)
    _require_unlinked(connection, subject)
    unlinked = sa.update(USERS).where(USERS.c.id == user_id, USERS.c.subject.is_(None))
    if not connection.execute(unlinked.values(subject=subject)).rowcount:
        raise _linked()


def delete_user(connection: sa.Connection, user_id: str, *, audit: Change | None = None) -> None:
    note(connection, audit)
    _alone(connection)
    if not connection.execute(sa.delete(USERS).where(USERS.c.id == user_id)).rowcount:
        raise _unknown(user_id)
    _require_owner(connection)


def _alone(connection: sa.Connection) -> None:
    """Taken after the lock of the audit log and before any row, always: so nobody waits in a circle."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _require_user(connection: sa.Connection, user_id: str) -> User:
    found = user(connection, user_id)
    if found is None:
        raise _unknown(user_id)
    return found


def _require_owner(connection: sa.Connection) -> None:
    owner = USERS.c.role == Role.OWNER, USERS.c.disabled.is_(False)
    if connection.execute(sa.select(USERS.c.id).where(*owner).limit(1)).first() is None:
        raise Conflict("This is the last owner who can sign in. Make somebody else an owner first.", code="last_owner")


def _require_unlinked(connection: sa.Connection, subject: str | None) -> None:
    if subject is not None and user_by_subject(connection, subject) is not None:
        raise _linked()


def _one_user(connection: sa.Connection, where: sa.ColumnElement[bool]) -> User | None:
    row = connection.execute(sa.select(USERS).where(where)).mappings().one_or_none()
    return None if row is None else _user(row)


def _user(row: sa.RowMapping) -> User:
    values = {column.name: row[column] for column in USERS.c}
    return User(**values | {"role": Role(row[USERS.c.role])})


def _with_user(table: sa.Table) -> sa.Select[Any]:
    """A row of something that a user has, and the user's."""
    both = sa.select(table, USERS).join(USERS, table.c.user == USERS.c.id)
    return both.set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)  # several columns have the same name


def _unknown(user_id: str) -> UsageError:
    return UsageError(f"There is no user {user_id!r}. List them with: headrace user list", code="unknown_user")


def _linked() -> Conflict:
    return Conflict(
        "This account, or its identity at the sign-in service, belongs to another sign-in already. "
        "Ask an owner to delete the account and to invite you again.",
        code="linked",
    )


# ----------------------------------------------------------------------------------------------------------- codes


def create_code(connection: sa.Connection, code: Code, now: datetime, *, audit: Change | None = None) -> None:
    note(connection, audit)
    over = CODES.c.expires_at <= now
    if code.user is not None:
        over = sa.or_(over, CODES.c.user == code.user)
    connection.execute(sa.delete(CODES).where(over))
    connection.execute(sa.insert(CODES).values(asdict(code)))


def code(connection: sa.Connection, code_hash: str) -> Code | None:
    row = connection.execute(sa.select(CODES).where(CODES.c.hash == code_hash)).one_or_none()
    return None if row is None else Code(row.hash, row.expires_at, row.user)


def use_code(connection: sa.Connection, code_hash: str, password: str, *, audit: Change | None = None) -> None:
    one_at_a_time(connection)
    _alone(connection)
    used = sa.delete(CODES).where(CODES.c.hash == code_hash, CODES.c.user.is_not(None)).returning(CODES.c.user)
    user_id = connection.execute(used).scalar()
    if user_id is None:
        raise Conflict("This code was used already. Ask an owner for another.", code="code_used")
    set_password(connection, user_id, password, audit=audit)


# -------------------------------------------------------------------------------------------------------- sessions


def create_session(
    connection: sa.Connection, session: Session, *, password: str | None = None, audit: Change | None = None
) -> None:
    note(connection, audit)
    # Locked, so that a change of the password either is seen here or sees the new session.
    row = connection.execute(sa.select(USERS).where(USERS.c.id == session.user).with_for_update()).one_or_none()
    if row is None or row.disabled or (password is not None and row.password != password):
        raise Conflict("The account was changed meanwhile. Sign in again.", code="account_changed")
    connection.execute(sa.insert(SESSIONS).values(asdict(session)))
    connection.execute(sa.update(USERS).where(USERS.c.id == session.user).values(last_seen_at=session.seen_at))


def session(connection: sa.Connection, session_id: str) -> tuple[Session, User] | None:
    query = _with_user(SESSIONS).where(SESSIONS.c.id == session_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else (_session(row), _user(row))


def sessions(connection: sa.Connection, user_id: str) -> list[Session]:
    query = sa.select(SESSIONS).where(SESSIONS.c.user == user_id).order_by(SESSIONS.c.seen_at.desc(), SESSIONS.c.id)
    return [_session(row) for row in connection.execute(query).mappings()]


def touch_session(connection: sa.Connection, session_id: str, at: datetime) -> None:
    stale = SESSIONS.c.id == session_id, SESSIONS.c.seen_at <= at - _TOUCH
    theirs = USERS.c.id == sa.select(SESSIONS.c.user).where(*stale).scalar_subquery()
    connection.execute(sa.update(USERS).where(theirs).values(last_seen_at=at))
    connection.execute(sa.update(SESSIONS).where(*stale).values(seen_at=at))


def delete_session(connection: sa.Connection, session_id: str, *, audit: Change | None = None) -> None:
    note(connection, audit)
    connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.id == session_id))


def delete_sessions(
    connection: sa.Connection, user_id: str, keep: str | None = None, *, audit: Change | None = None
) -> None:
    note(connection, audit)
    _alone(connection)
    _end_sessions(connection, user_id, keep)


def forget_sessions(connection: sa.Connection, seen_before: datetime, created_before: datetime) -> None:
    _alone(connection)
    over = sa.or_(SESSIONS.c.seen_at < seen_before, SESSIONS.c.created_at < created_before)
    connection.execute(sa.delete(SESSIONS).where(over))


def _end_sessions(connection: sa.Connection, user_id: str, keep: str | None = None) -> None:
    theirs = sa.delete(SESSIONS).where(SESSIONS.c.user == user_id)
    connection.execute(theirs if keep is None else theirs.where(SESSIONS.c.id != keep))


def _session(row: sa.RowMapping) -> Session:
    return Session(**{column.name: row[column] for column in SESSIONS.c})


# ------------------------------------------------------------------------------------------------------ API tokens


def tokens(connection: sa.Connection, user_id: str | None = None) -> list[Token]:
    query = sa.select(TOKENS).order_by(TOKENS.c.created_at.desc(), TOKENS.c.id)
    if user_id is not None:
        query = query.where(TOKENS.c.user == user_id)
    return [_token(row) for row in connection.execute(query).mappings()]


def token(connection: sa.Connection, token_id: str) -> tuple[Token, User] | None:
    query = _with_user(TOKENS).where(TOKENS.c.id == token_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else (_token(row), _user(row))


def create_token(connection: sa.Connection, token: Token, *, audit: Change | None = None) -> None:
    note(connection, audit)
    values = asdict(token) | {"scopes": sorted(token.scopes)}
    connection.execute(sa.insert(TOKENS).values(values))


def touch_token(connection: sa.Connection, token_id: str, at: datetime) -> None:
    stale = sa.or_(TOKENS.c.last_used_at.is_(None), TOKENS.c.last_used_at <= at - _TOUCH)
    connection.execute(sa.update(TOKENS).where(TOKENS.c.id == token_id, stale).values(last_used_at=at))


def delete_token(connection: sa.Connection, token_id: str, *, audit: Change | None = None) -> bool:
    one_at_a_time(connection)
    deleted = connection.execute(sa.delete(TOKENS).where(TOKENS.c.id == token_id)).rowcount == 1
    note(connection, audit if deleted else None)
    return deleted


def _token(row: sa.RowMapping) -> Token:
    values: dict[str, Any] = {column.name: row[column] for column in TOKENS.c}
    scopes = frozenset(map(Action, values["scopes"]))
    return Token(**values | {"role": Role(values["role"]), "scopes": scopes})


# ------------------------------------------------------------------------------------------------------ write keys


def write_keys(connection: sa.Connection, source: str | None = None) -> list[WriteKey]:
    query = sa.select(WRITE_KEYS).order_by(WRITE_KEYS.c.source, WRITE_KEYS.c.created_at, WRITE_KEYS.c.id)
    if source is not None:
        query = query.where(WRITE_KEYS.c.source == source)
    return [WriteKey(**row) for row in connection.execute(query).mappings()]


def create_write_key(connection: sa.Connection, key: WriteKey, *, audit: Change | None = None) -> None:
    note(connection, audit)
    bump(connection)
    connection.execute(sa.insert(WRITE_KEYS).values(asdict(key)))


def delete_write_key(connection: sa.Connection, key_id: str, *, audit: Change | None = None) -> bool:
    one_at_a_time(connection)
    deleted = connection.execute(sa.delete(WRITE_KEYS).where(WRITE_KEYS.c.id == key_id)).rowcount == 1
    if deleted:
        note(connection, audit)
        bump(connection)
    return deleted


class PeopleVerbs(Verbs):
    """A `headrace.people.PeopleStore`."""

    users = reads(users)
    user = reads(user)
    user_by_email = reads(user_by_email)
    user_by_subject = reads(user_by_subject)
    create_user = writes(create_user)
    update_user = writes(update_user)
    set_password = writes(set_password)
    rehash = writes(rehash)
    link_user = writes(link_user)
    delete_user = writes(delete_user)

    create_code = writes(create_code)
    code = reads(code)
    use_code = writes(use_code)

    create_session = writes(create_session)
    session = reads(session)
    sessions = reads(sessions)
    touch_session = writes(touch_session)
    delete_session = writes(delete_session)
    delete_sessions = writes(delete_sessions)
    forget_sessions = writes(forget_sessions)

    tokens = reads(tokens)
    token = reads(token)
    create_token = writes(create_token)
    touch_token = writes(touch_token)
    delete_token = writes(delete_token)

    write_keys = reads(write_keys)
    create_write_key = writes(create_write_key)
    delete_write_key = writes(delete_write_key)

    log = writes(log)
    audit = reads(entries)
    verify_audit = reads(verify)
