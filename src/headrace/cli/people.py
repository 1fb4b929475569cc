"""People, tokens, write keys and the audit log, on the store of the project itself."""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from headrace.app import opened, opened_vault
from headrace.cli import show
from headrace.cli.command import asking
from headrace.clock import SystemClock
from headrace.errors import UsageError
from headrace.keep.accounts import (
    differences,
    invite,
    make_token,
    make_write_key,
    new_user,
    told_token,
    told_user,
    told_write_key,
)
from headrace.keep.passwords import Passwords, judge
from headrace.people import Action, Change, Entry, PeopleStore, Role, Token, User, UserEdit, WriteKey

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_clock = SystemClock()


@dataclass(frozen=True, slots=True)
class TokenAsked:
    """What a token is to be; ``days`` None: for ever."""

    name: str
    role: Role | None
    preview: bool
    scopes: frozenset[Action]
    days: int | None


# ---------------------------------------------------------------------------------------------------------- people


async def add_user(project: Path, email: str, name: str, role: Role, preview: bool, json_output: bool) -> int:
    """Make a person and print the code with which they set their password."""
    if not _EMAIL.fullmatch(email):
        raise UsageError(f"{email!r} is no e-mail address.", code="usage")
    user, now = new_user(email, name, role, _clock.now(), preview=preview), _clock.now()
    async with opened_vault(project, os.environ) as (store, _):
        await store.create_user(user, audit=_change("user.create", f"user/{user.email}", after=told_user(user)))
        code, kept = await invite(store, user, now)
    if json_output:
        show.print_json({"user": _user_fact(user), "code": code.reveal(), "expires_at": show.moment(kept.expires_at)})
        return 0
    show.out.print(Text(f"{user.email} is invited, as {role.value}. Within a week they set their password with:"))
    _print(f"  /join#{code.reveal()}   behind the address of the service")
    return 0


async def list_users(project: Path, json_output: bool) -> int:
    """Print everybody."""
    async with opened_vault(project, os.environ) as (store, _):
        users = await store.users()
    if json_output:
        show.print_json({"users": [_user_fact(user) for user in users]})
        return 0
    for user in users:
        marks = [user.role.value, *(["preview"] if user.preview else []), *(["disabled"] if user.disabled else [])]
        _print(f"{user.email}  {', '.join(marks)}")
    if not users:
        show.out.print(Text("There is nobody yet. Add the first: headrace user add EMAIL --role owner --preview"))
    return 0


async def edit_user(project: Path, email: str, edit: UserEdit) -> None:
    """Change what a person may."""
    async with opened_vault(project, os.environ) as (store, _):
        user = await _known(store, email)
        before, after = differences(user, edit)
        if after:
            audit = _change("user.update", f"user/{user.email}", before, after)
            user = await store.update_user(user.id, edit, audit=audit)
    state = "disabled" if user.disabled else f"{user.role.value}, with{'' if user.preview else 'out'} preview"
    show.out.print(Text(f"{user.email} is {state}."))


async def delete_user(project: Path, email: str) -> None:
    """Delete a person."""
    async with opened_vault(project, os.environ) as (store, _):
        user = await _known(store, email)
        await store.delete_user(user.id, audit=_change("user.delete", f"user/{user.email}", told_user(user)))
    show.out.print(Text(f"{user.email} is deleted."))


async def set_password(project: Path, email: str) -> None:
    """Set a person's password, typed in without an echo or read from standard input."""
    async with opened_vault(project, os.environ) as (store, _):
        user = await _known(store, email)
        password = _typed(f"New password of {user.email}")
        judge(password, user.email)
        audit = _change("user.password", f"user/{user.email}")
        await store.set_password(user.id, await Passwords().hashed(password), audit=audit)
    show.out.print(Text(f"{user.email} has a new password. All their sessions have ended."))


