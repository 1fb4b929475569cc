"""Where columns go, and which columns a query may have, proved of both mappings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from headrace.calls.mapping import Mapping
from headrace.errors import QueryError
from headrace.model import CallKind, RowLimits
from tests.calls.tables import (
    ALIAS,
    GROUP,
    IDENTIFY,
    LIMITS,
    NEEDED,
    OPTIONS,
    PAGE,
    SCREEN,
    TRACK,
    Column,
    MapRows,
    added,
    parsed,
    table,
    text,
)

# ------------------------------------------------------------------------------------------------------ where it goes


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        (IDENTIFY, "plan", {"traits": {"plan": "v"}}),
        (IDENTIFY, "cart.item.name", {"traits": {"cart": {"item": {"name": "v"}}}}),
        (IDENTIFY, r"a\.b", {"traits": {"a.b": "v"}}),
        (IDENTIFY, r"a\.b.c", {"traits": {"a.b": {"c": "v"}}}),
        (IDENTIFY, r"a\b", {"traits": {"a\\b": "v"}}),
        (IDENTIFY, ".lead", {"traits": {".lead": "v"}}),
        (IDENTIFY, "trail.", {"traits": {"trail.": "v"}}),
        (IDENTIFY, "a..b", {"traits": {"a..b": "v"}}),
        (IDENTIFY, ".", {"traits": {".": "v"}}),
        (IDENTIFY, "", {"traits": {"": "v"}}),
        (IDENTIFY, ' "quoted"\n\x00', {"traits": {' "quoted"\n\x00': "v"}}),
        (IDENTIFY, "ключ.😀", {"traits": {"ключ": {"😀": "v"}}}),
        (IDENTIFY, "ANONYMOUSID", {"anonymousId": "v"}),
        (IDENTIFY, "groupid", {"groupId": "v"}),
        (IDENTIFY, " userId", {"traits": {" userId": "v"}}),
        (IDENTIFY, "event", {"traits": {"event": "v"}}),
        (IDENTIFY, "previousId", {"traits": {"previousId": "v"}}),
        (IDENTIFY, "name", {"traits": {"name": "v"}}),
        (IDENTIFY, "type", {"traits": {"type": "v"}}),
        (IDENTIFY, "sentAt", {"traits": {"sentAt": "v"}}),
        (IDENTIFY, "properties.x", {"traits": {"properties": {"x": "v"}}}),
        (IDENTIFY, "properties", {"traits": {"properties": "v"}}),
        (IDENTIFY, "TRAITS.Plan", {"traits": {"Plan": "v"}}),
        (IDENTIFY, "traits.traits.x", {"traits": {"traits": {"x": "v"}}}),
        (IDENTIFY, "traits.userId", {"traits": {"userId": "v"}}),
        (TRACK, "traits.x", {"properties": {"traits": {"x": "v"}}}),
        (TRACK, "Properties.x", {"properties": {"x": "v"}}),
        (TRACK, "name", {"properties": {"name": "v"}}),
        (TRACK, "GROUPID", {"groupId": "v"}),
        (PAGE, "groupId", {"properties": {"groupId": "v"}}),
        (PAGE, "name", {"name": "v", "properties": {"name": "v"}}),
        (SCREEN, "category", {"category": "v", "properties": {"category": "v"}}),
        (PAGE, "properties.name", {"properties": {"name": "v"}}),
        (PAGE, "event", {"name": "v"}),
        (GROUP, "traits.name", {"traits": {"name": "v"}}),
        (GROUP, "event", {"traits": {"event": "v"}}),
        (IDENTIFY, "context.ip", {"context": {"ip": "v"}}),
        (IDENTIFY, "CONTEXT.IP", {"context": {"ip": "v"}}),
        (IDENTIFY, "context.USERAGENT", {"context": {"userAgent": "v"}}),
        (IDENTIFY, "context.DEVICE.Token", {"context": {"device": {"Token": "v"}}}),
        (IDENTIFY, "context.Own", {"context": {"Own": "v"}}),
        (IDENTIFY, "INTEGRATIONS.Mixpanel", {"integrations": {"Mixpanel": "v"}}),
    ],
)
def test_place_of_a_column(map_rows: MapRows, kind: CallKind, name: str, expected: dict[str, Any]) -> None:
    """A name, split at its dots, is a path; reserved names go to the top in the API's spelling, others to the body."""
    assert added(map_rows, kind, {name: "v"}) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EMAIL", {"traits": {"email": "v"}}),
        ("Cart.Item", {"traits": {"cart": {"item": "v"}}}),
        ("TRAITS.Plan", {"traits": {"plan": "v"}}),
        ("ANONYMOUSID", {"anonymousId": "v"}),
        ("context.USERAGENT", {"context": {"userAgent": "v"}}),
        ("integrations.Mixpanel", {"integrations": {"Mixpanel": "v"}}),
    ],
)
def test_lower_case(map_rows: MapRows, name: str, expected: dict[str, Any]) -> None:
    """The switch lower-cases names in the body; reserved names and their children keep the API's spelling."""
    assert added(map_rows, IDENTIFY, {name: "v"}, lower_case=True) == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"name": "Home", "event": "Viewed"}, {"name": "Home", "properties": {"name": "Home"}}),
        ({"name": text(None), "event": "Viewed"}, {"name": "Viewed", "properties": {"name": None}}),
        ({"name": "  ", "event": "Viewed"}, {"name": "Viewed", "properties": {"name": "  "}}),
        ({"name": Column([404], pa.int64())}, {"name": "404", "properties": parsed('{"name": 404}')}),
        ({"NAME": "Home"}, {"name": "Home", "properties": {"name": "Home"}}),
        ({"name": ""}, {"properties": {"name": ""}}),
    ],
)
def test_name_of_a_page(map_rows: MapRows, columns: dict[str, Any], expected: dict[str, Any]) -> None:
    """A page is called by its ``name``, which stays in properties as it is, or else by ``event``, which does not."""
    assert added(map_rows, PAGE, columns) == expected


