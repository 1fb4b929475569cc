"""Definitions in the store: what was made in the page or by the API, the versions of syncs, and answers to repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.definitions import Definition, Kind, Noted, Version, bare, same_spec
from headrace.errors import Conflict
from headrace.people import Change
from headrace.store import generation
from headrace.store.audit import note
from headrace.store.ledger import insert
from headrace.store.service_tables import ALERTS, ANSWERED, DEFINITIONS, RETRIES, VERSIONS, WRITE_KEYS
from headrace.store.tables import SYNCS
from headrace.store.verbs import Verbs, reads, writes

_AT_ONCE = 500  # names in one query

# ----------------------------------------------------------------------------------------------------- definitions


def definitions(connection: sa.Connection) -> list[Definition]:
    query = sa.select(DEFINITIONS).order_by(DEFINITIONS.c.kind, DEFINITIONS.c.name)
    return [_definition(row) for row in connection.execute(query)]


def definition(connection: sa.Connection, kind: Kind, name: str) -> Definition | None:
    row = connection.execute(sa.select(DEFINITIONS).where(*_at(kind, name))).one_or_none()
    return None if row is None else _definition(row)


def create_definition(connection: sa.Connection, definition: Definition, *, audit: Change | None = None) -> None:
    new = insert(connection, DEFINITIONS).values(_values(definition)).on_conflict_do_nothing()
    if connection.execute(new.returning(DEFINITIONS.c.name)).first() is None:
        raise Conflict(
            f"There is a {definition.kind} {definition.name!r} already. Choose another name, or edit that one.",
            code="name_taken",
        )
    _changed(connection, audit)


def update_definition(connection: sa.Connection, definition: Definition, *, audit: Change | None = None) -> None:
    below = (*_at(definition.kind, definition.name), DEFINITIONS.c.version == definition.version - 1)
    if connection.execute(sa.update(DEFINITIONS).where(*below).values(_values(definition))).rowcount != 1:
        raise _edited(definition.kind, definition.name)
    _changed(connection, audit)


def delete_definition(
    connection: sa.Connection, kind: Kind, name: str, version: int, *, audit: Change | None = None
) -> None:
    same = (*_at(kind, name), DEFINITIONS.c.version == version)
    if connection.execute(sa.delete(DEFINITIONS).where(*same)).rowcount != 1:
        raise _edited(kind, name)
    if kind is Kind.SYNC:
        _begin_anew(connection, name)
    if kind is Kind.SOURCE:
        connection.execute(sa.delete(WRITE_KEYS).where(WRITE_KEYS.c.source == name))
    _changed(connection, audit)


def _begin_anew(connection: sa.Connection, sync: str) -> None:
    """Whoever makes a sync of this name again begins from the start. A run of the old one must not undo that."""
    fresh = {
        "cursor": 0, "cursor_edits": SYNCS.c.cursor_edits + 1, "columns": [], "enabled": None, "terms": None,
        "next_due": None, "after_run": None, "overruns": 0,
    }  # fmt: skip
    connection.execute(sa.update(SYNCS).where(SYNCS.c.name == sync).values(fresh))
    for table in (RETRIES, ALERTS):
        connection.execute(sa.delete(table).where(table.c.sync == sync))


def _changed(connection: sa.Connection, audit: Change | None) -> None:
    note(connection, audit)
    generation.bump(connection)


def _edited(kind: Kind, name: str) -> Conflict:
    return Conflict(
        f"The {kind} {name!r} was edited or deleted by somebody else. Look at it again, then make your change.",
        code="edited",
    )


def _at(kind: Kind, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return DEFINITIONS.c.kind == kind.value, DEFINITIONS.c.name == name


def _values(definition: Definition) -> dict[str, Any]:
    return {
        "kind": definition.kind.value,
        "name": definition.name,
        "version": definition.version,
        "body": dict(definition.body),
        "updated_at": definition.updated_at,
        "updated_by": definition.updated_by,
    }


def _definition(row: sa.Row[Any]) -> Definition:
    return Definition(Kind(row.kind), row.name, row.version, row.body, row.updated_at, row.updated_by)


# -------------------------------------------------------------------------------------------------------- versions


def note_version(connection: sa.Connection, sync: str, spec: Mapping[str, Any], at: datetime, by: str) -> int:
    return note_versions(connection, [Noted(sync, spec, at, by)])[sync]


def note_versions(connection: sa.Connection, noted: Sequence[Noted]) -> dict[str, int]:
    """Of two processes that note the same at once, one makes the version and the other finds it."""
    newest: dict[str, int] = {}
    waiting = {each.sync: each for each in sorted(noted, key=lambda each: each.sync)}  # all lock rows in one order
    while waiting:
        found = _newest(connection, list(waiting))
        for name in [
            name for name, each in waiting.items() if name in found and same_spec(found[name].spec, each.spec)
        ]:
            newest[name] = found[name].version
            del waiting[name]
        rows = [_version_values(each, found.get(name)) for name, each in waiting.items()]
        if rows:
            connection.execute(insert(connection, VERSIONS).on_conflict_do_nothing(), rows)
    return newest


def newest_versions(connection: sa.Connection, syncs: Sequence[str]) -> dict[str, Version]:
    return _newest(connection, syncs)


def versions(connection: sa.Connection, sync: str) -> list[Version]:
    query = sa.select(VERSIONS).where(VERSIONS.c.sync == sync).order_by(VERSIONS.c.version.desc())
    return [_version(row) for row in connection.execute(query)]


def _newest(connection: sa.Connection, syncs: Sequence[str]) -> dict[str, Version]:
    """The newest version of each sync that has one."""
    found: dict[str, Version] = {}
    for first in range(0, len(syncs), _AT_ONCE):
        top = (
            sa.select(VERSIONS.c.sync, sa.func.max(VERSIONS.c.version).label("version"))
            .where(VERSIONS.c.sync.in_(syncs[first : first + _AT_ONCE]))
            .group_by(VERSIONS.c.sync)
            .subquery()
        )
        query = sa.select(VERSIONS).join(
            top, sa.and_(VERSIONS.c.sync == top.c.sync, VERSIONS.c.version == top.c.version)
        )
        found |= {row.sync: _version(row) for row in connection.execute(query)}
    return found


def _version_values(noted: Noted, newest: Version | None) -> dict[str, Any]:
    number = newest.version + 1 if newest else 1
    return {"sync": noted.sync, "version": number, "spec": bare(noted.spec), "at": noted.at, "by": noted.by}


def _version(row: sa.Row[Any]) -> Version:
    return Version(row.sync, row.version, row.spec, row.at, row.by)


# --------------------------------------------------------------------------------------------------------- answers


def remember(connection: sa.Connection, key: str, request: str, status: int, body: str, at: datetime) -> None:
    new = insert(connection, ANSWERED).values(key=key, request=request, status=status, body=body, at=at)
    connection.execute(new.on_conflict_do_nothing())


def recall(connection: sa.Connection, key: str) -> tuple[str, int, str] | None:
    row = connection.execute(sa.select(ANSWERED).where(ANSWERED.c.key == key)).one_or_none()
    return None if row is None else (row.request, row.status, row.body)


def forget_answered(connection: sa.Connection, before: datetime) -> int:
    return connection.execute(sa.delete(ANSWERED).where(ANSWERED.c.at < before)).rowcount


class DefinitionVerbs(Verbs):
    """`headrace.definitions.DefinitionStore` on a SQL database."""

    definitions = reads(definitions)
    definition = reads(definition)
    create_definition = writes(create_definition)
    update_definition = writes(update_definition)
    delete_definition = writes(delete_definition)

    note_version = writes(note_version)
    note_versions = writes(note_versions)
    newest_versions = reads(newest_versions)
    versions = reads(versions)
    generation = reads(generation.generation)

    remember = writes(remember)
    recall = reads(recall)
    forget_answered = writes(forget_answered)
