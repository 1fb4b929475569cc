"""The vectorised mapping against the plain one, over tables by chance.

Each run looks at the same 300; ``HEADRACE_FUZZ=1`` looks at 20,000 new ones.
"""

from __future__ import annotations

import os
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from polars.exceptions import PanicException

from headrace.calls.batch import ENVELOPE
from headrace.calls.mapping import Mapped, Mapping
from headrace.errors import QueryError
from headrace.model import CallKind, Failure, MapOptions
from headrace.testing.reference_mapping import column_errors, exact_calls, reference_map
from tests.calls import strategies
from tests.calls.tables import LIMITS, RUN

FUZZ = bool(os.environ.get("HEADRACE_FUZZ"))
TABLES = 20_000 if FUZZ else 300
settings.register_profile(
    "mapping", derandomize=not FUZZ, deadline=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck)
)
MAPPING = settings.get_profile("mapping")
FIRST_ROW, AS_OF = 500, 7


@st.composite
def cases(draw: st.DrawFn, *, fitting: bool = True) -> tuple[pa.RecordBatch, CallKind, MapOptions]:
    kind = draw(st.sampled_from(CallKind))
    options = draw(strategies.options())

    def fits(names: list[str]) -> bool:
        schema = pa.schema([(name, pa.string()) for name in names])
        return not fitting or not column_errors(schema, kind, options, LIMITS)

    return draw(strategies.tables(kind, fits)), kind, options


def vectorised(batch: pa.RecordBatch, kind: CallKind, options: MapOptions) -> Mapped:
    """By the product's mapping. A panic of polars is no `Exception`: made one, hypothesis shows the table."""
    try:
        return Mapping(batch.schema, kind, options, LIMITS).map(batch, FIRST_ROW, RUN, AS_OF)
    except PanicException as panic:
        raise AssertionError(f"polars panicked: {panic}") from panic


def shown(batch: pa.RecordBatch, row: int) -> str:
    """One row with its types, for the report of a difference."""
    cells = zip(batch.schema, batch.columns, strict=True)
    return f"row {row}: {[(field.name, field.type, field.metadata, cells[row - FIRST_ROW]) for field, cells in cells]}"


@settings(MAPPING, max_examples=TABLES)
@given(cases())
def test_both_mappings_agree(case: tuple[pa.RecordBatch, CallKind, MapOptions]) -> None:
    """The same rows fail with the same code, and all others become the same call, number by number."""
    batch, kind, options = case
    mapped = vectorised(batch, kind, options)
    found: dict[int, Any] = {row: failure.code for row, failure in mapped.failures.items()}
    calls = exact_calls(mapped.calls)
    assert not found.keys() & calls.keys()
    found |= calls
    for row, expected in reference_map(batch, kind, options, LIMITS, first_row=FIRST_ROW, run_id=RUN):
        wanted = expected.code if isinstance(expected, Failure) else expected
        event(wanted if isinstance(wanted, str) else "a call")
        assert found.pop(row, None) == wanted, shown(batch, row)
    assert found == {}


@settings(MAPPING, max_examples=TABLES // 3)
@given(cases(fitting=False))
def test_both_refuse_the_same_columns(case: tuple[pa.RecordBatch, CallKind, MapOptions]) -> None:
    """A query whose columns cannot be a call is refused by both, for one of the reasons the plain mapping finds."""
    batch, kind, options = case
    reasons = {error.code for error in column_errors(batch.schema, kind, options, LIMITS)}
    assert refusal(batch.schema, kind, options) in (reasons or [None]), batch.schema.names


def refusal(schema: pa.Schema, kind: CallKind, options: MapOptions) -> str | None:
    """The code with which the vectorised mapping refuses a query's columns, if it does."""
    try:
        Mapping(schema, kind, options, LIMITS)
    except QueryError as refused:
        return refused.code
    return None


@settings(MAPPING, max_examples=TABLES // 6)
@given(cases())
def test_shape_of_a_calls_batch(case: tuple[pa.RecordBatch, CallKind, MapOptions]) -> None:
    """Columns are those of the envelope, in its types; rows ascend; no column is empty but the batch is."""
    batch, kind, options = case
    calls = vectorised(batch, kind, options).calls
    assert calls.kind is kind
    assert calls.as_of == AS_OF
    for field in calls.columns.schema:
        assert field.type == ENVELOPE[field.name]
    rows = calls.columns.column("row").to_pylist()
    assert rows == sorted(set(rows))
    for name in ("row", "message_id", "body"):
        assert calls.columns.column(name).null_count == 0
