"""What a workspace holds while a batch is applied: calls, people, objects, relationships, and how attributes change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from headrace.calls.batch import CallsBatch

PREFERENCES = "cio_subscription_preferences"
_DOTTED = PREFERENCES + "."


class Call(NamedTuple):
    """One call, as the columns of a calls batch hold it. ``timestamp`` is in Unix milliseconds."""

    message_id: str
    user_id: str | None
    anonymous_id: str | None
    group_id: str | None
    previous_id: str | None
    name: str | None
    category: str | None
    object_type_id: str | None
    timestamp: int | None
    context: str | None
    body: str


def read_calls(calls: CallsBatch) -> Iterator[Call]:
    """The calls of a batch, one by one. An empty identifier counts as none."""
    values = [_values(calls, name) for name in Call._fields]
    return map(Call._make, zip(*values, strict=False))  # columns that are absent repeat None without end


def _values(calls: CallsBatch, name: str) -> Any:
    column = calls.column(name)
    if column is None:
        return repeat(None)
    if name == "timestamp":
        return column.cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_pylist()
    values = column.to_pylist()
    return [value or None for value in values] if name.endswith("_id") else values


class When(NamedTuple):
    """The moment of a change, in Unix milliseconds; ``stamped`` if the call itself told it."""

    at: int
    stamped: bool


def when(call: Call, now: int) -> When:
    """A call without timestamp happens on receipt, and so does one from the future: it must not win for ever."""
    if call.timestamp is None:
        return When(now, False)
    return When(min(call.timestamp, now), True)


@dataclass(slots=True, eq=False)
class Record:
    """Attributes with the time each of them was last set or removed."""

    created_at: int
    updated_at: int
    message_id: str
    attributes: dict[str, Any] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)

    def change(self, given: Mapping[str, Any], moment: When, message_id: str) -> None:
        """Set what is given, top level by top level; null and ``""`` remove.

        A call with a timestamp leaves alone what was set or removed at a later time.
        """
        at, stamped = moment
        attributes, times = self.attributes, self.times
        for name, value in given.items():
            if stamped and times.get(name, at) > at:
                continue
            times[name] = at
            if value is None or value == "":
                attributes.pop(name, None)
            elif name == PREFERENCES and isinstance(value, dict):
                attributes[name] = _laid_over(attributes.get(name), value)
            else:
                attributes[name] = value
        self.updated_at = max(self.updated_at, at)
        self.message_id = message_id

    def fill(self, other: Record) -> None:
        """Take over the attributes of ``other`` that this record never had."""
        for name, at in other.times.items():
            if name not in self.times:
                self.times[name] = at
                if name in other.attributes:
                    self.attributes[name] = other.attributes[name]
        self.created_at = min(self.created_at, other.created_at)
        self.updated_at = max(self.updated_at, other.updated_at)


@dataclass(slots=True, eq=False)
class Person(Record):
    """Someone with a user id, known by an e-mail address only, or anonymous."""

    id: int = 0
    user_id: str | None = None
    email: str | None = None  # lower-case copy of the attribute


@dataclass(slots=True, eq=False)
class Thing(Record):
    """An object: a company, a course, whatever people relate to."""

    object_type_id: str = "1"
    object_id: str = ""


@dataclass(slots=True, eq=False)
class Relationship(Record):
    """Between a person and an object."""

    person_id: int = 0
    object_type_id: str = "1"
    object_id: str = ""


def email_of(attributes: Mapping[str, Any]) -> str | None:
    """The e-mail address by which a person is found: letter case and outer blanks make no difference."""
    email = attributes.get("email")
    return (email.strip().lower() or None) if isinstance(email, str) else None


def is_true(value: object) -> bool:
    """Truth as databases spell it: true, 1, "1", "true", "t"."""
    if isinstance(value, str):
        return value.strip().lower() in {"1", "true", "t"}
    return value is True or (isinstance(value, (int, float)) and value == 1)


def text_of(value: object) -> str | None:
    """An identifier inside a body as text: 2 and 2.0 are "2"; what can be no identifier is None."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def read_traits(call: Call) -> dict[str, Any]:
    """The call's body. Subscription preferences by dotted name (as SDKs send them) take the nested form of rows."""
    traits: dict[str, Any] = orjson.loads(call.body)
    if _DOTTED not in call.body:
        return traits
    for name in [name for name in traits if name.startswith(_DOTTED)]:
        value, tree = traits.pop(name), traits
        *path, last = name.split(".")
        for key in path:
            if not isinstance(tree.get(key), dict):
                tree[key] = {}
            tree = tree[key]
        tree[last] = value
    return traits


def _laid_over(old: object, new: dict[str, Any]) -> dict[str, Any]:
    """``new`` laid over ``old``, object by object; null and ``""`` remove."""
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in new.items():
        if isinstance(value, dict):
            result[key] = _laid_over(result.get(key), value)
        elif value is None or value == "":
            result.pop(key, None)
        else:
            result[key] = value
    return result


class Unstorable(Exception):
    """A value that is nested deeper than JSON can be written."""


def to_json(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise Unstorable(str(error)) from None
