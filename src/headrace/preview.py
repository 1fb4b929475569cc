"""Run Query: the first rows of a sync's query, and beside each the call it becomes. Nothing is sent or remembered."""

from __future__ import annotations

import json
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from headrace.calls.batch import CallsBatch
from headrace.calls.mapping import Mapping, rows_json
from headrace.model import Failure, Sync

_RUN = "preview"


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a query as the source gave them; ``notes`` are the source's own, to be shown."""

    table: pa.Table
    as_of: int
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One row: its values, and either its call or why there is none."""

    row: int
    values: AnyMapping[str, Any]
    call: AnyMapping[str, Any] | None
    errors: Sequence[Failure]


@dataclass(frozen=True, slots=True)
class Preview:
    columns: Sequence[tuple[str, str]]
    rows: Sequence[PreviewRow]
    warnings: Sequence[str]
    calls: CallsBatch | None = field(default=None, repr=False)  # those of the rows that have one, to be encoded


def preview(sync: Sync, sample: Sample) -> Preview:
    """Map a query's first rows as a run would. Raises `QueryError` where the columns cannot be mapped."""
    batches = sample.table.combine_chunks().to_batches()
    batch = batches[0] if batches else pa.RecordBatch.from_pylist([], schema=sample.table.schema)
    assert sync.call is not None, "calls that were received have no query to preview"
    mapping = Mapping(batch.schema, sync.call, sync.options, sync.limits)
    mapped = mapping.map(batch, 1, _RUN, sample.as_of)
    numbers = mapped.calls.columns.column("row").to_pylist()
    calls = dict(zip(numbers, mapped.calls.dicts(), strict=True))
    texts = rows_json(batch, mapping.columns, sync.options)
    rows = [
        PreviewRow(
            number, _in_order(json.loads(text), mapping), calls.get(number), _reasons(mapped.failures.get(number))
        )
        for number, text in enumerate(texts, start=1)
    ]
    columns = [(column.name, str(column.type)) for column in mapping.columns]
    return Preview(columns, rows, [*mapping.warnings, *sample.notes, *mapped.notes], mapped.calls)


def _in_order(values: dict[str, Any], mapping: Mapping) -> dict[str, Any]:
    """The values in the order of the query's columns."""
    return {column.name: values[column.name] for column in mapping.columns}


def _reasons(failure: Failure | None) -> list[Failure]:
    return [] if failure is None else [failure]
