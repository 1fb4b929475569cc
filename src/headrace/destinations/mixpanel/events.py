"""Events: what is imported for track, page and screen calls, and the events that make two ids one person."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import polars as pl
import polars_hash as plh

from headrace.calls.batch import CallsBatch
from headrace.calls.encode import quoted
from headrace.destinations.mixpanel.words import (
    DEVICE,
    ENDING,
    FORBIDDEN_IDS,
    Failures,
    Object,
    Wording,
    json,
    put_together,
    rewritten,
    take_apart,
)
from headrace.model import CallKind, Failure

EARLIEST = 31_536_000_000  # ms: 1971-01-01
TOO_MANY = 255  # properties of an event, keys of an object, elements of an array: fewer are allowed
INSERT_ID = r"^[A-Za-z0-9-]{1,36}$"
_UUID = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))  # its groups of hexadecimal digits: start and length

# Mixpanel reads these out of an event for itself. A body that has one of them with another value makes its row
# invalid: neither of the two may get lost silently. Of _OVERRIDABLE the body's own value is as good as ours.
_KEPT = {"time", "distinct_id", "$insert_id", "$user_id", "$device_id", "token"}
_OVERRIDABLE = {"ip", "name", "category"}


def events(rows: pl.DataFrame, calls: CallsBatch, wording: Wording) -> tuple[pl.Series, Failures]:
    """One event per call; ``rows`` as `prepared`."""
    ours = _ours(rows, calls, wording)
    event = pl.lit(json(wording.page_event if calls.kind is CallKind.PAGE else wording.screen_event))
    rows = rows.with_columns(
        event=quoted("name") if calls.kind is CallKind.TRACK else event,
        head=pl.concat_str([_member(name, value) for name, value in ours.items()]),
    )
    body = pl.col("body")
    doubtful = (
        ~body.str.starts_with('{"')
        | body.str.contains_any([json(name) for name in (*_KEPT, *ours)] + ["\\u"])  # \u could spell any of them
        | (body.str.count_matches(",", literal=True) > TOO_MANY - 2 - len(ours))  # each limit would show in commas
    )
    spliced = pl.concat_str(pl.lit('{"event":'), "event", pl.lit(',"properties":{'), "head", body.str.slice(1))
    found = rows.select(
        text=pl.concat_str(spliced, pl.lit("}" + ENDING)), doubtful=doubtful, event="event", head="head", body="body"
    )
    return _carefully(found)


def _ours(rows: pl.DataFrame, calls: CallsBatch, wording: Wording) -> dict[str, pl.Expr]:
    """The properties that we add, as JSON; null where a call has none."""
    ours = _stamp(rows, calls)
    if wording.simplified:
        ours |= {"$user_id": pl.col("user"), "$device_id": pl.col("device")}
    if calls.has("group_id"):
        ours[wording.group_key] = pl.col("group")
    ours["ip"] = pl.col("ip").fill_null("0")  # 0: do not take our own address for the person's
    if calls.kind is not CallKind.TRACK:
        ours |= {name: quoted(name) for name in ("name", "category") if calls.has(name)}
    return ours


def _stamp(rows: pl.DataFrame, calls: CallsBatch) -> dict[str, pl.Expr]:
    """What every event must have: by these Mixpanel also knows an event that it has already."""
    time = pl.lit(calls.as_of * 1000)
    if calls.has("timestamp"):
        time = pl.col("timestamp").dt.epoch("ms").fill_null(time)
    return {
        "time": time.cast(pl.String),
        "distinct_id": pl.col("who").fill_null('""'),  # an event of nobody, as Mixpanel wants it
        "$insert_id": pl.lit(_insert_ids(rows["message_id"])),
    }


def _member(name: str, value: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit(f"{json(name)}:"), value, pl.lit(",")).fill_null("")


def _carefully(found: pl.DataFrame) -> tuple[pl.Series, Failures]:
    """The texts, those in doubt written anew from their parsed body."""
    failures: Failures = {}
    changed: dict[int, str] = {}
    positions = found["doubtful"].arg_true().to_list()
    doubts = found[positions].select("event", "head", "body")
    for position, (event, head, body) in zip(positions, doubts.iter_rows(), strict=True):
        properties = _joined(head, body)
        if isinstance(properties, Failure):
            failures[position] = properties
        else:
            changed[position] = f'{{"event":{event},"properties":{put_together(properties)}}}{ENDING}'
    return rewritten(found["text"], changed), failures


def _joined(head: str, body: str) -> Object | Failure:
    """Our properties and the body's in one object, or why that cannot be."""
    ours, properties = take_apart("{" + head[:-1] + "}"), take_apart(body)
    if isinstance(ours, Failure) or isinstance(properties, Failure):
        return ours if isinstance(ours, Failure) else properties
    return _clash(ours, properties) or _excess(ours, properties, body) or {**ours, **properties}


