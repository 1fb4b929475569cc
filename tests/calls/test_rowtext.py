"""Rows that are kept as JSON text become the same calls again."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings

from headrace.calls.mapping import Mapping
from headrace.calls.rowtext import row_texts, rows_of_calls, rows_of_query
from headrace.model import CallKind, MapOptions
from headrace.testing.reference_mapping import exact_calls
from tests.calls.tables import LIMITS, RUN
from tests.calls.test_mapping_property import AS_OF, FIRST_ROW, MAPPING, TABLES, cases, vectorised


def nulls_apart(value: Any) -> Any:
    """A call without its nulls, and without the objects in which nothing else was."""
    if isinstance(value, dict):
        kept = {name: nulls_apart(below) for name, below in value.items()}
        return {name: below for name, below in kept.items() if below is not None and below != {}}
    return value


def remade(batch: pa.RecordBatch, kind: CallKind, options: MapOptions) -> tuple[list[Any], list[Any]]:
    """Calls, and what becomes of them by way of their rows; without messageIds."""
    calls = vectorised(batch, kind, options).calls
    again = calls
    if len(calls):
        rows = rows_of_calls(row_texts(calls))
        mapped = Mapping(rows.schema, kind, options, LIMITS).map(rows, FIRST_ROW, RUN, AS_OF)
        assert mapped.failures == {}
        again = mapped.calls
    both = [list(exact_calls(made).values()) for made in (calls, again)]
    for call in (*both[0], *both[1]):
        del call["messageId"]
    return both[0], both[1]


@pytest.mark.slow
@settings(MAPPING, max_examples=TABLES // 2)
@given(cases())
def test_a_call_is_made_again_from_its_row(case: tuple[pa.RecordBatch, CallKind, MapOptions]) -> None:
    """Whatever the types, the row that is read back from a call becomes that call again, number by number.

    One thing is lost: where NULLs are left out, a null that was sent all the same (for NaN, or of JSON) is left out.
    """
    batch, kind, options = case
    calls, again = remade(batch, kind, options)
    if "omit" in (options.null_handling, *options.null_columns.values()):
        calls, again = [nulls_apart(call) for call in calls], [nulls_apart(call) for call in again]
    assert again == calls, batch.schema


@pytest.mark.slow
@settings(MAPPING, max_examples=TABLES // 2)
@given(cases())
def test_a_refused_row_is_refused_again(case: tuple[pa.RecordBatch, CallKind, MapOptions]) -> None:
    """A row that became no call fails for the same reason when it is mapped again from its text."""
    batch, kind, options = case
    mapped = vectorised(batch, kind, options)
    if not mapped.failures:
        return
    order = sorted(mapped.failures)
    failures = [mapped.failures[row] for row in order]
    rows = rows_of_query([mapped.rows[row] for row in order], batch.schema, options, failures)
    again = Mapping(rows.schema, kind, options, LIMITS).map(rows, 1, RUN, AS_OF)
    found = [again.failures[number].code if number in again.failures else None for number in range(1, len(order) + 1)]
    assert found == [mapped.failures[row].code for row in order], batch.schema
