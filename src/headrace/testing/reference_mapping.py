"""One row to one call in plain Python: slow, and plainly right.

The vectorised mapping (`headrace.calls.mapping`) is judged against it. It reads one Arrow scalar at a time, follows
the rules in their order and stops at the first one the row breaks. Values are in `headrace.testing.reference_values`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from headrace.calls.batch import CallsBatch
from headrace.errors import QueryError
from headrace.model import CallKind, Failure, MapOptions, RowLimits
from headrace.testing.reference_values import (
    LONE_TEXT,
    NAMING,
    BadValue,
    boolean,
    exact,
    instant_ms,
    is_blank,
    iso_ms,
    json_value,
    kind_of,
    text_value,
)

Path = tuple[str, ...]

COMMON = ("userId", "anonymousId", "messageId", "timestamp", "context", "integrations")
RESERVED: Mapping[CallKind, tuple[str, ...]] = {
    CallKind.IDENTIFY: (*COMMON, "groupId"),
    CallKind.GROUP: (*COMMON, "groupId"),
    CallKind.TRACK: (*COMMON, "event", "groupId"),
    CallKind.PAGE: (*COMMON, "event"),
    CallKind.SCREEN: (*COMMON, "event"),
    CallKind.ALIAS: (*COMMON, "previousId"),
}
OBJECTS = ("context", "integrations")
CONTEXT_CHILDREN = (
    *("active", "ip", "locale", "userAgent", "channel", "campaign", "page", "app", "device", "network"),
    *("os", "library", "location", "referrer", "timezone", "screen"),
)
IDENTIFIERS = ("userId", "anonymousId", "groupId", "previousId")
LEFT_OUT = object()  # what a NULL becomes that is not sent


# ------------------------------------------------------------------------------------------------ where a column goes


def split(name: str) -> list[str]:
    """``cart.x`` → cart, x; ``a\\.b`` → a.b; a name with an empty segment is one segment, as it stands."""
    segments = re.split(r"(?<!\\)\.", name)
    return [segment.replace("\\.", ".") for segment in segments] if all(segments) else [name]


def target(name: str, call: CallKind, options: MapOptions) -> Path:
    """The place of a column: ``("userId",)``, ``("context", "ip")``, ``("traits", "cart", "x")``."""
    first, *rest = split(name)
    reserved = _spelled(first, RESERVED[call])
    if reserved == "context" and rest:
        return ("context", _spelled(rest[0], CONTEXT_CHILDREN) or rest[0], *rest[1:])
    if reserved:
        return (reserved, *rest)
    if top := lifted(name, call):
        return (call.body, top)
    inside = rest if first.lower() == call.body else [first, *rest]
    return (call.body, *_inside_body(inside, call, options))


def _inside_body(segments: list[str], call: CallKind, options: MapOptions) -> list[str]:
    if call is CallKind.IDENTIFY and len(segments) == 1 and segments[0].lower() == "_update":
        return ["_update"]
    if call is CallKind.GROUP and segments:
        meant = _spelled(segments[0], ("relationshipAttributes", "objectTypeId", "object_type_id"))
        if meant is not None:
            return [meant, *segments[1:]]
    return [segment.lower() if options.lower_case else segment for segment in segments]


def _spelled(name: str, names: tuple[str, ...]) -> str | None:
    """The one of ``names`` that ``name`` spells in any letter case."""
    return next((known for known in names if known.lower() == name.lower()), None)


def lifted(name: str, call: CallKind) -> str | None:
    """``name`` or ``category`` of a page or screen, which goes to the top level and stays in the properties."""
    first, *rest = split(name)
    return _spelled(first, ("name", "category")) if call in (CallKind.PAGE, CallKind.SCREEN) and not rest else None


def column_errors(schema: pa.Schema, call: CallKind, options: MapOptions, limits: RowLimits) -> list[QueryError]:
    """All that is wrong with the columns of a query, whatever its rows hold."""
    errors = []
    if len(schema) > limits.columns:
        errors.append(QueryError(f"The query returns {len(schema)} columns.", code="too_many_columns"))
    targets: Counter[Path] = Counter()
    for name in schema.names:
        path = target(name, call, options)
        longest = limits.column_name
        if path in (("userId",), ("timestamp",)):
            longest = min(longest, limits.id_column_name)
        if len(name) > longest:
            errors.append(QueryError(f"The name of the column {name!r} is too long.", code="column_name_too_long"))
        parent = lifted(split(name)[0], call) if len(split(name)) > 1 else None
        if parent or (path[0] not in (*OBJECTS, call.body) and len(path) > 1):
            errors.append(QueryError(f"{name!r} goes on below a single value.", code="bad_column_name"))
        targets.update([path])
    if max(targets.values(), default=0) > 1:
        errors.append(QueryError("Two columns go to the same place.", code="duplicate_column"))
    return errors


# ------------------------------------------------------------------------------------------------------ what it becomes


class Cell(NamedTuple):
    """One value of the row with the column it stands in."""

    column: str
    scalar: pa.Scalar[Any]
    field: pa.Field[Any]


class _Refused(Exception):
    def __init__(self, code: str, column: str | None = None) -> None:
        self.failure = Failure(code, f"The row was refused: {code}.", column)


def reference_call(
    row: Mapping[str, pa.Scalar[Any]],
    schema: pa.Schema,
    call: CallKind,
    options: MapOptions,
    limits: RowLimits,
    *,
    row_number: int,
    run_id: str,
) -> dict[str, Any] | Failure:
    """The call a row becomes, as the Pipelines API spells it, or the first rule that it breaks.

    Numbers are `Number`, so that they compare exactly. ``row`` holds one scalar per column of ``schema``.
    """
    try:
        return _Row(row, schema, call, options, limits).call(f"{run_id}-{row_number}")
    except _Refused as refused:
        return refused.failure


def reference_map(
    batch: pa.RecordBatch, call: CallKind, options: MapOptions, limits: RowLimits, *, first_row: int, run_id: str
) -> Iterator[tuple[int, dict[str, Any] | Failure]]:
    """Each row's number with what it becomes. Raises `QueryError` where the columns alone are wrong."""
    for error in column_errors(batch.schema, call, options, limits):
        raise error
    for position in range(batch.num_rows):
        row = {name: batch.column(i)[position] for i, name in enumerate(batch.schema.names)}
        number = first_row + position
        yield number, reference_call(row, batch.schema, call, options, limits, row_number=number, run_id=run_id)


