"""Looking into a workspace: read-only, also while it is written. Blocking; every answer is a frozen value."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import orjson

from headrace.destinations.workspace.schema import ForeignFile, connect_read_only
from headrace.errors import HeadraceError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999  # Unix milliseconds of the years 1 and 9999


@dataclass(frozen=True, slots=True)
class WorkspaceCounts:
    people: int  # with a user id or an e-mail address
    anonymous: int  # people known by an anonymous id only
    objects: int
    relationships: int
    events: int
    devices: int
    suppressions: int
    merges: int
    activities: int  # calls taken without effect
    messages: int  # calls ever applied


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """``id`` is internal; ``user_id`` is null for loose and anonymous people. ``email`` is lower-case."""

    id: int
    user_id: str | None
    email: str | None
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    message_id: str  # of the call that changed the person last


@dataclass(frozen=True, slots=True)
class ObjectSummary:
    """``id`` is the file's own."""

    id: int
    object_type_id: str
    object_id: str
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    message_id: str
    people: int  # how many relate to it


@dataclass(frozen=True, slots=True)
class RelationshipView:
    """``id`` is the file's own."""

    id: int
    person_id: int
    user_id: str | None
    email: str | None
    object_type_id: str
    object_id: str
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class EventView:
    """``person_id`` says whose event it is now; the three ids behind it are as the call gave them. ``id`` grows."""

    id: int
    message_id: str
    kind: str  # track | page | screen
    name: str | None
    category: str | None
    person_id: int | None
    user_id: str | None
    anonymous_id: str | None
    group_id: str | None
    occurred_at: datetime
    received_at: datetime
    properties: dict[str, Any]
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeviceView:
    token: str
    person_id: int
    platform: str | None
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PersonView:
    """All that is known of one person; events newest first."""

    person: PersonSummary
    anonymous_ids: tuple[str, ...]
    relationships: tuple[RelationshipView, ...]
    devices: tuple[DeviceView, ...]
    events: tuple[EventView, ...]


@dataclass(frozen=True, slots=True)
class ActivityView:
    """A call that was taken and had no effect: ``kind`` says why, ``subject`` whom it was about."""

    kind: str
    subject: str | None
    occurred_at: datetime
    message_id: str


@dataclass(frozen=True, slots=True)
class MergeView:
    primary_id: str
    previous_id: str
    merged_at: datetime
    message_id: str


