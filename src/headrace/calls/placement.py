"""Where each column of a query goes in its call: decided from the column names alone, once per run.

A name is split on dots (``\\.`` is a literal dot). Its first segment is compared with the reserved names of the
call in any letter case, because warehouses fold case. Everything that is not reserved lands in the body; a leading
``traits.`` or ``properties.`` is taken as an absolute path, not nested twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from headrace.errors import QueryError
from headrace.model import CallKind, RowLimits

IDENTIFIERS = {"userid": "user_id", "anonymousid": "anonymous_id", "groupid": "group_id", "previousid": "previous_id"}
_COMMON = ("userId", "anonymousId", "integrations", "messageId", "timestamp", "context")
RESERVED: dict[CallKind, tuple[str, ...]] = {
    CallKind.IDENTIFY: (*_COMMON, "groupId"),
    CallKind.GROUP: (*_COMMON, "groupId"),
    CallKind.TRACK: (*_COMMON, "groupId", "event"),
    CallKind.PAGE: (*_COMMON, "event", "name", "category"),
    CallKind.SCREEN: (*_COMMON, "event", "name", "category"),
    CallKind.ALIAS: (*_COMMON, "previousId"),
}
# Known children of context are spelled as the Pipelines API spells them; all others keep the query's spelling.
_CONTEXT_CHILDREN = {
    name.lower(): name
    for name in (
        "active", "ip", "locale", "userAgent", "channel", "campaign", "page", "app", "device", "network", "os",
        "library", "location", "referrer", "timezone", "screen",
    )
}  # fmt: skip
# Fields of a group's traits that mean something: spelled as the API spells them, since databases fold case.
_GROUP_FIELDS = {name.lower(): name for name in ("relationshipAttributes", "objectTypeId", "object_type_id")}
_DOT = re.compile(r"(?<!\\)\.")


@dataclass(slots=True)
class Branch:
    """An object to build: its children by name, and the column that claims the whole object, if there is one."""

    children: dict[str, Branch | int] = field(default_factory=dict)
    own: int | None = None


@dataclass(slots=True)
class Placement:
    """Columns (by index) of each part of the call. ``envelope`` has the calls batch's names as keys."""

    envelope: dict[str, int] = field(default_factory=dict)
    context: Branch = field(default_factory=Branch)
    integrations: Branch = field(default_factory=Branch)
    body: Branch = field(default_factory=Branch)
    fallback_name: int | None = None  # `event` of a page or screen: its name where `name` is null
    paths: list[tuple[str, ...]] = field(default_factory=list)  # per column, the path in the call as the API spells it


def split(name: str) -> tuple[str, ...]:
    """The path a column name means. A name with an empty segment is one literal segment."""
    segments = tuple(segment.replace("\\.", ".") for segment in _DOT.split(name))
    return segments if all(segments) else (name,)


def place(names: Sequence[str], kind: CallKind, *, lower_case: bool = False) -> Placement:
    """Decide the place of every column. Raises `QueryError` for names that cannot stand together."""
    placement = Placement()
    reserved = {name.lower(): name for name in RESERVED[kind]}
    taken: dict[tuple[str, ...], str] = {}
    for index, name in enumerate(names):
        segments = split(name)
        canonical = reserved.get(segments[0].lower())
        path = _reserved_path(name, canonical, segments) if canonical else _body_path(kind, segments, lower_case)
        _claim(taken, path, name)
        placement.paths.append(path)
        _put(placement, kind, path, index)
        if canonical in ("name", "category"):  # of a page or screen: at the top level, and in the properties as well
            copy = (kind.body, canonical)
            _claim(taken, copy, name)
            _grow(placement.body, copy[1:], index)
    return placement


def _claim(taken: dict[tuple[str, ...], str], path: tuple[str, ...], name: str) -> None:
    if path in taken:
        raise QueryError(
            f"Two columns mean the same field: '{taken[path]}' and '{name}' both give '{'.'.join(path)}'. "
            "Rename or drop one of them.",
            code="duplicate_column",
        )
    taken[path] = name


def check_names(names: Sequence[str], limits: RowLimits) -> None:
    """The limits on columns. Raises `QueryError` naming the limit that was hit."""
    if len(names) > limits.columns:
        raise QueryError(
            f"The query returns {len(names)} columns; at most {limits.columns} are taken. Select fewer columns.",
            code="too_many_columns",
        )
    for name in names:
        if len(name) > limits.column_name:
            raise QueryError(
                f"The column name {name[:40] + '…'!r} has {len(name)} characters; at most {limits.column_name} are "
                "taken. Give it a shorter alias.",
                code="column_name_too_long",
            )
        if name.lower() in ("userid", "timestamp") and len(name) > limits.id_column_name:
            raise QueryError(
                f"The column name {name!r} is longer than {limits.id_column_name} characters.",
                code="column_name_too_long",
            )


def _reserved_path(name: str, canonical: str, segments: tuple[str, ...]) -> tuple[str, ...]:
    rest = segments[1:]
    if canonical == "context" and rest:
        rest = (_CONTEXT_CHILDREN.get(rest[0].lower(), rest[0]), *rest[1:])
    if rest and canonical not in ("context", "integrations"):
        raise QueryError(
            f"The column {name!r} asks for a child of {canonical!r}, which is a single value. Rename the column.",
            code="bad_column_name",
        )
    return (canonical, *rest)


def _body_path(kind: CallKind, segments: tuple[str, ...], lower_case: bool) -> tuple[str, ...]:
    absolute = segments[0].lower() == kind.body
    rest = segments[1:] if absolute else segments
    if kind is CallKind.IDENTIFY and [segment.lower() for segment in rest] == ["_update"]:
        rest = ("_update",)
    if kind is CallKind.GROUP and rest and rest[0].lower() in _GROUP_FIELDS:
        return (kind.body, _GROUP_FIELDS[rest[0].lower()], *rest[1:])
    return (kind.body, *(segment.lower() if lower_case else segment for segment in rest))


def _put(placement: Placement, kind: CallKind, path: tuple[str, ...], index: int) -> None:
    head, rest = path[0], path[1:]
    if head == kind.body:
        _grow(placement.body, rest, index)
    elif head == "context":
        _grow(placement.context, rest, index)
    elif head == "integrations":
        _grow(placement.integrations, rest, index)
    elif head == "event" and kind is not CallKind.TRACK:
        placement.fallback_name = index
    elif head == "event":
        placement.envelope["name"] = index
    elif head in ("name", "category"):
        placement.envelope[head] = index
    else:
        placement.envelope[IDENTIFIERS.get(head.lower(), "message_id" if head == "messageId" else head)] = index


def _grow(branch: Branch, path: tuple[str, ...], index: int) -> None:
    """Hang a column into the tree; a column above or below another makes the upper one its branch's ``own``."""
    if not path:
        branch.own = index
        return
    for segment in path[:-1]:
        child = branch.children.get(segment)
        if child is None or isinstance(child, int):
            child = Branch(own=child)
            branch.children[segment] = child
        branch = child
    last = branch.children.get(path[-1])
    if isinstance(last, Branch):
        last.own = index
    else:
        branch.children[path[-1]] = index