class _Row:
    """One row on its way to a call."""

    def __init__(
        self,
        row: Mapping[str, pa.Scalar[Any]],
        schema: pa.Schema,
        kind: CallKind,
        options: MapOptions,
        limits: RowLimits,
    ) -> None:
        self.kind, self.options, self.limits = kind, options, limits
        self.cells: dict[Path, Cell] = {}
        self.lifted: dict[str, Cell] = {}
        for name, scalar in row.items():
            cell = Cell(name, scalar, schema.field(name))
            self.cells[target(name, kind, options)] = cell
            if top := lifted(name, kind):
                self.lifted[top] = cell

    def call(self, derived_id: str) -> dict[str, Any]:
        """The rules in their order."""
        top: dict[str, Any] = {name: self.text(name, self.cells.get((name,))) for name in IDENTIFIERS}
        top |= self.names()
        top["messageId"] = self.text("messageId", self.cells.get(("messageId",))) or derived_id
        top["timestamp"] = self.timestamp()
        values = self.whole_objects()
        values |= {
            path: self.value(path, cell)
            for path, cell in self.cells.items()
            if self.is_inside(path) and path not in values
        }
        object_type = self.object_type()
        self.find_conflicts(values)
        for root in OBJECTS:
            top[root] = assembled(root, values)
        body = assembled(self.kind.body, values) or {}
        self.require(top, body)
        self.measure(top, body, values)
        call = {"type": self.kind.value} | {name: value for name, value in top.items() if value is not None}
        return call if self.kind is CallKind.ALIAS else call | {self.kind.body: body | object_type}

    # ---- the top level

    def text(self, name: str, cell: Cell | None, only: frozenset[str] = NAMING) -> str | None:
        try:
            return text_value(cell.scalar, cell.field, self.options, only) if cell else None
        except BadValue:
            raise _Refused(f"bad_type:{name}", cell.column if cell else None) from None

    def names(self) -> dict[str, str | None]:
        """The event of a track call; name and category of a page or screen, whose ``event`` stands in for a name."""
        event = self.cells.get(("event",))
        if self.kind is CallKind.TRACK:
            return {"event": self.text("event", event, LONE_TEXT)}
        if self.kind not in (CallKind.PAGE, CallKind.SCREEN):
            return {}
        instead = self.text("event", event, LONE_TEXT)
        name = self.text("name", self.lifted.get("name"), LONE_TEXT) or instead
        return {"name": name, "category": self.text("category", self.lifted.get("category"), LONE_TEXT)}

    def timestamp(self) -> str | None:
        cell = self.cells.get(("timestamp",))
        try:
            moment = instant_ms(cell.scalar, cell.field, self.options) if cell else None
        except BadValue:
            raise _Refused("bad_timestamp", cell.column if cell else None) from None
        return None if moment is None else iso_ms(moment)

    # ---- context, integrations and body

    def is_inside(self, path: Path) -> bool:
        return path[0] in (*OBJECTS, self.kind.body)

    def whole_objects(self) -> dict[Path, Any]:
        """The columns that are an object as a whole, also where they are text."""
        relationship: list[Path] = [("traits", "relationshipAttributes")] if self.kind is CallKind.GROUP else []
        paths: list[Path] = [("context",), ("integrations",), *relationship, (self.kind.body,)]
        return {path: self.whole_object(path, self.cells[path]) for path in paths if path in self.cells}

    def whole_object(self, path: Path, cell: Cell) -> Any:
        """An object, be it text, JSON, a struct or a map; blank text and JSON's null are as good as NULL."""
        kind = kind_of(cell.field)
        try:
            value = json_value(cell.scalar, cell.field, self.options)
            nothing = (kind == "text" and is_blank(value or "")) or (kind == "json" and value is None)
            if nothing or not cell.scalar.is_valid:
                return self.null(cell, path)
            value = exact(value) if kind == "text" else value
        except (BadValue, ValueError):
            raise _Refused(f"bad_type:{path[-1]}", cell.column) from None
        if not isinstance(value, dict):
            raise _Refused(f"bad_type:{path[-1]}", cell.column)
        return value

    def value(self, path: Path, cell: Cell) -> Any:
        if self.kind is CallKind.IDENTIFY and path == ("traits", "_update"):
            return self.update(cell)
        if not cell.scalar.is_valid:
            return self.null(cell, path)
        if self.kind is CallKind.GROUP and path == ("traits", "object_type_id"):
            return self.text("object_type_id", cell)
        try:
            value = json_value(cell.scalar, cell.field, self.options)
        except BadValue:
            raise _Refused("bad_json", cell.column) from None
        return self.null(cell, path) if value is None and path[0] != self.kind.body else value

    def update(self, cell: Cell) -> Any:
        try:
            value = boolean(cell.scalar, cell.field)
        except BadValue:
            raise _Refused("bad_type:_update", cell.column) from None
        return LEFT_OUT if value is None else value

    def null(self, cell: Cell, path: Path) -> Any:
        """A NULL in the body is sent or left out, as the sync says; elsewhere it is always left out."""
        if path[0] != self.kind.body or len(path) == 1:
            return LEFT_OUT
        handling = self.options.null_columns.get(cell.column, self.options.null_handling)
        return LEFT_OUT if handling == "omit" else None

    def find_conflicts(self, values: Mapping[Path, Any]) -> None:
        """A column whose path goes on in another column must be an object, or NULL."""
        for path, value in values.items():
            goes_on = any(len(other) > len(path) and other[: len(path)] == path for other in values)
            if goes_on and not (value is LEFT_OUT or value is None or isinstance(value, dict)):
                raise _Refused("path_conflict", self.cells[path].column)

    def object_type(self) -> dict[str, Any]:
        """The type of a group's object as text, where the query gives it as ``objectTypeId`` alone."""
        if self.kind is not CallKind.GROUP or ("traits", "object_type_id") in self.cells:
            return {}
        text = self.text("objectTypeId", self.cells.get(("traits", "objectTypeId")))
        return {} if text is None else {"object_type_id": text}

    # ---- what a call must have, and how large it may be

    def require(self, top: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        person = top["userId"] or top["anonymousId"]
        known_by_email = self.options.email_identity and self.has_email(body)
        demands: dict[CallKind, list[tuple[str, Any]]] = {
            CallKind.IDENTIFY: [("missing_identifier", person or known_by_email)],
            CallKind.GROUP: [("missing_group_id", top["groupId"])],
            CallKind.TRACK: [("missing_event", top.get("event")), ("missing_identifier", person or top["groupId"])],
            CallKind.PAGE: [("missing_identifier", person)],
            CallKind.SCREEN: [("missing_identifier", person)],
            CallKind.ALIAS: [("missing_identifier", top["userId"]), ("missing_previous_id", top["previousId"])],
        }
        for code, given in demands[self.kind]:
            if not given:
                raise _Refused(code)

    def has_email(self, body: Mapping[str, Any]) -> bool:
        """Whether ``traits.email`` is text: a date that is written as text is not."""
        email, cell = body.get("email"), self.cells.get(("traits", "email"))
        from_text = cell is None or not cell.scalar.is_valid or kind_of(cell.field) in ("text", "json")
        return from_text and isinstance(email, str) and not is_blank(email)

    def measure(self, top: dict[str, Any], body: dict[str, Any], values: dict[Path, Any]) -> None:
        columns = {path: top[path[0]] for path in self.cells if path[0] in top and not self.is_inside(path)} | values
        for path, value in columns.items():
            if value is not LEFT_OUT and size(value) > self.limits.column_bytes:
                raise _Refused("column_too_large", self.cells[path].column)
        if size(top) + size(body) > self.limits.record_bytes:
            raise _Refused("record_too_large")


def assembled(root: str, values: Mapping[Path, Any]) -> dict[str, Any] | None:
    """The object at ``root``: whole columns first, then ever deeper paths over them; None where nothing is given."""
    given = {path: value for path, value in values.items() if path[0] == root and value is not LEFT_OUT}
    if not given:
        return None
    whole: dict[str, Any] = given.pop((root,), {})
    for path in sorted(given, key=len):
        place = whole
        for segment in path[1:-1]:
            if not isinstance(place.get(segment), dict):
                place[segment] = {}
            place = place[segment]
        place[path[-1]] = given[path]
    return whole


def size(value: Any) -> int:
    """Bytes of a value as JSON (a number counts as its text)."""
    return len(
        json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=lambda number: number.text).encode()
    )


# ------------------------------------------------------------------------------------------- reading what others made


def exact_calls(calls: CallsBatch) -> dict[int, dict[str, Any]]:
    """A calls batch in the words of `reference_call`: row number → call, numbers exact."""
    read: dict[int, dict[str, Any]] = {}
    for values in calls.columns.to_pylist():
        call: dict[str, Any] = {"type": calls.kind.value}
        for column, name in WIRE.items():
            if values.get(column) is not None:
                call[name] = values[column]
        if values.get("name") is not None:
            call["event" if calls.kind is CallKind.TRACK else "name"] = values["name"]
        if values.get("timestamp") is not None:
            call["timestamp"] = values["timestamp"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
        call |= {name: exact(values[name]) for name in OBJECTS if values.get(name) is not None}
        if calls.kind is not CallKind.ALIAS:
            call[calls.kind.body] = exact(values["body"])
            if values.get("object_type_id") is not None:
                call[calls.kind.body]["object_type_id"] = values["object_type_id"]
        read[values["row"]] = call
    return read


WIRE = {
    "message_id": "messageId",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "previous_id": "previousId",
    "category": "category",
}