def test_alias_has_no_body(map_rows: MapRows) -> None:
    """Other columns of an alias are not sent."""
    assert added(map_rows, ALIAS, {"plan": "pro", "groupId": "g"}) == {}


# ----------------------------------------------------------------------------------------------- what columns may be


def refusals(columns: dict[str, Any] | pa.RecordBatch, kind: CallKind = IDENTIFY, **changes: Any) -> Any:
    batch = columns if isinstance(columns, pa.RecordBatch) else table(columns)
    options, limits = changes.get("options", OPTIONS), changes.get("limits", LIMITS)
    with pytest.raises(QueryError) as caught:
        Mapping(batch.schema, kind, options, limits)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "first", "second", "lower_case"),
    [
        (IDENTIFY, "userId", "USERID", False),
        (IDENTIFY, "plan", "traits.plan", False),
        (IDENTIFY, "context.ip", "Context.IP", False),
        (IDENTIFY, "traits", "Traits", False),
        (IDENTIFY, "_update", "_UPDATE", False),
        (IDENTIFY, "Plan", "plan", True),
        (PAGE, "name", "NAME", False),
        (PAGE, "name", "properties.name", False),
        (IDENTIFY, r"a\.b", r"traits.a\.b", False),
    ],
)
def test_two_columns_for_one_place(kind: CallKind, first: str, second: str, lower_case: bool) -> None:
    """A query in which two columns go to the same place is refused, and both are named."""
    refused = refusals({**NEEDED[kind], first: "a", second: "b"}, kind, options=replace(OPTIONS, lower_case=lower_case))
    assert refused.code == "duplicate_column"
    assert first in refused.message
    assert second in refused.message


def test_the_same_column_twice() -> None:
    """``SELECT id, id`` is refused."""
    batch = pa.RecordBatch.from_arrays([pa.array(["1"]), pa.array(["2"])], names=["id", "id"])
    assert refusals(batch).code == "duplicate_column"


@pytest.mark.parametrize("kind", [TRACK, IDENTIFY])
def test_names_that_differ_in_case_are_two(map_rows: MapRows, kind: CallKind) -> None:
    """Names that are not reserved keep their case, and so do not meet."""
    assert added(map_rows, kind, {"Plan": "a", "plan": "b", "PLAN": "c"})[kind.body] == {
        "Plan": "a",
        "plan": "b",
        "PLAN": "c",
    }


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (IDENTIFY, "userId.x"),
        (TRACK, "EVENT.x"),
        (TRACK, "groupId.x"),
        (GROUP, "timestamp.x"),
        (ALIAS, "previousId.x"),
        (PAGE, "name.x"),
    ],
)
def test_scalars_have_no_children(kind: CallKind, name: str) -> None:
    """A child of a reserved name that is no object is refused, by its name."""
    refused = refusals({**NEEDED[kind], name: "v"}, kind)
    assert refused.code == "bad_column_name"
    assert name in refused.message


def test_number_of_columns() -> None:
    """512 columns are taken (with a warning beyond 300), 513 are refused; the message names both numbers."""
    columns = {"userId": "7"} | {f"c{i}": "v" for i in range(512)}
    assert refusals(columns).code == "too_many_columns"
    assert "513" in refusals(columns).message
    assert "512" in refusals(columns).message
    columns.pop("c0")
    (warning,) = Mapping(table(columns).schema, IDENTIFY, OPTIONS, LIMITS).warnings
    assert "512" in warning
    assert "300" in warning
    quiet = dict(list(columns.items())[:300])
    assert Mapping(table(quiet).schema, IDENTIFY, OPTIONS, LIMITS).warnings == ()


def test_length_of_a_column_name(map_rows: MapRows) -> None:
    """128 characters (not bytes) are taken, 129 are refused."""
    assert added(map_rows, IDENTIFY, {"ß" * 128: "v"}) == {"traits": {"ß" * 128: "v"}}
    assert refusals({"userId": "7", "x" * 129: "v"}).code == "column_name_too_long"


def test_length_of_the_id_columns_name() -> None:
    """The limit of the userId and timestamp columns binds them alone."""
    limits = RowLimits(id_column_name=5)
    assert refusals({"userId": "7", "a_longer_name": "v"}, limits=limits).code == "column_name_too_long"
    assert refusals({"anonymousId": "7", "timestamp": "2024-05-06"}, limits=limits).code == "column_name_too_long"
    Mapping(table({"anonymousId": "7", "a_longer_name": "v"}).schema, IDENTIFY, OPTIONS, limits)
