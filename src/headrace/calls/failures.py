"""Failed rows as a table: what error files hold and `headrace errors` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headrace.calls.batch import CallsBatch
from headrace.model import Failure

SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("destination", pa.string()),  # null: the row became no call, so it failed for all
        ("code", pa.string()),
        ("column", pa.string()),
        ("message", pa.string()),
        ("message_id", pa.string()),
        ("user_id", pa.string()),
        ("values", pa.large_string()),  # JSON object: column of the query → value
    ]
)


@dataclass(frozen=True, slots=True)
class Failed:
    """One failed row. ``values`` is JSON text."""

    row: int
    destination: str | None
    failure: Failure
    values: str
    message_id: str | None = None
    user_id: str | None = None


def table(failed: Sequence[Failed]) -> pa.Table:
    """The rows as a table of `SCHEMA`."""
    columns = [
        [f.row for f in failed],
        [f.destination for f in failed],
        [f.failure.code for f in failed],
        [f.failure.column for f in failed],
        [f.failure.message for f in failed],
        [f.message_id for f in failed],
        [f.user_id for f in failed],
        [f.values for f in failed],
    ]
    arrays = [pa.array(values, kind) for values, kind in zip(columns, SCHEMA.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def of_calls(calls: CallsBatch, failures: Mapping[int, Failure], destination: str) -> list[Failed]:
    """Calls that a destination could not take, by position, with the row they were made from."""
    positions = sorted(failures)
    if not positions:
        return []
    columns = (calls.meta or {}).get("columns", [])
    rows = calls.columns.column("row").take(pa.array(positions)).to_pylist()
    found = []
    for position, row, call in zip(positions, rows, calls.dicts(positions), strict=True):
        values = json.dumps(row_values(call, columns), ensure_ascii=False)
        found.append(Failed(row, destination, failures[position], values, call["messageId"], call.get("userId")))
    return found


def row_values(call: Mapping[str, Any], columns: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The row that a call was made from: each column's value, read back from where the mapping had put it.

    Identifiers come back as the numbers they were; a value that the mapping left out comes back as None.
    """
    values: dict[str, Any] = {}
    for name, kind, path in columns:
        found: Any = call
        for segment in path:
            found = found.get(segment) if isinstance(found, Mapping) else None
        if isinstance(found, str) and len(path) == 1 and "int" in kind and found.lstrip("-").isdigit():
            found = int(found)
        values[name] = found
    return values
