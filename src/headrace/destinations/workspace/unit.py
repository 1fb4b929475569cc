"""The unit of work: what one batch reads and changes, in memory until it is flushed into the open transaction.

Everything a batch will ask for is fetched with a few large queries; rules then work on plain objects; what they
changed is written with one ``executemany`` per table. A question that was not foreseen flushes first and asks the
database, so that the answer is always right and only its speed depends on the foresight.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from headrace.destinations.workspace.index import Index, in_parts
from headrace.destinations.workspace.records import (
    Call,
    Person,
    Record,
    Relationship,
    Thing,
    When,
    email_of,
    text_of,
    to_json,
)

ObjectKey = tuple[str, str]  # object_type_id, object_id
RelationshipKey = tuple[int, str, str]  # person_id, object_type_id, object_id

_ID_BY_USER_ID = "SELECT user_id, id FROM people WHERE user_id IN ({})"
_ID_BY_EMAIL = "SELECT email, min(id) FROM people WHERE email IN ({}) GROUP BY email"
_ID_BY_ANONYMOUS_ID = "SELECT anonymous_id, person_id FROM anonymous_ids WHERE anonymous_id IN ({})"
_PEOPLE = "SELECT * FROM people WHERE id IN ({})"
_OBJECTS = """SELECT object_type_id, object_id, attributes, attribute_times, created_at, updated_at, message_id
              FROM objects WHERE (object_type_id, object_id) IN (VALUES {})"""
_RELATIONSHIPS = """SELECT person_id, object_type_id, object_id,
                           attributes, attribute_times, created_at, updated_at, message_id
                    FROM relationships WHERE (person_id, object_type_id, object_id) IN (VALUES {})"""

_PUT_PERSON = """INSERT INTO people VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
    user_id = excluded.user_id, email = excluded.email,
    attributes = excluded.attributes, attribute_times = excluded.attribute_times,
    created_at = excluded.created_at, updated_at = excluded.updated_at, message_id = excluded.message_id"""
_PUT_ANONYMOUS_ID = "INSERT OR REPLACE INTO anonymous_ids VALUES (?, ?)"
_CHANGED = """attributes = excluded.attributes, attribute_times = excluded.attribute_times,
    updated_at = excluded.updated_at, message_id = excluded.message_id"""
_PUT_OBJECT = f"INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET {_CHANGED}"
_PUT_RELATIONSHIP = f"INSERT INTO relationships VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET {_CHANGED}"
_ADD_EVENT = "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_ACTIVITY = "INSERT INTO activities VALUES (NULL, ?, ?, ?, ?)"


class Unit:
    """People, objects and relationships as one batch sees them, inside a transaction that the caller opened."""

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self.now = now  # Unix milliseconds
        self.by_user_id: Index[str, Person] = Index(lambda keys: self._load_people(_ID_BY_USER_ID, keys))
        self.by_email: Index[str, Person] = Index(lambda keys: self._load_people(_ID_BY_EMAIL, keys))
        self.by_anonymous_id: Index[str, Person] = Index(lambda keys: self._load_people(_ID_BY_ANONYMOUS_ID, keys))
        self.objects: Index[ObjectKey, Thing] = Index(self._load_objects)
        self.relationships: Index[RelationshipKey, Relationship] = Index(self._load_relationships)
        self.suppressed: Index[str, bool] = Index(self._load_suppressed)
        self._connection = connection
        self._people: dict[int, Person] = {}  # every person that was read or made, once
        self._next_id = self._one("SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'people'")
        self._changed_people: dict[int, Person] = {}
        self._changed_links: dict[str, int] = {}
        self._changed_objects: dict[ObjectKey, Thing] = {}
        self._changed_relationships: dict[RelationshipKey, Relationship] = {}
        self._events: list[tuple[Any, ...]] = []
        self._activities: list[tuple[Any, ...]] = []

    def unseen(self, calls: Iterable[Call]) -> list[Call]:
        """The calls whose ``message_id`` was never applied, the first of each; they count as applied from now on."""
        first: dict[str, Call] = {}
        for call in calls:
            first.setdefault(call.message_id, call)
        for part in in_parts(list(first)):
            query = f"SELECT message_id FROM messages WHERE message_id IN ({_marks(part)})"
            for (seen,) in self._connection.execute(query, part).fetchall():
                del first[seen]
        self._connection.executemany("INSERT INTO messages VALUES (?)", [(key,) for key in first])
        return list(first.values())

    # people -----------------------------------------------------------------------------------------------------

    def create_person(self, moment: When, message_id: str) -> Person:
        person = Person(moment.at, moment.at, message_id, id=self._next_id)
        self._next_id += 1
        self._people[person.id] = person
        self._changed_people[person.id] = person
        return person

    def name_person(self, person: Person, user_id: str) -> None:
        """Give a person without one their user id."""
        person.user_id = user_id
        self.by_user_id.put(user_id, person)
        self._changed_people[person.id] = person

    def change_person(self, person: Person, given: dict[str, Any], moment: When, message_id: str) -> None:
        person.change(given, moment, message_id)
        self._changed_people[person.id] = person
        self._email_may_have_changed(person)

    def link(self, anonymous_id: str, person: Person) -> None:
        """From now on the anonymous id means this person."""
        if self.by_anonymous_id.find(anonymous_id) is not person:
            self.by_anonymous_id.put(anonymous_id, person)
            self._changed_links[anonymous_id] = person.id

    def merge(self, primary: Person, secondary: Person) -> None:
        """Move all that the secondary has to the primary, who wins where both have it; delete the secondary."""
        primary.fill(secondary)
        self._changed_people[primary.id] = primary
        self._email_may_have_changed(primary)
        self.flush()
        execute = self._connection.execute
        anonymous_ids = self._anonymous_ids(secondary)
        move = (primary.id, secondary.id)
        for table in ("anonymous_ids", "events", "devices"):
            execute(f"UPDATE {table} SET person_id = ? WHERE person_id = ?", move)
        execute("UPDATE OR IGNORE relationships SET person_id = ? WHERE person_id = ?", move)
        self._delete_person(secondary)
        for anonymous_id in anonymous_ids:
            self.by_anonymous_id.put(anonymous_id, primary)

    def erase(self, person: Person) -> None:
        """Delete a person with all that belongs to them: attributes, events, relationships, devices."""
        self.flush()
        for anonymous_id in self._anonymous_ids(person):
            self.by_anonymous_id.put(anonymous_id, None)
        self._delete_person(person)

    def _delete_person(self, person: Person) -> None:
        self._connection.execute("DELETE FROM people WHERE id = ?", (person.id,))
        del self._people[person.id]
        if person.user_id is not None:
            self.by_user_id.put(person.user_id, None)
        self.by_email.forget(person.email)
        self.relationships.clear()

    def _anonymous_ids(self, person: Person) -> list[str]:
        rows = self._connection.execute("SELECT anonymous_id FROM anonymous_ids WHERE person_id = ?", (person.id,))
        return [anonymous_id for (anonymous_id,) in rows]

    def _email_may_have_changed(self, person: Person) -> None:
        old, new = person.email, email_of(person.attributes)
        if old == new:
            return
        person.email = new
        self.by_email.forget(old)  # somebody else may have it, too: ask when it is wanted
        if new is not None and self.by_email.knows(new):
            owner = self.by_email.find(new)
            if owner is None or owner.id > person.id:
                self.by_email.put(new, person)

    # objects and relationships ------------------------------------------------------------------------------------

    def change_object(self, key: ObjectKey, given: dict[str, Any], moment: When, message_id: str) -> None:
        """Create or change an object."""
        thing = self.objects.find(key)
        if thing is None:
            thing = Thing(moment.at, moment.at, message_id, object_type_id=key[0], object_id=key[1])
            self.objects.put(key, thing)
        thing.change(given, moment, message_id)
        self._changed_objects[key] = thing

    def relate(self, person: Person, key: ObjectKey, given: dict[str, Any], moment: When, message_id: str) -> None:
        """Create or change the relationship of a person to an object."""
        pair = (person.id, *key)
        relationship = self.relationships.find(pair)
        if relationship is None:
            relationship = Relationship(moment.at, moment.at, message_id, {}, {}, *pair)
            self.relationships.put(pair, relationship)
        relationship.change(given, moment, message_id)
        self._changed_relationships[pair] = relationship

    def unrelate(self, person: Person, key: ObjectKey) -> None:
        self.flush()
        where = "person_id = ? AND object_type_id = ? AND object_id = ?"
        self._connection.execute(f"DELETE FROM relationships WHERE {where}", (person.id, *key))
        self.relationships.put((person.id, *key), None)

    def delete_object(self, key: ObjectKey) -> None:
        """Delete an object and the relationships to it."""
        self.flush()
        self._connection.execute("DELETE FROM objects WHERE object_type_id = ? AND object_id = ?", key)
        self.objects.put(key, None)
        self.relationships.clear()

    # devices, suppressions, history -------------------------------------------------------------------------------

    def put_device(self, person: Person, device: dict[str, Any], at: int) -> None:
        """Create or change a device; a token belongs to one person, the last who used it."""
        self.flush()
        rest = {name: value for name, value in device.items() if name not in ("token", "type")}
        put = """INSERT INTO devices VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
            person_id = excluded.person_id, platform = excluded.platform,
            attributes = excluded.attributes, updated_at = excluded.updated_at"""
        row = (text_of(device["token"]), person.id, text_of(device.get("type")), to_json(rest), at, at)
        self._connection.execute(put, row)

    def delete_device(self, person: Person, token: str) -> None:
        self._connection.execute("DELETE FROM devices WHERE token = ? AND person_id = ?", (token, person.id))

    def suppress(self, user_id: str, at: int) -> None:
        """Take no more calls for this user id."""
        self._connection.execute("INSERT OR IGNORE INTO suppressions VALUES (?, ?)", (user_id, at))
        self.suppressed.put(user_id, True)

    def unsuppress(self, user_id: str) -> None:
        self._connection.execute("DELETE FROM suppressions WHERE user_id = ?", (user_id,))
        self.suppressed.put(user_id, None)

    def add_merge(self, primary_id: str, previous_id: str, at: int, message_id: str) -> None:
        row = (primary_id, previous_id, at, message_id)
        self._connection.execute("INSERT INTO merges VALUES (NULL, ?, ?, ?, ?)", row)

    def add_event(self, kind: str, call: Call, person: Person | None) -> None:
        person_id = None if person is None else person.id
        at = self.now if call.timestamp is None else call.timestamp
        head = (call.message_id, kind, call.name, call.category, person_id)
        named = (call.user_id, call.anonymous_id, call.group_id)
        self._events.append((*head, *named, at, self.now, call.body, call.context))

    def add_activity(self, kind: str, subject: str | None, call: Call) -> None:
        """Note that a call was taken and had no effect."""
        self._activities.append((kind, subject, self.now, call.message_id))

    # reading and writing ------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write all that changed so far into the transaction."""
        if self._changed_people:
            self._put(_PUT_PERSON, [_person_row(person) for person in self._changed_people.values()])
            self._changed_people.clear()
        if self._changed_links:
            self._put(_PUT_ANONYMOUS_ID, self._changed_links.items())
            self._changed_links.clear()
        if self._changed_objects:
            self._put(_PUT_OBJECT, [(*key, *_tail(thing)) for key, thing in self._changed_objects.items()])
            self._changed_objects.clear()
        if self._changed_relationships:
            changed = self._changed_relationships.items()
            self._put(_PUT_RELATIONSHIP, [(*key, *_tail(relationship)) for key, relationship in changed])
            self._changed_relationships.clear()
        if self._events:
            self._put(_ADD_EVENT, self._events)
            self._events.clear()
        if self._activities:
            self._put(_ADD_ACTIVITY, self._activities)
            self._activities.clear()

    def _put(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(statement, rows)

    def _one(self, query: str) -> int:
        return int(self._connection.execute(query).fetchone()[0])

    def _load_people(self, query: str, keys: Sequence[str]) -> Iterable[tuple[str, Person]]:
        self.flush()
        ids: dict[str, int] = dict(self._connection.execute(query.format(_marks(keys)), keys))
        missing = [one for one in set(ids.values()) if one not in self._people]
        for row in self._connection.execute(_PEOPLE.format(_marks(missing)), missing):
            self._people[row[0]] = _person(row)
        return [(key, self._people[person_id]) for key, person_id in ids.items()]

    def _load_objects(self, keys: Sequence[ObjectKey]) -> Iterable[tuple[ObjectKey, Thing]]:
        self.flush()
        marks = _marks(keys, "(?, ?)")
        for type_id, object_id, *row in self._connection.execute(_OBJECTS.format(marks), _flat(keys)):
            yield (type_id, object_id), Thing(*_head(row), type_id, object_id)

    def _load_relationships(self, keys: Sequence[RelationshipKey]) -> Iterable[tuple[RelationshipKey, Relationship]]:
        self.flush()
        marks = _marks(keys, "(?, ?, ?)")
        for person_id, type_id, object_id, *row in self._connection.execute(_RELATIONSHIPS.format(marks), _flat(keys)):
            key = (person_id, type_id, object_id)
            yield key, Relationship(*_head(row), *key)

    def _load_suppressed(self, keys: Sequence[str]) -> Iterable[tuple[str, bool]]:
        query = f"SELECT user_id FROM suppressions WHERE user_id IN ({_marks(keys)})"
        return [(user_id, True) for (user_id,) in self._connection.execute(query, keys)]


def _person(row: tuple[Any, ...]) -> Person:
    person_id, user_id, email, *rest = row
    return Person(*_head(rest), person_id, user_id, email)


def _person_row(person: Person) -> tuple[Any, ...]:
    return (person.id, person.user_id, person.email, *_tail(person))


def _tail(record: Record) -> tuple[Any, ...]:
    """The columns that people, objects and relationships share."""
    attributes, times = to_json(record.attributes), to_json(record.times)
    return (attributes, times, record.created_at, record.updated_at, record.message_id)


def _head(row: Sequence[Any]) -> tuple[int, int, str, dict[str, Any], dict[str, int]]:
    """The same columns as the arguments of a `Record`."""
    attributes, times, created_at, updated_at, message_id = row
    return (created_at, updated_at, message_id, orjson.loads(attributes), orjson.loads(times))


def _marks(keys: Sequence[object], one: str = "?") -> str:
    return ", ".join([one] * len(keys))


def _flat(keys: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [value for key in keys for value in key]
