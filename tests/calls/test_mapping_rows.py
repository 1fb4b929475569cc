"""What one row must and must not hold, and how its columns come together, proved of both mappings."""

from __future__ import annotations

import json as stdlib_json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from headrace.calls.mapping import Mapping
from headrace.model import CallKind, RowLimits
from tests.calls.tables import (
    ALIAS,
    GROUP,
    IDENTIFY,
    LIMITS,
    NEEDED,
    OPTIONS,
    PAGE,
    RUN,
    SCREEN,
    TRACK,
    Column,
    MapRows,
    added,
    json,
    one,
    parsed,
    table,
    text,
)

# ------------------------------------------------------------------------------------------- a path and what it goes on

STRUCT = Column([{"a": 1, "x": 2}], pa.struct([("a", pa.int64()), ("x", pa.int64())]))
MAP = Column([[("a", 1), ("x", 2)]], pa.map_(pa.string(), pa.int64()))


@pytest.mark.parametrize(
    ("columns", "traits"),
    [
        ({"cart": text(None), "cart.x": "v"}, '{"cart": {"x": "v"}}'),
        ({"cart": json('{"a": 1, "x": 2}'), "cart.x": "v"}, '{"cart": {"a": 1, "x": "v"}}'),
        ({"cart.x": "v", "cart": json('{"a": 1, "x": 2}')}, '{"cart": {"a": 1, "x": "v"}}'),
        ({"cart": json("{}"), "cart.x": "v"}, '{"cart": {"x": "v"}}'),
        ({"cart": json("null"), "cart.x": "v"}, '{"cart": {"x": "v"}}'),
        ({"cart": STRUCT, "cart.x": "v"}, '{"cart": {"a": 1, "x": "v"}}'),
        ({"cart": MAP, "cart.x": "v"}, '{"cart": {"a": 1, "x": "v"}}'),
        ({"cart": json('{"x": {"a": 1, "y": 2}}'), "cart.x.y": "v"}, '{"cart": {"x": {"a": 1, "y": "v"}}}'),
        ({"cart": json('{"x": 5}'), "cart.x.y": "v"}, '{"cart": {"x": {"y": "v"}}}'),
        ({"cart": json('{"x": 5}'), "cart.x": text(None)}, '{"cart": {"x": null}}'),
        ({"a": text(None), "a.b": json('{"c": 1}'), "a.b.d": "v"}, '{"a": {"b": {"c": 1, "d": "v"}}}'),
        ({"traits": '{"a": 1, "plan": "x"}', "plan": "pro"}, '{"a": 1, "plan": "pro"}'),
        ({"traits": json('{"cart": {"a": 1, "x": 2}}'), "cart.x": "v"}, '{"cart": {"a": 1, "x": "v"}}'),
        ({"traits": STRUCT, "traits.x": "v"}, '{"a": 1, "x": "v"}'),
        ({"traits": '{"plan": "x"}', "plan": text(None)}, '{"plan": null}'),
        ({"traits": text("  "), "plan": "pro"}, '{"plan": "pro"}'),
        ({"traits": text(None)}, "{}"),
        ({"traits": ' {"a": [1, {"b": null}]} '}, '{"a": [1, {"b": null}]}'),
    ],
)
def test_paths_meet(map_rows: MapRows, columns: dict[str, Any], traits: str) -> None:
    """A column that holds an object and the columns below it become one object; the deeper path wins."""
    assert map_rows({"userId": "7", **columns}).call()["traits"] == parsed(traits)


@pytest.mark.parametrize(
    "cart",
    [
        text("pen"),
        text('{"a": 1}'),
        text(""),
        json("5"),
        json("[1]"),
        Column([1], pa.int64()),
        Column([True], pa.bool_()),
    ],
)
def test_path_conflict(map_rows: MapRows, cart: Column) -> None:
    """A row in which a path goes on below a value that is no object is refused; the column in the way is named."""
    outcome = map_rows({"userId": "7", "cart": cart, "cart.x": "v"})
    assert outcome.codes == {1: "path_conflict"}
    assert outcome.failures[1].column == "cart"


def test_path_conflict_is_judged_row_by_row(map_rows: MapRows) -> None:
    """Only the rows in which the paths collide are refused."""
    columns = {"userId": text("1", "2", "3"), "cart": json(None, "5", '{"a": 1}'), "cart.x": text("v", "v", "v")}
    outcome = map_rows(columns)
    assert outcome.codes == {2: "path_conflict"}
    assert outcome.call(1)["traits"] == {"cart": {"x": "v"}}
    assert outcome.call(3)["traits"] == parsed('{"cart": {"a": 1, "x": "v"}}')


@pytest.mark.parametrize("name", ["context", "integrations"])
def test_objects_at_the_top(map_rows: MapRows, name: str) -> None:
    """context and integrations may be text, JSON, a struct or dotted columns; the dotted ones win."""
    for whole in (text('{"a": 1, "x": 2}'), json('{"a": 1, "x": 2}'), STRUCT, MAP):
        assert added(map_rows, IDENTIFY, {name: whole}) == {name: parsed('{"a": 1, "x": 2}')}
        assert added(map_rows, IDENTIFY, {name: whole, f"{name}.x": "v"}) == {name: parsed('{"a": 1, "x": "v"}')}
    for nothing in (text(None), text(" \n"), json(None), json("null"), Column([None], pa.null())):
        assert added(map_rows, IDENTIFY, {name: nothing}) == {}
        assert added(map_rows, IDENTIFY, {name: nothing, f"{name}.x": "v"}) == {name: {"x": "v"}}