class WorkspaceReader:
    """Questions to a workspace file. Raises `HeadraceError` if there is none; close it, or use ``with``."""

    def __init__(self, path: Path) -> None:
        try:
            self._connection = connect_read_only(path)
        except ForeignFile as error:
            raise HeadraceError(str(error), code="not_a_workspace") from None
        except sqlite3.Error as error:
            message = f"The workspace cannot be read: {path}: {error}. Run a sync into it first, or name another path."
            raise HeadraceError(message, code="workspace_unreadable") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def interrupt(self) -> None:
        """Make the running question fail; the one method for another thread."""
        self._connection.interrupt()

    def counts(self) -> WorkspaceCounts:
        named = "user_id IS NOT NULL OR email IS NOT NULL"
        tables = ("objects", "relationships", "events", "devices", "suppressions", "merges", "activities", "messages")
        selects = [f"(SELECT count(*) FROM people WHERE {named})", f"(SELECT count(*) FROM people WHERE NOT ({named}))"]
        selects += [f"(SELECT count(*) FROM {table})" for table in tables]
        return WorkspaceCounts(*self._rows(f"SELECT {', '.join(selects)}")[0])

    def people(self, search: str = "", limit: int = 50, before: int | None = None) -> list[PersonSummary]:
        """Those whose user id, e-mail address, anonymous ids or attributes contain ``search`` in any letter case.

        The newest first; ``before`` is the id of the last of the page before.
        """
        query = """SELECT * FROM people WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL
                       OR user_id LIKE ?2 ESCAPE '!' OR email LIKE ?2 ESCAPE '!' OR attributes LIKE ?3 ESCAPE '!'
                       OR id IN (SELECT person_id FROM anonymous_ids WHERE anonymous_id LIKE ?2 ESCAPE '!'))
                   ORDER BY id DESC LIMIT ?4"""
        return [_person(row) for row in self._rows(query, (before, *_searched(search), limit))]

    def person(self, key: str, limit: int = 50) -> PersonView | None:
        """One person by user id, else e-mail address, else anonymous id, with their last ``limit`` events."""
        for condition, value in (
            ("user_id = ?", key),
            ("email = ?", key.strip().lower()),
            ("id = (SELECT person_id FROM anonymous_ids WHERE anonymous_id = ?)", key),
        ):
            rows = self._rows(f"SELECT * FROM people WHERE {condition} ORDER BY id LIMIT 1", (value,))
            if rows:
                return self._view(_person(rows[0]), limit)
        return None

    def person_of_id(self, person_id: int) -> PersonView | None:
        """One person without their events and relationships, which come in pages."""
        rows = self._rows("SELECT * FROM people WHERE id = ?", (person_id,))
        return self._view(_person(rows[0]), 0, 0) if rows else None

    def objects(
        self, object_type_id: str | None = None, limit: int = 50, search: str = "", before: int | None = None
    ) -> list[ObjectSummary]:
        """The newest first; those whose id or attributes contain ``search``."""
        where = """(?1 IS NULL OR object_type_id = ?1) AND (?2 IS NULL OR o.rowid < ?2) AND (?3 IS NULL
                       OR object_id LIKE ?3 ESCAPE '!' OR attributes LIKE ?4 ESCAPE '!')"""
        return self._objects(where, (object_type_id, before, *_searched(search), limit))

    def object_of_id(self, object_id: int) -> ObjectSummary | None:
        return next(iter(self._objects("o.rowid = ?", (object_id, 1))), None)

    def object_types(self) -> dict[str, int]:
        """How many objects there are of each type."""
        return dict(self._rows("SELECT object_type_id, count(*) FROM objects GROUP BY 1 ORDER BY 1"))

    def relationships(
        self, object_type_id: str, object_id: str, limit: int = 50, after: int = 0
    ) -> list[RelationshipView]:
        """Who relates to an object; ``after`` is the id of the last of the page before."""
        wanted = "object_type_id = ? AND object_id = ?"
        return self._relationships(wanted, (object_type_id, object_id), limit, after)

    def relationships_of(self, person_id: int, limit: int = 50, after: int = 0) -> list[RelationshipView]:
        """What a person relates to."""
        return self._relationships("person_id = ?", (person_id,), limit, after)

    def events_of(self, person_id: int, limit: int = 50, before: int | None = None) -> list[EventView]:
        """A person's events, the last received first."""
        query = "SELECT * FROM events WHERE person_id = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3"
        return [_event(row) for row in self._rows(query, (person_id, before, limit))]

    def events(self, limit: int = 50, name: str | None = None) -> list[EventView]:
        """The last received first; of one name if given."""
        rows = self._rows("SELECT * FROM events WHERE ?1 IS NULL OR name = ?1 ORDER BY id DESC LIMIT ?2", (name, limit))
        return [_event(row) for row in rows]

    def activities(self, limit: int = 50) -> list[ActivityView]:
        rows = self._rows(
            "SELECT kind, subject, occurred_at, message_id FROM activities ORDER BY id DESC LIMIT ?", (limit,)
        )
        return [ActivityView(kind, subject, _time(at), message_id) for kind, subject, at, message_id in rows]

    def merges(self, limit: int = 50) -> list[MergeView]:
        rows = self._rows("SELECT * FROM merges ORDER BY id DESC LIMIT ?", (limit,))
        return [MergeView(primary, previous, _time(at), message_id) for _, primary, previous, at, message_id in rows]

    def suppressions(self, limit: int = 50) -> list[str]:
        """User ids of which no calls are taken."""
        return [row[0] for row in self._rows("SELECT user_id FROM suppressions ORDER BY user_id LIMIT ?", (limit,))]

    def _view(self, person: PersonSummary, events: int, relationships: int = -1) -> PersonView:
        mine = (person.id,)
        anonymous = self._rows("SELECT anonymous_id FROM anonymous_ids WHERE person_id = ? ORDER BY 1", mine)
        devices = self._rows("SELECT * FROM devices WHERE person_id = ? ORDER BY rowid", mine)
        return PersonView(
            person,
            tuple(row[0] for row in anonymous),
            tuple(self.relationships_of(person.id, relationships)),
            tuple(_device(row) for row in devices),
            tuple(self.events_of(person.id, events)),
        )

    def _objects(self, where: str, values: Sequence[object]) -> list[ObjectSummary]:
        query = f"""SELECT o.rowid, object_type_id, object_id, attributes, created_at, updated_at, message_id,
                           (SELECT count(*) FROM relationships AS r
                            WHERE r.object_type_id = o.object_type_id AND r.object_id = o.object_id)
                    FROM objects AS o WHERE {where} ORDER BY o.rowid DESC LIMIT ?"""
        return [
            ObjectSummary(row_id, type_id, object_id, _json(attributes), _time(created), _time(updated), *rest)
            for row_id, type_id, object_id, attributes, created, updated, *rest in self._rows(query, values)
        ]

    def _relationships(
        self, condition: str, values: Sequence[object], limit: int, after: int
    ) -> list[RelationshipView]:
        query = f"""SELECT r.rowid, person_id, user_id, email, object_type_id, object_id,
                           r.attributes, r.created_at, r.updated_at
                    FROM relationships AS r JOIN people ON people.id = person_id
                    WHERE {condition} AND r.rowid > ? ORDER BY r.rowid LIMIT ?"""
        return [_relationship(row) for row in self._rows(query, (*values, after, limit))]

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()


