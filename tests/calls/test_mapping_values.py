"""What the values of a body become, proved of both mappings."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from headrace.calls.mapping import Mapping
from headrace.model import CallKind
from tests.calls.tables import (
    DICTIONARY,
    INF,
    LIMITS,
    NAN,
    OPTIONS,
    RUN,
    Column,
    MapRows,
    json,
    numeric,
    one,
    parsed,
    table,
    text,
)

BERLIN = "Europe/Berlin"

# ----------------------------------------------------------------------------------------------------- body's values

NESTED = pa.struct([("a", pa.list_(pa.float64())), ("t", pa.timestamp("ns")), ("d", pa.decimal128(12, 2))])


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (text("plain"), '"plain"'),
        (text(""), '""'),
        (text('{"a": 1}'), r'"{\"a\": 1}"'),
        (text('\x00\x1f\x7f"\\/\u2028\u00e9😀'), r'"\u0000\u001f\u007f\"\\/\u2028\u00e9\ud83d\ude00"'),
        (one("x", pa.large_string()), '"x"'),
        (one("x", pa.string_view()), '"x"'),
        (one("x", DICTIONARY), '"x"'),
        (one(7, pa.dictionary(pa.int8(), pa.int64())), "7"),
        (one(True, pa.bool_()), "true"),
        (one(-(2**63), pa.int64()), "-9223372036854775808"),
        (one(2**64 - 1, pa.uint64()), "18446744073709551615"),
        (one(-0.0, pa.float64()), "-0.0"),
        (one(5e-324, pa.float64()), "5e-324"),
        (one(1.7976931348623157e308, pa.float64()), "1.7976931348623157e308"),
        (one(123456789012345680.0, pa.float64()), "123456789012345680"),
        (one(0.1, pa.float64()), "0.1"),
        (one(0.1, pa.float32()), "0.1"),
        (one(NAN, pa.float64()), "null"),
        (one(-INF, pa.float32()), "null"),
        (one(Decimal("12.50"), pa.decimal128(12, 2)), "12.5"),
        (one(Decimal("5.00"), pa.decimal128(12, 2)), "5"),
        (one(Decimal("-0.0000000001"), pa.decimal128(38, 10)), "-0.0000000001"),
        (
            one(Decimal("1234567890123456789012345678.0123456789"), pa.decimal128(38, 10)),
            "1234567890123456789012345678.0123456789",
        ),
        (numeric("1" * 80 + ".50"), "1" * 80 + ".5"),
        (numeric("0.10"), "0.1"),
        (numeric("1E-10"), "0.0000000001"),
        (numeric("0E-10"), "0"),
        (numeric("1.5E+5"), "150000"),
        (numeric("NaN"), "null"),
        (numeric("-Infinity"), "null"),
        (one(253_402_300_800, pa.timestamp("s", "UTC")), "null"),
        (one(-(2**63), pa.timestamp("us")), "null"),
        (one(2**31 - 1, pa.date32()), "null"),
        (one(-(2**31), pa.date32()), "null"),
        (one(-719_163, pa.date32()), "null"),
        (one(-1, pa.timestamp("us", "UTC")), '"1969-12-31T23:59:59.999Z"'),
        (one(-62_135_596_800_000, pa.timestamp("ms", "UTC")), '"0001-01-01T00:00:00.000Z"'),
        (one(253_402_300_799_999_999, pa.timestamp("us")), '"9999-12-31T23:59:59.999Z"'),
        (one(1_700_000_000, pa.timestamp("s", BERLIN)), '"2023-11-14T22:13:20.000Z"'),
        (one(-719_162, pa.date32()), '"0001-01-01"'),
        (one(2_932_896, pa.date32()), '"9999-12-31"'),
        (one(-86_400_000, pa.date64()), '"1969-12-31"'),
        (one(3_723, pa.time32("s")), '"01:02:03"'),
        (one(3_723_500, pa.time32("ms")), '"01:02:03.5"'),
        (one(86_399_999_999, pa.time64("us")), '"23:59:59.999999"'),
        (one(1, pa.time64("ns")), '"00:00:00.000000001"'),
        (one(1_500, pa.duration("ms")), '"PT1.5S"'),
        (one(-1_500, pa.duration("ms")), '"-PT1.5S"'),
        (one(0, pa.duration("s")), '"PT0S"'),
        (one(90_061, pa.duration("s")), '"PT90061S"'),
        (one(-1, pa.duration("ns")), '"-PT0.000000001S"'),
        (json('{"a": [1, {"b": null}], "n": 123456789012345678901234567890}'), None),
        (json('"text"'), '"text"'),
        (json("null"), "null"),
        (json("1.50"), "1.5"),
        (json("[1E400, 1e-400]"), "[1e400, 1e-400]"),
        (one(b"\xff\x00", pa.binary()), '"/wA="'),
        (one(b"", pa.large_binary()), '""'),
        (one(b"abc", pa.binary(3)), '"YWJj"'),
        (one([1, None, 3], pa.list_(pa.int64())), "[1, null, 3]"),
        (one([], pa.large_list(pa.string())), "[]"),
        (one(Decimal("1.50"), pa.decimal256(50, 5)), "1.5"),
        (one(Decimal("-" + "1" * 60), pa.decimal256(76, 5)), "-" + "1" * 60),
        (one([1, 2], pa.list_(pa.int64(), 2)), "[1, 2]"),
        (one([["a"], None, []], pa.list_(pa.list_(pa.string()))), '[["a"], null, []]'),
        (
            one({"a": [NAN, 1.5], "t": 1, "d": Decimal("2.50")}, NESTED),
            '{"a": [null, 1.5], "t": "1970-01-01T00:00:00.000Z", "d": 2.5}',
        ),
        (one({"a": None, "t": None, "d": None}, NESTED), '{"a": null, "t": null, "d": null}'),
        (one([("k", 1), ('"', None)], pa.map_(pa.string(), pa.int64())), r'{"k": 1, "\"": null}'),
        (one([(7, "x")], pa.map_(pa.int32(), pa.string())), '{"7": "x"}'),
        (one([b"\xff"], pa.list_(pa.binary())), '["/w=="]'),
        (one([True, False], pa.list_(pa.bool_())), "[true, false]"),
        (one(None, pa.null()), "null"),
        (one(None, pa.int64()), "null"),
        (one(None, NESTED), "null"),
    ],
)
def test_value(map_rows: MapRows, column: Column, expected: str | None) -> None:
    """Each type has one JSON form, and numbers are exact."""
    expected = column.values[0] if expected is None else expected
    assert map_rows({"userId": "7", "v": column}).call()["traits"] == {"v": parsed(expected)}
    assert map_rows({"userId": "7", "a.v": column}).call()["traits"] == {"a": {"v": parsed(expected)}}


def test_json_inside_a_list(map_rows: MapRows) -> None:
    """Elements that a source marks as JSON or as numbers are embedded as such."""
    marked = pa.list_(pa.field("item", pa.string(), metadata={b"headrace": b"json"}))
    assert map_rows({"userId": "7", "v": one(['{"a": 1}', None], marked)}).call()["traits"] == parsed(
        '{"v": [{"a": 1}, null]}'
    )
    marked = pa.list_(pa.field("item", pa.string(), metadata={b"headrace": b"numeric"}))
    assert map_rows({"userId": "7", "v": one(["1.50", "NaN"], marked)}).call()["traits"] == parsed('{"v": [1.5, null]}')


@pytest.mark.parametrize(
    ("column", "options", "expected"),
    [
        (one(2**53, pa.int64()), {"big_integers": "string"}, "9007199254740992"),
        (one(2**53 + 1, pa.int64()), {"big_integers": "string"}, '"9007199254740993"'),
        (one(-(2**53) - 1, pa.int64()), {"big_integers": "string"}, '"-9007199254740993"'),
        (one(-(2**63), pa.int64()), {"big_integers": "string"}, '"-9223372036854775808"'),
        (one([2**60, 1], pa.list_(pa.int64())), {"big_integers": "string"}, '["1152921504606846976", 1]'),
        (json("123456789012345678901234567890"), {"big_integers": "string"}, "123456789012345678901234567890"),
        (one(Decimal("12.50"), pa.decimal128(12, 2)), {"decimals": "string"}, '"12.50"'),
        (one(Decimal("1E-10"), pa.decimal128(38, 10)), {"decimals": "string"}, '"0.0000000001"'),
        (numeric("12.50"), {"decimals": "string"}, '"12.50"'),
        (numeric("NaN"), {"decimals": "string"}, "null"),
        (one(1.5, pa.float64()), {"decimals": "string"}, "1.5"),
        (one([Decimal("2.50")], pa.list_(pa.decimal128(12, 2))), {"decimals": "string"}, '["2.50"]'),
        (one(b"\xff\x0a", pa.binary()), {"binary": "hex"}, '"ff0a"'),
        (one([b"\xff"], pa.list_(pa.binary())), {"binary": "hex"}, '["ff"]'),
    ],
)
def test_value_by_option(map_rows: MapRows, column: Column, options: dict[str, str], expected: str) -> None:
    """Large integers, decimals and bytes have a second form, also inside lists; embedded JSON is left alone."""
    outcome = map_rows({"userId": "7", "v": column}, options=replace(OPTIONS, **options))  # type: ignore[arg-type]  # each a string
    assert outcome.call()["traits"] == {"v": parsed(expected)}


def test_broken_json(map_rows: MapRows) -> None:
    """JSON that a source vouched for and that is none refuses its row alone, and names the column."""
    outcome = map_rows({"userId": text("1", "2", "3", "4"), "doc": json('{"a": 1}', '{"a": ', "NaN", r'"\ud800"')})
    assert outcome.codes == {2: "bad_json", 3: "bad_json", 4: "bad_json"}
    assert outcome.failures[2].column == "doc"
    assert outcome.call(1)["traits"] == parsed('{"doc": {"a": 1}}')


def test_notes_count_what_is_not_finite() -> None:
    """Each NaN or infinity that is sent as null is counted."""
    columns = {
        "userId": text("1", "2"),
        "x": Column([NAN, 1.0], pa.float64()),
        "y": numeric("Infinity", "NaN"),
        "z": Column([[NAN, 0.0, -INF], None], pa.list_(pa.float32())),
    }
    batch = table(columns)
    mapped = Mapping(batch.schema, CallKind.IDENTIFY, OPTIONS, LIMITS).map(batch, 1, RUN, 0)
    assert sum(mapped.notes.values()) == 5
    quiet = table({"userId": "1", "x": one(1.0, pa.float64())})
    assert Mapping(quiet.schema, CallKind.IDENTIFY, OPTIONS, LIMITS).map(quiet, 1, RUN, 0).notes == {}


# -------------------------------------------------------------------------------------------------------------- NULL


@pytest.mark.parametrize(
    ("handling", "columns", "traits"),
    [
        ("send", {"a": text(None), "b.c": text(None)}, '{"a": null, "b": {"c": null}}'),
        ("omit", {"a": text(None), "b.c": text(None)}, "{}"),
        ("omit", {"b.c": text(None), "b.d": "v"}, '{"b": {"d": "v"}}'),
        ("omit", {"b.c.d": text(None), "b.e": text(None)}, "{}"),
        ("omit", {"a": one([None], pa.list_(pa.int64()))}, '{"a": [null]}'),
        ("omit", {"a": one({"x": None}, pa.struct([("x", pa.int64())]))}, '{"a": {"x": null}}'),
        (
            "omit",
            {"a": json("null"), "b": one(NAN, pa.float64()), "c": numeric("NaN")},
            '{"a": null, "b": null, "c": null}',
        ),
        ("omit", {"cart": json('{"x": 1}'), "cart.x": text(None)}, '{"cart": {"x": 1}}'),
        ("omit", {"cart": text(None), "cart.x": text(None)}, "{}"),
        ("omit", {"cart": json("{}"), "cart.x": text(None)}, '{"cart": {}}'),
    ],
)
def test_null(map_rows: MapRows, handling: str, columns: dict[str, Any], traits: str) -> None:
    """NULL in the body is sent as null or left out; an object of which nothing is left is left out too."""
    options = replace(OPTIONS, null_handling=handling)
    assert map_rows({"userId": "7", **columns}, options=options).call()["traits"] == parsed(traits)


@pytest.mark.parametrize(("handling", "kept"), [("send", "b"), ("omit", "a")])
def test_null_by_column(map_rows: MapRows, handling: str, kept: str) -> None:
    """A column may differ from the sync's rule for NULL."""
    options = replace(OPTIONS, null_handling=handling, null_columns={"a": "omit" if handling == "send" else "send"})
    assert map_rows({"userId": "7", "a": text(None), "b": text(None)}, options=options).call()["traits"] == {kept: None}