def test_null_in_context_is_left_out(map_rows: MapRows) -> None:
    """NULL below a reserved name is absent, whatever the sync says of NULL."""
    assert added(map_rows, IDENTIFY, {"context.ip": text(None)}) == {}
    assert added(map_rows, IDENTIFY, {"context.ip": json("null"), "context.own": one(float("nan"), pa.float64())}) == {}
    assert added(map_rows, IDENTIFY, {"context.ip": text(None), "context.os.name": "v"}) == {
        "context": {"os": {"name": "v"}}
    }


@pytest.mark.parametrize(
    "value",
    [
        text("{"),
        text("[]"),
        text("5"),
        text('"x"'),
        text("null"),
        json("[1]"),
        json('"{}"'),
        Column([5], pa.int64()),
        Column([True]),
    ],
)
def test_what_is_no_object(map_rows: MapRows, value: Column) -> None:
    """A row is refused where context, integrations, traits or relationshipAttributes is no JSON object."""
    value = Column(value.values, pa.bool_()) if value.values == [True] else value
    for kind, name in (
        (IDENTIFY, "context"),
        (TRACK, "integrations"),
        (IDENTIFY, "traits"),
        (TRACK, "properties"),
        (GROUP, "relationshipAttributes"),
    ):
        outcome = map_rows({**NEEDED[kind], name.upper() if name == "context" else name: value}, kind)
        assert outcome.codes == {1: f"bad_type:{name}"}


# ------------------------------------------------------------------------------------------------ what a row must have


@pytest.mark.parametrize(
    ("kind", "columns", "code"),
    [
        (IDENTIFY, {"email": "a@x.io"}, "missing_identifier"),
        (IDENTIFY, {"userId": " \t"}, "missing_identifier"),
        (IDENTIFY, {"groupId": "g"}, "missing_identifier"),
        (IDENTIFY, {"anonymousId": "a"}, None),
        (GROUP, {"userId": "7"}, "missing_group_id"),
        (GROUP, {"groupId": "g"}, None),
        (TRACK, {"userId": "7"}, "missing_event"),
        (TRACK, {"event": text(None)}, "missing_event"),
        (TRACK, {"event": "E"}, "missing_identifier"),
        (TRACK, {"event": "E", "groupId": "g"}, None),
        (PAGE, {"name": "Home"}, "missing_identifier"),
        (SCREEN, {"anonymousId": "a"}, None),
        (ALIAS, {"previousId": "6"}, "missing_identifier"),
        (ALIAS, {"anonymousId": "a", "previousId": "6"}, "missing_identifier"),
        (ALIAS, {"userId": "7"}, "missing_previous_id"),
        (ALIAS, {"plan": "pro"}, "missing_identifier"),
    ],
)
def test_requirements(map_rows: MapRows, kind: CallKind, columns: dict[str, Any], code: str | None) -> None:
    """Each kind of call has fields without which it is none; of two that are missing the first is told."""
    assert map_rows(columns, kind).codes == ({} if code is None else {1: code})


@pytest.mark.parametrize(
    ("column", "enough"),
    [
        ({"email": "a@x.io"}, True),
        ({"traits.email": "a@x.io"}, True),
        ({"traits": '{"email": "a@x.io"}'}, True),
        ({"traits": '{"email": " "}'}, False),
        ({"traits": '{"email": 5}'}, False),
        ({"traits": '{"email": "a@x.io"}', "email": text(None)}, False),
        ({"email": " "}, False),
        ({"email": text(None)}, False),
        ({"email": Column([5], pa.int64())}, False),
        ({"email": Column([19_000], pa.date32())}, False),
        ({"email": json('"a@x.io"')}, True),
        ({"EMAIL": "a@x.io"}, False),
        ({"work.email": "a@x.io"}, False),
    ],
)
def test_email_identity(map_rows: MapRows, column: dict[str, Any], enough: bool) -> None:
    """With the switch, an e-mail in the traits is identity enough for an identify call, and for no other."""
    options = replace(OPTIONS, email_identity=True)
    assert map_rows(column, IDENTIFY, options).codes == ({} if enough else {1: "missing_identifier"})
    assert map_rows({"event": "E", "properties.email": "a@x.io"}, TRACK, options).codes == {1: "missing_identifier"}


BAD = Column([True], pa.bool_())
IN_ORDER: list[tuple[str, dict[str, Any]]] = [
    ("bad_type:userId", {"userId": BAD}),
    ("bad_type:anonymousId", {"anonymousId": BAD}),
    ("bad_type:groupId", {"groupId": BAD}),
    ("bad_type:event", {"event": BAD}),
    ("bad_type:messageId", {"messageId": BAD}),
    ("bad_timestamp", {"timestamp": BAD}),
    ("bad_type:context", {"context": "5"}),
    ("bad_type:integrations", {"integrations": "5"}),
    ("bad_type:properties", {"properties": "5"}),
    ("path_conflict", {"cart": "5", "cart.x": "5"}),
    ("column_too_large", {"big": "x" * 3000}),
]