def _person(row: Sequence[Any]) -> PersonSummary:
    person_id, user_id, email, attributes, _, created, updated, message_id = row
    return PersonSummary(person_id, user_id, email, _json(attributes), _time(created), _time(updated), message_id)


def _event(row: Sequence[Any]) -> EventView:
    event_id, message_id, kind, name, category, person_id, user_id, anonymous_id, group_id, *rest = row
    occurred, received, properties, context = rest
    who = (person_id, user_id, anonymous_id, group_id)
    when = (_time(occurred), _time(received))
    return EventView(event_id, message_id, kind, name, category, *who, *when, _json(properties), _json(context or "{}"))


def _relationship(row: Sequence[Any]) -> RelationshipView:
    row_id, person_id, user_id, email, type_id, object_id, attributes, created, updated = row
    who = (row_id, person_id, user_id, email)
    return RelationshipView(*who, type_id, object_id, _json(attributes), _time(created), _time(updated))


def _device(row: Sequence[Any]) -> DeviceView:
    token, person_id, platform, attributes, created, updated = row
    return DeviceView(token, person_id, platform, _json(attributes), _time(created), _time(updated))


def _json(text: str) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(text)
    return value


def _time(millis: int) -> datetime:
    """A moment in UTC; what Python's calendar cannot hold becomes its first or last moment."""
    return _EPOCH + timedelta(milliseconds=min(max(millis, _FIRST), _LAST))


def _searched(text: str) -> tuple[str | None, str | None]:
    """LIKE patterns (escape character ``!``) for what contains a text: as it is, and as JSON writes it."""
    return (_containing(text), _containing(orjson.dumps(text).decode()[1:-1])) if text else (None, None)


def _containing(text: str) -> str:
    """A LIKE pattern (escape character ``!``) for text that contains this."""
    for special in "!%_":
        text = text.replace(special, "!" + special)
    return f"%{text}%"
