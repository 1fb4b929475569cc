"""Types that the stand-in does not have, as BigQuery documents their Arrow."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from google.cloud.bigquery import SchemaField
from hypothesis import given
from hypothesis import strategies as st

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.sources.bigquery_types import Columns

Json = SchemaField("j", "JSON")
Big = SchemaField("b", "BIGNUMERIC")


def converted(field: SchemaField, kind: pa.DataType, values: list[Any]) -> pa.RecordBatch:
    batch = pa.record_batch([pa.array(values, kind)], names=["c"])
    return Columns([field], batch.schema, Counter())(batch)


def test_big_numbers_are_exact_text() -> None:
    """All digits of a BIGNUMERIC arrive."""
    largest = Decimal("57896044618658097711785492504343953926.34992332820282019728792003956564819967")
    batch = converted(Big, pa.decimal256(76, 38), [largest, None, Decimal(0)])
    assert batch.schema.field(0) == pa.field("b", pa.string())
    assert batch.schema.field(0).metadata == NUMERIC_FIELD
    first, none, zero = batch["b"].to_pylist()
    assert [Decimal(first), none, Decimal(zero)] == [largest, None, Decimal(0)]


def test_marks_reach_into_nested_columns() -> None:
    """JSON and BIGNUMERIC within arrays of structs are marked there, so that they are embedded as what they are."""
    field = SchemaField("s", "RECORD", mode="REPEATED", fields=[Json, Big])
    kind = pa.list_(pa.struct([("j", pa.string()), ("b", pa.decimal256(76, 38))]))
    values = [[{"j": "{}", "b": Decimal("1.5")}, None], None, [], [{"j": None, "b": None}]]
    batch = converted(field, kind, values)
    struct = batch.schema.field(0).type.value_type
    assert [inner.metadata for inner in struct] == [JSON_FIELD, NUMERIC_FIELD]
    [[first, absent], none, empty, [last]] = batch["s"].to_pylist()
    assert (first["j"], Decimal(first["b"]), absent, none, empty) == ("{}", Decimal("1.5"), None, None, [])
    assert last == {"j": None, "b": None}


@pytest.mark.parametrize("slice_at", [0, 1, 2])
def test_slices_of_nested_columns_keep_their_rows(slice_at: int) -> None:
    """Arrow slices share their buffers; only the rows of the slice are converted."""
    field = SchemaField("s", "BIGNUMERIC", mode="REPEATED")
    batch = pa.record_batch([pa.array([[Decimal(1)], [Decimal(2), Decimal(3)], None], pa.list_(pa.decimal256(76, 38)))],
                            names=["c"])  # fmt: skip
    found = Columns([field], batch.schema, Counter())(batch.slice(slice_at))["s"].to_pylist()
    assert [None if row is None else [int(Decimal(x)) for x in row] for row in found] == [[1], [2, 3], None][slice_at:]


def test_ranges_become_objects() -> None:
    """A RANGE has the fields start and end; an end that is open is null."""
    kind = pa.struct([("start", pa.date32()), ("end", pa.date32())])
    batch = converted(SchemaField("r", "RANGE"), kind, [{"start": date(2026, 1, 1), "end": None}, None])
    assert batch["r"].to_pylist() == [{"start": date(2026, 1, 1), "end": None}, None]


@pytest.mark.parametrize(
    ("given", "iso"),
    [
        ("0-0 1 0:0:0", "P1D"),
        ("1-2 3 4:5:6.5", "P1Y2M3DT4H5M6.5S"),
        ("-1-2 -3 -4:5:6", "P-1Y-2M-3DT-4H-5M-6S"),
        ("0-0 0 0:0:0.000001", "PT0.000001S"),
        ("0-0 0 0:0:0", "PT0S"),
    ],
)
def test_intervals_of_rest_are_iso(given: str, iso: str) -> None:
    """Over REST an INTERVAL is text of BigQuery's own; it becomes what the Storage Read API's does."""
    assert converted(SchemaField("i", "INTERVAL"), pa.string(), [given, None])["i"].to_pylist() == [iso, None]


def test_intervals_of_storage_are_iso() -> None:
    """Over the Storage Read API an INTERVAL has months, days and nanoseconds, each with its sign."""
    values = [pa.MonthDayNano([14, 3, 14_706_500_000_000]), None, pa.MonthDayNano([-14, 0, 0])]
    batch = converted(SchemaField("i", "INTERVAL"), pa.month_day_nano_interval(), values)
    assert batch["i"].to_pylist() == ["P1Y2M3DT4H5M6.5S", None, "P-1Y-2M"]


@given(st.lists(st.one_of(st.none(), st.lists(st.one_of(st.none(), st.datetimes(timezones=st.just(UTC)))))))
def test_arrays_of_moments_are_unchanged(values: list[list[datetime | None] | None]) -> None:
    """Arrays of types that need no conversion arrive as they came."""
    field = SchemaField("t", "TIMESTAMP", mode="REPEATED")
    assert converted(field, pa.list_(pa.timestamp("us", "UTC")), values)["t"].to_pylist() == values
