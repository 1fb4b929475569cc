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
    object_type_id: str
    object_id: str
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    message_id: str
    people: int  # how many relate to it


@dataclass(frozen=True, slots=True)
class RelationshipView:
    person_id: int
    user_id: str | None
    object_type_id: str
    object_id: str
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class EventView:
    """``person_id`` says whose event it is now; the other three ids are as the call gave them."""

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

    def counts(self) -> WorkspaceCounts:
        named = "user_id IS NOT NULL OR email IS NOT NULL"
        tables = ("objects", "relationships", "events", "devices", "suppressions", "merges", "activities", "messages")
        selects = [f"(SELECT count(*) FROM people WHERE {named})", f"(SELECT count(*) FROM people WHERE NOT ({named}))"]
        selects += [f"(SELECT count(*) FROM {table})" for table in tables]
        return WorkspaceCounts(*self._rows(f"SELECT {', '.join(selects)}")[0])

    def people(self, search: str = "", limit: int = 50) -> list[PersonSummary]:
        """Those whose user id, e-mail address or attributes contain ``search`` in any letter case; the newest first."""
        where, values = "", []
        if search:
            where = "WHERE " + " OR ".join(f"{name} LIKE ? ESCAPE '!'" for name in ("user_id", "email", "attributes"))
            values = [_containing(search)] * 3
        rows = self._rows(f"SELECT * FROM people {where} ORDER BY id DESC LIMIT ?", (*values, limit))
        return [_person(row) for row in rows]

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

    def objects(self, object_type_id: str | None = None, limit: int = 50) -> list[ObjectSummary]:
        """The newest first."""
        query = """SELECT *, (SELECT count(*) FROM relationships AS r
                              WHERE r.object_type_id = o.object_type_id AND r.object_id = o.object_id)
                   FROM objects AS o WHERE ?1 IS NULL OR object_type_id = ?1 ORDER BY rowid DESC LIMIT ?2"""
        return [
            ObjectSummary(type_id, object_id, _json(attributes), _time(created), _time(updated), message_id, people)
            for type_id, object_id, attributes, _, created, updated, message_id, people in self._rows(
                query, (object_type_id, limit)
            )
        ]

    def relationships(self, object_type_id: str, object_id: str, limit: int = 50) -> list[RelationshipView]:
        """Who relates to an object."""
        return self._relationships("object_type_id = ? AND object_id = ?", (object_type_id, object_id), limit)

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

    def _view(self, person: PersonSummary, limit: int) -> PersonView:
        mine = (person.id,)
        anonymous = self._rows("SELECT anonymous_id FROM anonymous_ids WHERE person_id = ? ORDER BY 1", mine)
        devices = self._rows("SELECT * FROM devices WHERE person_id = ? ORDER BY rowid", mine)
        events = self._rows("SELECT * FROM events WHERE person_id = ? ORDER BY id DESC LIMIT ?", (person.id, limit))
        return PersonView(
            person,
            tuple(row[0] for row in anonymous),
            tuple(self._relationships("person_id = ?", mine, -1)),
            tuple(_device(row) for row in devices),
            tuple(_event(row) for row in events),
        )

    def _relationships(self, condition: str, values: Sequence[object], limit: int) -> list[RelationshipView]:
        query = f"""SELECT person_id, user_id, object_type_id, object_id, r.attributes, r.created_at, r.updated_at
                    FROM relationships AS r JOIN people ON people.id = person_id
                    WHERE {condition} ORDER BY r.rowid LIMIT ?"""
        return [
            RelationshipView(person_id, user_id, type_id, object_id, _json(attributes), _time(created), _time(updated))
            for person_id, user_id, type_id, object_id, attributes, created, updated in self._rows(
                query, (*values, limit)
            )
        ]

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()


def _person(row: Sequence[Any]) -> PersonSummary:
    person_id, user_id, email, attributes, _, created, updated, message_id = row
    return PersonSummary(person_id, user_id, email, _json(attributes), _time(created), _time(updated), message_id)


def _event(row: Sequence[Any]) -> EventView:
    _, message_id, kind, name, category, person_id, user_id, anonymous_id, group_id, *rest = row
    occurred, received, properties, context = rest
    who = (person_id, user_id, anonymous_id, group_id)
    when = (_time(occurred), _time(received))
    return EventView(message_id, kind, name, category, *who, *when, _json(properties), _json(context or "{}"))


def _device(row: Sequence[Any]) -> DeviceView:
    token, person_id, platform, attributes, created, updated = row
    return DeviceView(token, person_id, platform, _json(attributes), _time(created), _time(updated))


def _json(text: str) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(text)
    return value


def _time(millis: int) -> datetime:
    """A moment in UTC; what Python's calendar cannot hold becomes its first or last moment."""
    return _EPOCH + timedelta(milliseconds=min(max(millis, _FIRST), _LAST))


def _containing(text: str) -> str:
    """A LIKE pattern (escape character ``!``) for text that contains this."""
    for special in "!%_":
        text = text.replace(special, "!" + special)
    return f"%{text}%"