def _typed(what: str) -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        with asking():
            return str(click.prompt(what, hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.read().removesuffix("\n").removesuffix("\r") if sys.stdin is not None else ""


async def _known(store: PeopleStore, email: str) -> User:
    user = await store.user_by_email(email.lower())
    if user is None:
        raise UsageError(f"There is no user {email!r}. List them with: headrace user list", code="unknown_user")
    return user


def _user_fact(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "role": user.role.value,
        "preview": user.preview,
        "disabled": user.disabled,
        "created_at": show.moment(user.created_at),
        "last_seen_at": show.moment(user.last_seen_at),
    }


# ----------------------------------------------------------------------------------------------- tokens and write keys


async def create_token(project: Path, email: str, asked: TokenAsked, json_output: bool) -> int:
    """Make a token and print it."""
    async with opened_vault(project, os.environ) as (store, _):
        maker = await _known(store, email)
        text, token = make_token(
            maker, asked.name, _clock.now(),
            role=asked.role, preview=asked.preview, scopes=asked.scopes, days=asked.days,
        )  # fmt: skip
        audit = _change("token.create", f"token/{token.id}", after=told_token(token, maker))
        await store.create_token(token, audit=audit)
    if not json_output:
        show.err.print(Text(f"It is for {maker.email}, {_powers(token)}."))
    _print_secret(text.reveal(), {"token": _token_fact(token, maker.email)}, json_output)
    return 0


async def list_tokens(project: Path, json_output: bool) -> int:
    """Print all tokens, without their texts."""
    async with opened_vault(project, os.environ) as (store, _):
        tokens, emails = await store.tokens(), {user.id: user.email for user in await store.users()}
    if json_output:
        show.print_json({"tokens": [_token_fact(token, emails[token.user]) for token in tokens]})
        return 0
    for token in tokens:
        _print(f"{token.id}  {token.name}  {emails[token.user]}, {_powers(token)}")
    return 0


def _powers(token: Token) -> str:
    """What a token may, and until when: viewer, preview, until 2026-12-24."""
    ends = f"until {token.expires_at:%Y-%m-%d}" if token.expires_at else "for ever"
    scopes = f" ({', '.join(sorted(token.scopes))})" if token.scopes else ""
    return f"{token.role.value}{scopes}, {'preview, ' if token.preview else ''}{ends}"


async def delete_token(project: Path, token_id: str) -> None:
    """Delete a token."""
    async with opened_vault(project, os.environ) as (store, _):
        found = await store.token(token_id)
        audit = _change("token.delete", f"token/{token_id}", told_token(*found) if found else None)
        if not await store.delete_token(token_id, audit=audit):
            raise UsageError(f"There is no token {token_id!r}. See: headrace token list", code="unknown_token")
    show.out.print(Text(f"The token {token_id} is deleted."))


async def create_write_key(project: Path, source: str, name: str, json_output: bool) -> int:
    """Make a write key and print it."""
    async with opened(project, os.environ) as app:
        known = app.project.sources.get(source)
        if known is None or known.type != "http":
            raise UsageError(
                f"There is no source {source!r} of the type http. Only such take calls.", code="unknown_source"
            )
        text, key = make_write_key(source, name, _clock.now())
        audit = _change("write_key.create", f"write_key/{key.id}", after=told_write_key(key))
        await app.store.create_write_key(key, audit=audit)
    _print_secret(text.reveal(), {"key": _key_fact(key)}, json_output)
    return 0


async def list_write_keys(project: Path, json_output: bool) -> int:
    """Print all write keys, without their texts."""
    async with opened_vault(project, os.environ) as (store, _):
        keys = await store.write_keys()
    if json_output:
        show.print_json({"keys": [_key_fact(key) for key in keys]})
        return 0
    for key in keys:
        _print(f"{key.id}  {key.source}  {key.name}")
    return 0


async def delete_write_key(project: Path, key_id: str) -> None:
    """Delete a write key."""
    async with opened_vault(project, os.environ) as (store, _):
        key = next((key for key in await store.write_keys() if key.id == key_id), None)
        audit = _change("write_key.delete", f"write_key/{key_id}", told_write_key(key) if key else None)
        if not await store.delete_write_key(key_id, audit=audit):
            raise UsageError(
                f"There is no write key {key_id!r}. See: headrace write-key list", code="unknown_write_key"
            )
    show.out.print(Text(f"The write key {key_id} is deleted."))


def _print(line: str) -> None:
    """A fact that stays on its line, however narrow the screen."""
    show.out.print(Text(line), soft_wrap=True)


def _print_secret(text: str, fact: dict[str, Any], json_output: bool) -> None:
    """The secret alone on standard output, so that a script can take it."""
    if json_output:
        show.print_json(fact | {"text": text})
        return
    show.err.print(Text("Keep this well: it is shown this once."))
    sys.stdout.write(text + "\n")


def _token_fact(token: Token, email: str) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "user": email,
        "role": token.role.value,
        "preview": token.preview,
        "scopes": sorted(token.scopes),
        "created_at": show.moment(token.created_at),
        "expires_at": show.moment(token.expires_at),
        "last_used_at": show.moment(token.last_used_at),
    }


def _key_fact(key: WriteKey) -> dict[str, Any]:
    return {"id": key.id, "source": key.source, "name": key.name, "created_at": show.moment(key.created_at)}


# ------------------------------------------------------------------------------------------------------- audit log


async def list_audit(project: Path, limit: int, thing: str | None, actor: str | None, json_output: bool) -> int:
    """Print the newest entries."""
    async with opened_vault(project, os.environ) as (store, _):
        entries = await store.audit(limit=limit, thing=thing, actor=actor)
    for entry in entries:
        if json_output:
            show.print_json_line(_entry_fact(entry))
        else:
            change = entry.change
            via = f"  ({change.via})" if change.via else ""
            what = f"{change.actor}  {change.action}  {change.thing}{via}"
            _print(f"{entry.seq}  {change.at:%Y-%m-%d %H:%M:%S}Z  {what}")
    return 0


async def verify_audit(project: Path, json_output: bool) -> int:
    """Check the chain; 1 where it is broken."""
    async with opened_vault(project, os.environ) as (store, _):
        newest, broken = await store.audit(limit=1), await store.verify_audit()
    seq, found = (newest[0].seq, newest[0].hash) if newest else (0, "")
    if json_output:
        show.print_json({"ok": broken is None, "broken": broken, "newest": seq, "hash": found})
    elif broken is not None:
        show.out.print(Text(f"The log was tampered with: entry {broken} was changed, or is missing.", "red"))
    else:
        _print(f"All {seq} entries are as they were written. The newest has the hash {found}")
    return 0 if broken is None else 1


def _entry_fact(entry: Entry) -> dict[str, Any]:
    change = entry.change
    return {
        "seq": entry.seq,
        "at": show.moment(change.at),
        "actor": change.actor,
        "action": change.action,
        "thing": change.thing,
        "via": change.via,
        "before": change.before,
        "after": change.after,
        "hash": entry.hash,
    }


def _change(
    action: str, thing: str, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None
) -> Change:
    """An entry by whoever uses this machine's command line."""
    return Change(_clock.now(), f"local:{_who()}", action, thing, "command line", before, after)


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return str(os.getuid())