def test_null_by_column_on_the_way(map_rows: MapRows) -> None:
    """A NULL that is sent stays, where all that would go on below it is left out."""
    options = replace(OPTIONS, null_handling="omit", null_columns={"cart.x": "send"})
    columns = {"userId": "7", "cart.x": text(None), "cart.x.y": text(None)}
    assert map_rows(columns, options=options).call()["traits"] == {"cart": {"x": None}}


# ----------------------------------------------------------------------------------------- words with a meaning of own


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (one(True, pa.bool_()), True),
        (one(False, pa.bool_()), False),
        (one(1, pa.int8()), True),
        (one(0, pa.uint64()), False),
        (one(Decimal("1.00"), pa.decimal128(5, 2)), True),
        (text("TRUE"), True),
        (text("t"), True),
        (text("Yes"), True),
        (text("1"), True),
        (text("false"), False),
        (text("F"), False),
        (text("no"), False),
        (text("0"), False),
        (json("true"), True),
        (one("true", DICTIONARY), True),
    ],
)
@pytest.mark.parametrize("name", ["_update", "_UPDATE", "traits._update"])
def test_update_only(map_rows: MapRows, column: Column, expected: bool, name: str) -> None:
    """``_update`` of an identify call is a boolean, however the database spells it."""
    traits = map_rows({"userId": "7", name: column}).call()["traits"]
    assert list(traits) == ["_update"]
    assert traits["_update"] is expected


