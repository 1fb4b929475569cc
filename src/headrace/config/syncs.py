"""The section ``syncs:``: every key declared once, and what keys mean together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from headrace import durations, query, schedule
from headrace.config.connections import good_name
from headrace.config.nodes import List, Map, Node, Scalar
from headrace.config.report import nearest, written
from headrace.config.values import Reader
from headrace.connector import Field
from headrace.model import CallKind, MapOptions, RowLimits, Sync

_OPTIONS, _LIMITS = MapOptions(), RowLimits()


def _choice(name: str, means: str, *choices: str) -> Field:
    return Field(name, "choice", means, default=getattr(_OPTIONS, name), choices=choices)


def _switch(name: str, means: str) -> Field:
    return Field(name, "boolean", means, default=getattr(_OPTIONS, name))


OPTION_FIELDS = (
    _choice("null_handling", "Send a NULL as JSON null, which unsets the attribute, or leave it out.", "send", "omit"),
    Field("null_columns", "map", "The same for single columns.", default={}, example="{consent: omit}"),
    Field("timezone", "text", "The IANA time zone of timestamps without one.", default="UTC", example="Europe/Warsaw"),
    _choice("decimals", "Decimals as JSON numbers, or as text that keeps every digit.", "number", "string"),
    _choice("big_integers", "Integers beyond 2^53 as JSON numbers, or as text.", "number", "string"),
    _choice("binary", "How bytes become text.", "base64", "hex"),
    _switch("lower_case", "Lower-case every column name that is not reserved."),
    _switch("email_identity", "Let traits.email alone identify a person."),
)
SYNC_FIELDS = (
    Field("description", "text", "A sentence for people.", default=""),
    Field("source", "text", "Where the query runs: a name from sources.", True, example="shop"),
    Field(
        "call",
        "choice",
        "What each row becomes. Not beside a source of type http, whose calls say so themselves.",
        True,
        choices=tuple(kind.value for kind in CallKind),
        example="track",
    ),
    Field("query", "text", "One SELECT statement; each row becomes one call."),
    Field("query_file", "path", "A file with the query, relative to the project.", example="queries/people.sql"),
    Field("destinations", "list", "Where the calls go: names from destinations.", True, example="[crm]"),
    Field("schedule", "text", "When it runs.", default="manual", example="every 15 minutes"),
    Field("start", "text", "Nothing is due before; UTC where no zone is given.", example="2026-12-01T06:00:00Z"),
    Field("enabled", "boolean", "Whether the schedule counts.", default=True),
    Field("lookback", "text", "How far last_sync_time is set back.", default="0", example="5 minutes"),
    Field("deduplicate_for", "text", "How long a messageId is not delivered again; 0: never.", default="12 hours"),
    Field("retry_failed", "boolean", "Read rows that a destination refused again, and send them anew.", default=False),
    *OPTION_FIELDS,
    Field("limits", "map", "Limits of the result, over the defaults.", default={}, example="{records: 1000000}"),
)
LIMIT_FIELDS = tuple(
    Field(limit.name, "integer", "A limit of the result.", default=getattr(_LIMITS, limit.name), minimum=1)
    for limit in fields(RowLimits)
)
# What a sync says whose source receives calls: they come with all the rest.
RECEIVED_KEYS = ("description", "source", "destinations", "enabled", "deduplicate_for")


@dataclass(frozen=True, slots=True)
class Names:
    """What a sync may refer to: all names that are defined, whether or not what they name is well."""

    sources: frozenset[str]
    destinations: frozenset[str]
    syncs: frozenset[str]
    complete: bool  # False: a file could not be read, so a name that is missing proves nothing
    receiving: frozenset[str] = frozenset()  # sources to which programs send calls
    seconds: bool = False  # whether a schedule may be shorter than a minute


Queries = Callable[[str], str]
"""The text of a query file by its name. Raises `ValueError` that says what to do."""


def sync(reader: Reader, key: Scalar, node: Node, names: Names, queries: Queries) -> Sync | None:
    """The sync under ``key``; None where something is wrong with it, which is reported."""
    where = f"syncs.{key.text}"
    before = len(reader.report.findings)
    good_name(reader, key, where)
    if not isinstance(node, Map):
        message = f"A map is expected. Example: {key.text}: {{source: …, call: identify, query: …, destinations: […]}}"
        reader.report.add(node, where, message, "wrong_type")
        return None
    node = replace(node, line=key.line)  # there one looks for what is missing
    reader.unknown_keys(node, [field.name for field in SYNC_FIELDS], where)
    received = _receives(node, names)
    values = reader.fields(node, _RECEIVED_FIELDS if received else SYNC_FIELDS, where, literal=("query",))
    part = _Part(reader, node, where, values)
    part.refer("source", names.sources, complete=names.complete)
    part.destinations(names)
    if received:
        part.without_query()
    else:
        part.schedule(key.text, names)
    limits = part.limits()
    text = "" if received else part.query(queries, limits.query)
    start, lookback, deduplicate_for = part.start(), part.seconds("lookback"), part.seconds("deduplicate_for")
    options = part.options()
    if len(reader.report.findings) > before:
        return None
    return Sync(
        name=key.text,
        source=values["source"],
        call=None if received else CallKind(values["call"]),
        query=text,
        destinations=tuple(values["destinations"]),
        description=values["description"],
        schedule=" ".join(values["schedule"].split()),
        start=start,
        enabled=values["enabled"],
        lookback=lookback,
        deduplicate_for=deduplicate_for,
        retry_failed=values["retry_failed"],
        options=options,
        limits=limits,
        origin=f"{key.file}:{key.line}",
    )


_RECEIVED_FIELDS = tuple(replace(field, required=False) if field.name == "call" else field for field in SYNC_FIELDS)


def _receives(node: Map, names: Names) -> bool:
    source = node.items.get("source")
    return isinstance(source, Scalar) and source.text in names.receiving


@dataclass(frozen=True, slots=True)
class _Part:
    """The judges of single keys. Each reports what is wrong and goes on."""

    reader: Reader
    node: Map
    where: str
    values: Mapping[str, Any]

    def wrong(self, name: str, message: str, code: str, node: Node | None = None, value: str | None = None) -> None:
        at = node or self.node.items.get(name) or self.node
        shown = written(at) if value is None else value
        self.reader.report.add(at, f"{self.where}.{name}", message, code, shown)

    def refer(self, name: str, known: frozenset[str], *, complete: bool) -> None:
        given = self.values[name]
        if complete and given is not None and given not in known:
            self.wrong(name, f"There is no {name} {given!r}. {nearest(given, known)}", "unknown_reference")

    def destinations(self, names: Names) -> None:
        given, node = self.values["destinations"], self.node.items.get("destinations")
        if not isinstance(node, List) or not isinstance(given, list):
            return
        if not node.items:
            self.wrong("destinations", "The list is empty. Name at least one destination: [crm]", "missing_value")
        for index, (name, at) in enumerate(zip(given, node.items, strict=True)):
            if name is None and isinstance(at, Scalar) and not at.empty:
                continue  # a variable is missing: reported
            if not isinstance(name, str):
                self.wrong("destinations", "Names of destinations are expected: [crm]", "wrong_type", at)
            elif name in given[:index]:
                self.wrong("destinations", f"{name!r} is named twice. Remove one.", "duplicate_destination", at)
            elif names.complete and name not in names.destinations:
                message = f"There is no destination {name!r}. {nearest(name, names.destinations)}"
                self.wrong("destinations", message, "unknown_reference", at)

    def without_query(self) -> None:
        """Report the keys that mean something to rows of a query only."""
        for field in SYNC_FIELDS:
            at = self.node.items.get(field.name)
            if field.name in RECEIVED_KEYS or at is None or (isinstance(at, Scalar) and at.empty):
                continue
            message = f"Calls are sent to this source, not read: {field.name} means nothing here. Remove the key."
            self.wrong(field.name, message, "not_for_received", at, "")

    def schedule(self, own: str, names: Names) -> None:
        try:
            parsed = schedule.parse(self.values["schedule"], seconds=names.seconds)
        except ValueError as error:
            self.wrong("schedule", str(error), "bad_schedule")
            return
        if isinstance(parsed, schedule.After) and parsed.sync == own:
            self.wrong("schedule", "A sync cannot run after itself. Name another sync.", "schedule_circle")
        elif isinstance(parsed, schedule.After) and names.complete and parsed.sync not in names.syncs:
            message = f"There is no sync {parsed.sync!r}. {nearest(parsed.sync, names.syncs - {own})}"
            self.wrong("schedule", message, "unknown_reference")
        elif self.values["start"] and isinstance(parsed, schedule.Manual | schedule.After):
            message = f"A start means nothing to the schedule {str(parsed)!r}. Remove it, or give an interval."
            self.reader.report.warn(self.node.items["start"], f"{self.where}.start", message, "start_without_effect")

    def start(self) -> datetime | None:
        given = self.values["start"]
        if given is None:
            return None
        try:
            moment = datetime.fromisoformat(given.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.wrong("start", "A date and time is expected. Example: 2026-12-01T06:00:00Z", "bad_start")
            return None

    def seconds(self, name: str) -> int:
        try:
            return durations.parse(self.values[name])
        except ValueError as error:
            self.wrong(name, str(error), "bad_duration")
            return 0

    def options(self) -> MapOptions:
        try:
            schedule.zone(self.values["timezone"])
        except ValueError as error:
            self.wrong("timezone", str(error), "bad_timezone")
        for column, handling in self.values["null_columns"].items():
            if handling not in ("send", "omit"):
                given = self.node.items["null_columns"]
                at = given.items.get(column) if isinstance(given, Map) else None
                self.wrong(f"null_columns.{column}", "Write one of: send, omit.", "unknown_choice", at)
        return MapOptions(**{field.name: self.values[field.name] for field in OPTION_FIELDS})

    def limits(self) -> RowLimits:
        node = self.node.items.get("limits")
        if not isinstance(node, Map):
            return RowLimits()
        where = f"{self.where}.limits"
        self.reader.unknown_keys(node, [field.name for field in LIMIT_FIELDS], where)
        return RowLimits(**self.reader.fields(node, LIMIT_FIELDS, where))

    def query(self, queries: Queries, limit: int) -> str:
        """The query's text, from here or from its file; its problems at their own lines."""
        inline, file = self.values["query"], self.values["query_file"]
        if inline is not None and file is not None:
            self.wrong("query_file", "Give either query or query_file, not both.", "bad_combination")
            return ""
        if file is not None:
            try:
                text = queries(file)
            except ValueError as error:
                self.wrong("query_file", str(error), "unreadable_file")
                return ""
            self.judge_query(text, limit, "query_file", Scalar(file, 0, "", literal=True))
            return text
        at = self.node.items.get("query")
        if inline is None or not isinstance(at, Scalar):
            if not {"query", "query_file"} & self.node.keys.keys() or (isinstance(at, Scalar) and at.empty):
                self.wrong("query", "The required key 'query' is missing. Give query or query_file.", "missing_key")
            return ""
        self.judge_query(at.text, limit, "query", at)
        return at.text

    def judge_query(self, text: str, limit: int, name: str, at: Scalar) -> None:
        for problem in query.problems(text, limit=limit):
            # Only a block written with | keeps its lines; of other texts the first line is the best that is known.
            below = (problem.line or 1) if at.literal else 0
            spot = f" (line {problem.line}, column {problem.column} of the query)" if problem.line else ""
            place = Scalar(at.file, at.line + below, "")
            self.wrong(name, f"{problem.message}{spot}", problem.code, place)


def circles(syncs: Mapping[str, Sync]) -> list[str]:
    """Names of syncs that wait, by ``after``, for one another."""
    waits = {
        name: parsed.sync
        for name, one in syncs.items()
        if isinstance(parsed := schedule.parse(one.schedule, seconds=True), schedule.After)
    }
    found = []
    for name, first in waits.items():
        seen, at = {name}, first
        while at in waits and at not in seen:
            seen.add(at)
            at = waits[at]
        if at == name:
            found.append(name)
    return found
