"""Small tables for tests, and one way to map them by either mapping."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pyarrow as pa

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.calls.mapping import Mapping
from headrace.model import CallKind, Failure, MapOptions, RowLimits
from headrace.testing.reference_mapping import exact_calls, reference_map
from headrace.testing.reference_values import exact

RUN = "run-7"
OPTIONS, LIMITS = MapOptions(), RowLimits()
NAN, INF = float("nan"), float("inf")
DICTIONARY = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Column:
    """Values, their Arrow type, and what the source says about them."""

    values: list[Any]
    type: pa.DataType = field(default_factory=pa.string)
    says: Dict[bytes, bytes] | None = None

    def array(self) -> pa.Array:
        if pa.types.is_temporal(self.type) and all(isinstance(value, int | None) for value in self.values):
            return ticks(self.values, self.type)
        return pa.array(self.values, self.type)


def one(value: Any, kind: pa.DataType) -> Column:
    """A column of one value."""
    return Column([value], kind)


def text(*values: str | None) -> Column:
    return Column(list(values))


def json(*values: str | None) -> Column:
    return Column(list(values), pa.string(), JSON_FIELD)


def numeric(*values: str | None) -> Column:
    return Column(list(values), pa.string(), NUMERIC_FIELD)


def ticks(values: list[int | None], kind: pa.DataType) -> pa.Array:
    """Temporal values by their integers, beyond what Python's own types can hold."""
    return pa.array(values, pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)


def table(columns: Dict[str, Column | str]) -> pa.RecordBatch:
    """Columns by name; a mere string is a column of one text."""
    made = {name: text(column) if isinstance(column, str) else column for name, column in columns.items()}
    arrays = [column.array() for column in made.values()]
    fields = [pa.field(name, array.type, metadata=made[name].says) for name, array in zip(made, arrays, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


@dataclass(frozen=True)
class Outcome:
    """What became of the rows: calls and failures by row number."""

    calls: dict[int, dict[str, Any]]
    failures: dict[int, Failure]

    @property
    def codes(self) -> dict[int, str]:
        return {row: failure.code for row, failure in self.failures.items()}

    def call(self, row: int = 1) -> dict[str, Any]:
        """The call of a row without the messageId that was derived for it."""
        assert row in self.calls, self.failures
        return {name: value for name, value in self.calls[row].items() if value != f"{RUN}-{row}"}


class MapRows(Protocol):
    """Either mapping."""

    def __call__(
        self,
        columns: Dict[str, Column | str] | pa.RecordBatch,
        call: CallKind = CallKind.IDENTIFY,
        options: MapOptions = OPTIONS,
        limits: RowLimits = LIMITS,
    ) -> Outcome: ...


def vectorised(
    columns: Dict[str, Column | str] | pa.RecordBatch,
    call: CallKind = CallKind.IDENTIFY,
    options: MapOptions = OPTIONS,
    limits: RowLimits = LIMITS,
) -> Outcome:
    """By the mapping that the product uses."""
    batch = columns if isinstance(columns, pa.RecordBatch) else table(columns)
    mapped = Mapping(batch.schema, call, options, limits).map(batch, 1, RUN, 0)
    return Outcome(exact_calls(mapped.calls), dict(mapped.failures))


def reference(
    columns: Dict[str, Column | str] | pa.RecordBatch,
    call: CallKind = CallKind.IDENTIFY,
    options: MapOptions = OPTIONS,
    limits: RowLimits = LIMITS,
) -> Outcome:
    """By the plain one."""
    batch = columns if isinstance(columns, pa.RecordBatch) else table(columns)
    rows = dict(reference_map(batch, call, options, limits, first_row=1, run_id=RUN))
    failures = {row: result for row, result in rows.items() if isinstance(result, Failure)}
    return Outcome({row: result for row, result in rows.items() if not isinstance(result, Failure)}, failures)


def parsed(text: str) -> Any:
    """JSON as both mappings are compared: numbers exact."""
    return exact(text)


IDENTIFY, TRACK, PAGE, SCREEN, GROUP, ALIAS = (
    CallKind(kind) for kind in ("identify", "track", "page", "screen", "group", "alias")
)

# What a row of each kind must have, and no more.
NEEDED = {
    IDENTIFY: {"userId": "7"},
    GROUP: {"groupId": "g"},
    TRACK: {"userId": "7", "event": "E"},
    PAGE: {"userId": "7"},
    SCREEN: {"userId": "7"},
    ALIAS: {"userId": "7", "previousId": "6"},
}


def added(map_rows: MapRows, kind: CallKind, columns: dict[str, Any], **options: Any) -> dict[str, Any]:
    """What further columns add to the smallest call of a kind."""
    needed = {name: value for name, value in NEEDED[kind].items() if name not in columns}
    call = map_rows({**needed, **columns}, kind, replace(OPTIONS, **options)).call()
    smallest: dict[str, Any] = {"type": kind.value, **needed, **({kind.body: {}} if kind is not ALIAS else {})}
    return {name: value for name, value in call.items() if smallest.get(name, ...) != value}