@pytest.mark.parametrize(
    "column", [text("maybe"), text(""), one(2, pa.int8()), json("{}"), one([1], pa.list_(pa.int8()))]
)
def test_what_is_no_update(map_rows: MapRows, column: Column) -> None:
    """Anything else refuses the row."""
    assert map_rows({"userId": "7", "_update": column}).codes == {1: "bad_type:_update"}


def test_update_of_other_calls(map_rows: MapRows) -> None:
    """NULL is left out whatever the sync says of NULL; in other calls ``_update`` is a value like any."""
    assert map_rows({"userId": "7", "_update": text(None)}).call()["traits"] == {}
    assert map_rows({"groupId": "7", "_update": "maybe"}, CallKind.GROUP).call()["traits"] == {"_update": "maybe"}


@pytest.mark.parametrize("name", ["relationshipAttributes", "traits.relationshipAttributes"])
def test_relationship_attributes(map_rows: MapRows, name: str) -> None:
    """Text is read as an object in a group call, merged with dotted columns; elsewhere it is text."""
    columns = {"groupId": "g", name: '{"role": "admin"}'}
    expected = {"relationshipAttributes": {"role": "admin"}}
    assert map_rows(columns, CallKind.GROUP).call()["traits"] == expected
    columns["relationshipAttributes.since"] = "2024"
    expected["relationshipAttributes"]["since"] = "2024"
    assert map_rows(columns, CallKind.GROUP).call()["traits"] == expected
    assert map_rows({"userId": "7", "relationshipAttributes": "{}"}).call()["traits"] == {
        "relationshipAttributes": "{}"
    }