def _clash(ours: Object, properties: Object) -> Failure | None:
    """A property of the body that Mixpanel would take for ours, unless it says the same."""
    for name in sorted((properties.keys() & ours.keys()) - _OVERRIDABLE | (properties.keys() & _KEPT)):
        if name not in ours or _plain(properties[name]) != _plain(ours[name]):
            message = f"Mixpanel keeps this property for itself: {name}. Give the column another name in the query."
            return Failure(f"reserved_property:{name}", message, name)
    return None


def _excess(ours: Object, properties: Object, body: str) -> Failure | None:
    """More properties, keys or elements than Mixpanel takes."""
    count = len({**ours, **properties})
    if count >= TOO_MANY:
        message = f"Mixpanel takes fewer than {TOO_MANY} properties, and the event has {count}. Select fewer columns."
        return Failure("too_many_properties", message)
    if body.count(",") < TOO_MANY - 1:
        return None
    for name, value in properties.items():
        if _crowded(orjson.loads(bytes(value))):
            message = f"Mixpanel takes lists and objects of fewer than {TOO_MANY} elements: {name}. Send a part of it."
            return Failure("too_many_elements", message, name)
    return None


def _plain(value: msgspec.Raw) -> bytes:
    """A number and the same number as text are the same id."""
    return bytes(value).strip().strip(b'"')


def _crowded(value: Any) -> bool:
    """Whether a list or an object in the value, at any depth, has too many elements."""
    todo = [value]
    while todo:
        inner = todo.pop()
        if isinstance(inner, list | dict):
            if len(inner) >= TOO_MANY:
                return True
            todo.extend(inner.values() if isinstance(inner, dict) else inner)
    return False


def _insert_ids(message_ids: pl.Series) -> pl.Series:
    """The messageId as JSON where Mixpanel takes it as it is, else a hash of it in the shape of a UUID."""
    fit = message_ids.str.contains(INSERT_ID) & ~message_ids.is_in(FORBIDDEN_IDS)
    given = message_ids.to_frame("id")
    if fit.all():
        return given.select(pl.concat_str(pl.lit('"'), "id", pl.lit('"'))).to_series()
    digits = plh.col("id").chash.blake3()
    hashed = pl.concat_str([digits.str.slice(start, length) for start, length in _UUID], separator="-")
    chosen = pl.when(fit).then(pl.col("id")).otherwise(hashed)
    return given.select(pl.concat_str(pl.lit('"'), chosen, pl.lit('"'))).to_series()


def too_early(calls: CallsBatch) -> Failures:
    """The events of before 1971, which Mixpanel refuses. Too late ones are left to it: it has its own clock."""
    times = calls.column("timestamp")
    if times is None:
        return {}
    early = (pl.Series(times).dt.epoch("ms") < EARLIEST).arg_true().to_list()
    message = "Mixpanel refuses events of before 1971-01-01: timestamp. Correct the time in the query."
    return dict.fromkeys(early, Failure("bad_time", message, "timestamp"))


def merges(rows: pl.DataFrame, calls: CallsBatch, wording: Wording, other: str) -> pl.Series:
    """The event that makes the person of column ``other`` and the user one; null where there are no two ids.

    Simplified ID merge: any event with a device and a user joins them; ours has the name that Mixpanel's own libraries
    give it. Only a device can be joined to a user there. Original: $merge, which takes ids of any form and kind.
    """
    rows = rows.with_columns(other_id=pl.col(other).str.strip_prefix(DEVICE) if wording.simplified else pl.col(other))
    if wording.simplified:
        ours = {**_stamp(rows, calls), "$user_id": pl.col("user"), "$device_id": quoted("other_id")}
        members = pl.concat_str(
            [pl.concat_str(pl.lit(f"{json(n)}:"), value) for n, value in ours.items()], separator=","
        )
        text = pl.concat_str(pl.lit('{"event":"$identify","properties":{'), members, pl.lit("}}" + ENDING))
    else:
        token = f'"token":{json(wording.token.reveal())},' if wording.token else ""
        start = f'{{"event":"$merge","properties":{{{token}"$distinct_ids":['
        text = pl.concat_str(pl.lit(start), "user", pl.lit(","), quoted("other_id"), pl.lit("]}}" + ENDING))
    return rows.select(pl.when(pl.col("user_id") != pl.col("other_id")).then(text)).to_series()
