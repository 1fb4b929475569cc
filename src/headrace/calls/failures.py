"""Failed rows as a table: what error files hold and `headrace errors` prints, and what can be sent again."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headrace.calls.batch import CallsBatch
from headrace.calls.rowtext import row_texts
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
_ROWS = b"headrace.rows"


@dataclass(frozen=True, slots=True)
class Failed:
    """One failed row. ``values`` is JSON text."""

    row: int
    destination: str | None
    failure: Failure
    values: str
    message_id: str | None = None
    user_id: str | None = None


def table(failed: Sequence[Failed], rows: pa.Schema | None = None) -> pa.Table:
    """The rows as a table of `SCHEMA`. ``rows`` is the query's own schema, where ``values`` are as it gave them."""
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
    schema = SCHEMA if rows is None else SCHEMA.with_metadata({_ROWS: base64.b64encode(rows.serialize())})
    return pa.Table.from_arrays(arrays, schema=schema)


def failed_of(failures: pa.Table) -> list[Failed]:
    """What `table` was given."""
    return [
        Failed(f["row"], f["destination"], Failure(f["code"], f["message"], f["column"]), f["values"],
               f["message_id"], f["user_id"])
        for f in failures.to_pylist()
    ]  # fmt: skip


def schema_of_rows(failures: pa.Table) -> pa.Schema | None:
    """The schema that the query gave the rows, if the table knows it."""
    told = (failures.schema.metadata or {}).get(_ROWS)
    return None if told is None else pa.ipc.read_schema(pa.py_buffer(base64.b64decode(told)))


def of_calls(calls: CallsBatch, failures: Mapping[int, Failure], destination: str) -> list[Failed]:
    """Calls that a destination could not take, by position, with the row they were made from."""
    positions = sorted(failures)
    if not positions:
        return []
    taken = calls.take(positions)
    users = taken.column("user_id")
    facts = zip(
        positions,
        taken.columns.column("row").to_pylist(),
        row_texts(taken),
        taken.columns.column("message_id").to_pylist(),
        [None] * len(taken) if users is None else users.to_pylist(),
        strict=True,
    )
    return [
        Failed(row, destination, failures[position], values, message_id, user)
        for position, row, values, message_id, user in facts
    ]


def row_values(call: Mapping[str, Any], columns: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The row that a call was made from, to be looked at: each column's value, from where the mapping had put it.

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