def test_the_first_fault_is_told(map_rows: MapRows) -> None:
    """A row with several faults fails with the first of them in the documented order."""
    limits = RowLimits(column_bytes=1000)
    columns: dict[str, Any] = {}
    for code, fault in reversed(IN_ORDER):
        columns |= fault
        assert map_rows({**NEEDED[TRACK], **columns}, TRACK, limits=limits).codes == {1: code}


def test_faults_of_several_rows(map_rows: MapRows) -> None:
    """Rows keep their numbers; the good ones come through in order, each with the messageId of its number."""
    columns = {"userId": text("1", None, "3", "4"), "timestamp": text(None, None, "soon", "2024-05-06")}
    outcome = map_rows(columns)
    assert outcome.codes == {2: "missing_identifier", 3: "bad_timestamp"}
    assert [(row, call["messageId"]) for row, call in outcome.calls.items()] == [(1, f"{RUN}-1"), (4, f"{RUN}-4")]


def test_rows_are_numbered_from_where_the_batch_begins() -> None:
    """Row numbers go on from batch to batch, also in a slice of a larger batch."""
    batch = table({"userId": text("1", "2", None, "4"), "plan": text("a", "b", "c", "d")}).slice(1)
    mapped = Mapping(batch.schema, IDENTIFY, OPTIONS, LIMITS).map(batch, 1000, RUN, 0)
    assert set(mapped.failures) == {1001}
    assert mapped.calls.columns.to_pydict()["row"] == [1000, 1002]
    assert [call["messageId"] for call in mapped.calls.dicts()] == [f"{RUN}-1000", f"{RUN}-1002"]
    assert [call["traits"] for call in mapped.calls.dicts()] == [{"plan": "b"}, {"plan": "d"}]


def test_failures_name_column_and_value_of_limits(map_rows: MapRows) -> None:
    """A failure tells which column is at fault."""
    outcome = map_rows({"USERID": BAD})
    assert outcome.failures[1].column == "USERID"
    outcome = map_rows({"userId": "7", "big": "x" * 200 * 1024})
    assert outcome.failures[1].column == "big"


def test_sizes(map_rows: MapRows) -> None:
    """One value may have 128 KiB and one record 512 KiB of JSON; escapes count, and characters count as their bytes."""
    assert map_rows({"userId": "7", "a": "x" * 120 * 1024}).codes == {}
    assert map_rows({"userId": "7", "a": "x" * 136 * 1024}).codes == {1: "column_too_large"}
    assert map_rows({"userId": "7", "a": "é" * 70 * 1024}).codes == {1: "column_too_large"}
    assert map_rows({"userId": "7", "a": '"' * 70 * 1024}).codes == {1: "column_too_large"}
    assert map_rows({"userId": "7", "context": stdlib_json.dumps({"a": "x" * 136 * 1024})}).codes == {
        1: "column_too_large"
    }
    four, five = ({f"c{i}": "x" * 120 * 1024 for i in range(n)} for n in (4, 5))
    assert map_rows({"userId": "7", **four}).codes == {}
    assert map_rows({"userId": "7", **five}).codes == {1: "record_too_large"}


@pytest.mark.parametrize("kind", list(CallKind))
def test_no_rows(map_rows: MapRows, kind: CallKind) -> None:
    """A batch without rows is mapped to a batch without calls."""
    batch = table({**NEEDED[kind], "plan": "pro", "cart": json("{}"), "cart.x": "v"}).slice(0, 0)
    outcome = map_rows(batch, kind)
    assert outcome.calls == {}
    assert outcome.failures == {}


def test_value_of_a_small_limit(map_rows: MapRows) -> None:
    """The limits are the sync's own."""
    limits = RowLimits(column_bytes=100, record_bytes=1000)
    columns = {"userId": "7"} | {f"c{i}": "x" * 80 for i in range(20)}
    assert map_rows(columns, limits=limits).codes == {1: "record_too_large"}
    assert map_rows({"userId": "7", "c": "x" * 120}, limits=limits).codes == {1: "column_too_large"}
    assert map_rows({"userId": "7", "c": "x" * 80}, limits=limits).codes == {}


def test_json_of_any_depth_is_judged_not_crashed_on() -> None:
    """JSON nested beyond what readers of JSON take refuses its row; nothing ends the run."""
    deep, fine = "[" * 5_000 + "]" * 5_000, "[" * 150 + "]" * 150
    batch = table({"userId": text("1", "2"), "doc": json(deep, fine)})
    mapped = Mapping(batch.schema, IDENTIFY, OPTIONS, LIMITS).map(batch, 1, RUN, 0)
    assert {row: failure.code for row, failure in mapped.failures.items()} == {1: "bad_json"}
    assert len(list(mapped.calls.dicts())) == 1