@pytest.mark.parametrize("name", ["relationshipAttributes", "objectTypeId"])
def test_lower_case_spares_what_has_a_meaning(map_rows: MapRows, name: str) -> None:
    """The switch that lower-cases names does not take the meaning from those that have one."""
    options = replace(OPTIONS, lower_case=True)
    for lower_case in (OPTIONS, options):
        call = map_rows({"groupId": "g", name: '{"role": "admin"}'}, CallKind.GROUP, lower_case).call()
        assert call["traits"][name] in ({"role": "admin"}, '{"role": "admin"}')
    assert map_rows({"userId": "7", name: "{}"}, options=options).call()["traits"] == {name.lower(): "{}"}


def test_no_relationship_attributes(map_rows: MapRows) -> None:
    """NULL follows the sync's rule for NULL, and blank text is as good as NULL."""
    blank = map_rows(
        {"groupId": "g", "relationshipAttributes": " "}, CallKind.GROUP, replace(OPTIONS, null_handling="omit")
    )
    assert blank.call()["traits"] == {}
    columns = {"groupId": "g", "relationshipAttributes": text(None)}
    sent = map_rows(columns, CallKind.GROUP).call()["traits"]
    assert sent == {"relationshipAttributes": None}
    left_out = map_rows(columns, CallKind.GROUP, replace(OPTIONS, null_handling="omit")).call()["traits"]
    assert left_out == {}


@pytest.mark.parametrize(
    ("columns", "traits"),
    [
        ({"object_type_id": one(2, pa.int64())}, '{"object_type_id": "2"}'),
        ({"traits.object_type_id": text("2")}, '{"object_type_id": "2"}'),
        ({"objectTypeId": one(2, pa.int64())}, '{"objectTypeId": 2, "object_type_id": "2"}'),
        ({"objectTypeId": text("2"), "object_type_id": text("3")}, '{"objectTypeId": "2", "object_type_id": "3"}'),
        (
            {"objectTypeId": one(True, pa.bool_()), "object_type_id": text("3")},
            '{"objectTypeId": true, "object_type_id": "3"}',
        ),
        ({"objectTypeId": text(None)}, '{"objectTypeId": null}'),
        ({"objectTypeId": text(" ")}, '{"objectTypeId": " "}'),
        ({"a.objectTypeId": text("2")}, '{"a": {"objectTypeId": "2"}}'),
    ],
)
def test_type_of_an_object(map_rows: MapRows, columns: dict[str, Any], traits: str) -> None:
    """The type of a group's object is text on the wire, beside the user's own column."""
    assert map_rows({"groupId": "g", **columns}, CallKind.GROUP).call()["traits"] == parsed(traits)
