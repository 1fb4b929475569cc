"""What stands at the top of a call: identifiers, events and the moment it happened, proved of both mappings."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest

from headrace.model import CallKind
from tests.calls.tables import DICTIONARY, INF, NAN, OPTIONS, RUN, Column, MapRows, json, numeric, one, text

BERLIN = "Europe/Berlin"

# ------------------------------------------------------------------------------------------------------- identifiers


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (text(" 7 "), " 7 "),
        (text('a"b\n\u2028😀'), 'a"b\n\u2028😀'),
        (one(-7, pa.int8()), "-7"),
        (one(2**64 - 1, pa.uint64()), "18446744073709551615"),
        (one(7.0, pa.float64()), "7"),
        (one(0.25, pa.float64()), "0.25"),
        (one(1e22, pa.float64()), "10000000000000000000000"),
        (one(1.5e-7, pa.float64()), "0.00000015"),
        (one(-1e300, pa.float64()), "-1" + "0" * 300),
        (one(0.1, pa.float32()), "0.1"),
        (one(Decimal("12.50"), pa.decimal128(12, 2)), "12.5"),
        (one(Decimal("1200.00"), pa.decimal128(12, 2)), "1200"),
        (one(Decimal(1200), pa.decimal128(12, 0)), "1200"),
        (one(Decimal("1E-10"), pa.decimal128(38, 10)), "0.0000000001"),
        (numeric("12.50"), "12.5"),
        (numeric("1" + "0" * 60), "1" + "0" * 60),
        (one("v", DICTIONARY), "v"),
        (json('"v"'), "v"),
        (json("7"), "7"),
        (one(19_000, pa.date32()), "2022-01-08"),
        (one(1_700_000_000_123_456, pa.timestamp("us", "UTC")), "2023-11-14T22:13:20.123Z"),
        (text(""), None),
        (text(" \t\n\u00a0\u2003"), None),
        (text(None), None),
        (one(None, pa.null()), None),
        (one(NAN, pa.float64()), None),
        (one(-INF, pa.float64()), None),
        (numeric("NaN"), None),
        (json("null"), None),
        (one(2**62, pa.timestamp("us", "UTC")), None),
        (one(2**31 - 1, pa.date32()), None),
    ],
)
@pytest.mark.parametrize("name", ["userId", "messageId"])
def test_identifier(map_rows: MapRows, column: Column, expected: str | None, name: str) -> None:
    """Text stays as it is, numbers are written plainly, and NULL, blank text and NaN are missing."""
    columns = {"anonymousId": "a", name: column}
    outcome = map_rows(columns)
    assert outcome.codes == {}
    assert outcome.calls[1].get(name) == (f"{RUN}-1" if expected is None and name == "messageId" else expected)


@pytest.mark.parametrize(
    "column",
    [
        one(True, pa.bool_()),
        one(b"7", pa.binary()),
        one(7, pa.time32("s")),
        one(7, pa.duration("s")),
        one([7], pa.list_(pa.int64())),
        one({"a": 7}, pa.struct([("a", pa.int64())])),
        json('{"a": 7}'),
        json("[7]"),
        json("true"),
    ],
)
@pytest.mark.parametrize("name", ["userId", "anonymousId", "groupId", "messageId"])
def test_what_is_no_identifier(map_rows: MapRows, column: Column, name: str) -> None:
    """Booleans, bytes, lists and objects name nobody."""
    outcome = map_rows({"userId": "7", name: column})
    assert outcome.codes == {1: f"bad_type:{name}"}


@pytest.mark.parametrize(
    ("column", "event"),
    [
        (text(" Order "), " Order "),
        (one(404, pa.int16()), "404"),
        (one(Decimal("1.50"), pa.decimal128(5, 2)), "1.5"),
        (one("E", DICTIONARY), "E"),
        (one(True, pa.bool_()), None),
        (one(19_000, pa.date32()), None),
        (one(1, pa.timestamp("us")), None),
        (json('{"a": 1}'), None),
        (one([1], pa.list_(pa.int64())), None),
    ],
)
def test_event(map_rows: MapRows, column: Column, event: str | None) -> None:
    """An event is text or a number."""
    outcome = map_rows({"userId": "7", "event": column}, CallKind.TRACK)
    assert outcome.codes == ({1: "bad_type:event"} if event is None else {})
    assert [call["event"] for call in outcome.calls.values()] == ([] if event is None else [event])


# --------------------------------------------------------------------------------------------------------- timestamp


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (text("2024-05-06 07:08:09"), "2024-05-06T07:08:09.000Z"),
        (text("2024-05-06T07:08:09.1"), "2024-05-06T07:08:09.100Z"),
        (text("2024-05-06T07:08:09.123999999Z"), "2024-05-06T07:08:09.123Z"),
        (text("2024-05-06T07:08:09+02"), "2024-05-06T05:08:09.000Z"),
        (text("2024-05-06T07:08:09.5-0930"), "2024-05-06T16:38:09.500Z"),
        (text("2024-05-06 07:08:09+05:45"), "2024-05-06T01:23:09.000Z"),
        (text("2024-02-29"), "2024-02-29T00:00:00.000Z"),
        (text("1969-12-31T23:59:59.999999Z"), "1969-12-31T23:59:59.999Z"),
        (text("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00.000Z"),
        (text("9999-12-31T23:59:59.999999999Z"), "9999-12-31T23:59:59.999Z"),
        (text("1700000000"), "2023-11-14T22:13:20.000Z"),
        (text("-1"), "1969-12-31T23:59:59.000Z"),
        (text("1700000000.1239"), "2023-11-14T22:13:20.123Z"),
        (json('"2024-05-06T07:08:09Z"'), "2024-05-06T07:08:09.000Z"),
        (json("1700000000"), "2023-11-14T22:13:20.000Z"),
        (numeric("1700000000.5"), "2023-11-14T22:13:20.500Z"),
        (one(0, pa.int64()), "1970-01-01T00:00:00.000Z"),
        (one(-1, pa.int8()), "1969-12-31T23:59:59.000Z"),
        (one(99_999_999_999, pa.int64()), "5138-11-16T09:46:39.000Z"),
        (one(100_000_000_000, pa.int64()), "1973-03-03T09:46:40.000Z"),
        (one(-100_000_000_000, pa.int64()), "1966-10-31T14:13:20.000Z"),
        (one(1_700_000_000_123, pa.int64()), "2023-11-14T22:13:20.123Z"),
        (one(100_000_000_000_000, pa.int64()), "1973-03-03T09:46:40.000Z"),
        (one(1_700_000_000_123_999, pa.int64()), "2023-11-14T22:13:20.123Z"),
        (one(-1, pa.timestamp("ns", "UTC")), "1969-12-31T23:59:59.999Z"),
        (one(100_000_000_000_000_000, pa.int64()), "1973-03-03T09:46:40.000Z"),
        (one(1_700_000_000_123_999_999, pa.uint64()), "2023-11-14T22:13:20.123Z"),
        (one(1_700_000_000.123, pa.float64()), "2023-11-14T22:13:20.123Z"),
        (one(-0.0005, pa.float64()), "1969-12-31T23:59:59.999Z"),
        (one(Decimal("1700000000.123999"), pa.decimal128(20, 6)), "2023-11-14T22:13:20.123Z"),
        (one(19_000, pa.date32()), "2022-01-08T00:00:00.000Z"),
        (one(1_700_000_000, pa.timestamp("s")), "2023-11-14T22:13:20.000Z"),
        (one(-1, pa.timestamp("us")), "1969-12-31T23:59:59.999Z"),
        (one(1_700_000_000_999, pa.timestamp("ms", BERLIN)), "2023-11-14T22:13:20.999Z"),
        (one(-62_135_596_800, pa.timestamp("s", "UTC")), "0001-01-01T00:00:00.000Z"),
        (one(253_402_300_799_999_999, pa.timestamp("us", "UTC")), "9999-12-31T23:59:59.999Z"),
        (text(None), None),
        (text(" "), None),
        (json("null"), None),
        (one(None, pa.timestamp("us")), None),
        (one(None, pa.null()), None),
    ],
)
def test_timestamp(map_rows: MapRows, column: Column, expected: str | None) -> None:
    """Native timestamps, dates, ISO text and Unix time by its size all name a moment, floored to milliseconds."""
    assert map_rows({"userId": "7", "timestamp": column}).call().get("timestamp") == expected


@pytest.mark.parametrize(
    "column",
    [
        text("soon"),
        text("2024-13-01"),
        text("2023-02-29"),
        text("2024-05-06T24:00:00"),
        text("2024-05-06T07:08:61Z"),
        text("24-05-06"),
        text("0000-01-01"),
        text("10000-01-01T00:00:00Z"),
        text("2024-05-06T07:08:09 Berlin"),
        text("0001-01-01T00:00:00+01:00"),
        text("9999-12-31T23:59:59-01:00"),
        json('{"a": 1}'),
        json("true"),
        numeric("NaN"),
        one(NAN, pa.float64()),
        one(INF, pa.float64()),
        one(1e30, pa.float64()),
        one(99_999_999_999_999, pa.timestamp("s", "UTC")),
        one(-62_135_596_801, pa.timestamp("s", "UTC")),
        one(253_402_300_800, pa.timestamp("s")),
        one(2**63 - 1, pa.timestamp("us")),
        one(2**31 - 1, pa.date32()),
        one(-(2**31), pa.date32()),
        numeric("9" * 60),
        text("9" * 60),
        one(True, pa.bool_()),
        one({"a": 1}, pa.struct([("a", pa.int64())])),
        one(b"2024-05-06", pa.binary()),
        one([1], pa.list_(pa.int64())),
        one(3600, pa.time32("s")),
        one(3600, pa.duration("s")),
    ],
)
def test_bad_timestamp(map_rows: MapRows, column: Column) -> None:
    """What names no moment of the years 0001 to 9999 refuses the row."""
    assert map_rows({"userId": "7", "timestamp": column}).codes == {1: "bad_timestamp"}


@pytest.mark.parametrize(
    ("zone", "wall", "moment"),
    [
        (BERLIN, "2024-07-01 12:00:00", "2024-07-01T10:00:00.000Z"),
        (BERLIN, "2024-10-27 02:30:00", "2024-10-27T00:30:00.000Z"),  # twice: the earlier
        (BERLIN, "2024-03-31 02:30:00", "2024-03-31T01:30:00.000Z"),  # never: moved on by the hour
        ("America/New_York", "2024-03-10 02:00:00", "2024-03-10T07:00:00.000Z"),
        ("Australia/Lord_Howe", "2024-10-06 02:15:00", "2024-10-05T15:45:00.000Z"),  # a gap of half an hour
        ("Asia/Kolkata", "1969-12-31 23:59:59.999999", "1969-12-31T18:29:59.999Z"),
        ("Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30T22:00:00.000Z"),  # a gap of a whole day
        (BERLIN, "2150-07-01 12:00:00", "2150-07-01T10:00:00.000Z"),  # beyond the tables of most zone databases
        (BERLIN, "2024-07-01 12:00:00Z", "2024-07-01T12:00:00.000Z"),
    ],
)
def test_zone_of_the_sync(map_rows: MapRows, zone: str, wall: str, moment: str) -> None:
    """A time without a zone is in the sync's zone, as text, as a native timestamp, and in the body."""
    options = replace(OPTIONS, timezone=zone)
    assert map_rows({"userId": "7", "timestamp": wall}, options=options).call()["timestamp"] == moment
    if not wall.endswith("Z"):
        native = pa.array([wall]).cast(pa.timestamp("us"))
        batch = pa.RecordBatch.from_arrays([pa.array(["7"]), native, native], names=["userId", "timestamp", "at"])
        call = map_rows(batch, options=options).call()
        assert call["timestamp"] == moment
        assert call["traits"] == {"at": moment}


def test_dates_begin_in_the_zone_of_the_sync(map_rows: MapRows) -> None:
    """A date as timestamp is midnight there; a date in the body stays a date."""
    options = replace(OPTIONS, timezone=BERLIN)
    for column in (one(19_000, pa.date32()), one(19_000 * 86_400_000, pa.date64()), text("2022-01-08")):
        columns = {"userId": "7", "timestamp": column, "day": column}
        call = map_rows(columns, options=options).call()
        assert call["timestamp"] == "2022-01-07T23:00:00.000Z"
        assert call["traits"] == {"day": "2022-01-08"}
