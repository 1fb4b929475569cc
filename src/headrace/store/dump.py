"""The whole store as lines of JSON, the same from SQLite and from PostgreSQL, so that either can be restored to either.

{"schema": "0003"}                         first
{"table": "runs", "row": {"id": …}}        then each row, tables in an order in which they can be filled
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from headrace.errors import HeadraceError
from headrace.store import folder, service_tables
from headrace.store.migrate import HEAD
from headrace.store.tables import Deflated, Moment, metadata

_AT_ONCE = 1_000  # rows
_SERIAL = (service_tables.CALLS, service_tables.NOTICES)


def dump(connection: sa.Connection, path: Path) -> int:
    """Write all rows, as of one moment; returns how many."""
    count = 0
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps({"schema": HEAD}) + "\n")
        for table in metadata.sorted_tables:
            encode = {column.name: _encoder(column) for column in table.c}
            wanted = sa.select(table)
            if table is service_tables.META:  # another store has another folder
                wanted = wanted.where(table.c.name != folder.NAME)
            result = connection.execution_options(yield_per=_AT_ONCE).execute(wanted)
            for row in result.mappings():
                told = {name: encode[name](value) for name, value in row.items()}
                file.write(json.dumps({"table": table.name, "row": told}) + "\n")
                count += 1
    return count


def load(connection: sa.Connection, path: Path) -> int:
    """Fill an empty store; returns how many rows. Raises `HeadraceError` (``not_empty``, ``backup_damaged``)."""
    require_empty(connection)
    connection.execute(sa.delete(service_tables.META).where(service_tables.META.c.name != folder.NAME))
    count = 0
    try:
        for name, lines in groupby(_lines(path), key=itemgetter("table")):
            table = metadata.tables[name]
            decode = {column.name: _decoder(column) for column in table.c}
            waiting: list[dict[str, Any]] = []
            for line in lines:
                waiting.append({key: decode[key](value) for key, value in line["row"].items()})
                count += 1
                if len(waiting) == _AT_ONCE:
                    connection.execute(sa.insert(table), waiting)
                    waiting = []
            if waiting:
                connection.execute(sa.insert(table), waiting)
    except (ValueError, KeyError) as error:
        raise damaged() from error
    _go_on_counting(connection)
    return count


def rows(path: Path, *tables: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of some tables of a dump, as written."""
    return ((line["table"], line["row"]) for line in _lines(path) if line["table"] in tables)


def damaged() -> HeadraceError:
    return HeadraceError("The backup cannot be read: it is damaged or incomplete. Take another.", code="backup_damaged")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with open(path, encoding="utf-8") as file:
        schema = json.loads(file.readline())["schema"]
        if schema > HEAD:
            raise HeadraceError(
                f"The backup was made by a newer Headrace: its schema is {schema}, this program knows up to {HEAD}. "
                "Upgrade Headrace first.",
                code="store_newer",
            )
        yield from map(json.loads, file)


def require_empty(connection: sa.Connection) -> None:
    """Raises `HeadraceError` (``not_empty``)."""
    for table in metadata.sorted_tables:
        if (
            table is not service_tables.META
            and connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
        ):
            raise HeadraceError(
                f"The store is not empty: it has rows in {table.name!r}. Restore into a new folder (HEADRACE_HOME) or "
                "an empty database (HEADRACE_DATABASE_URL).",
                code="not_empty",
            )


def _go_on_counting(connection: sa.Connection) -> None:
    """PostgreSQL does not see that keys were given; SQLite does."""
    if connection.dialect.name == "postgresql":
        for table in _SERIAL:
            highest = sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0) + 1).scalar_subquery()
            sequence = sa.func.pg_get_serial_sequence(table.name, "id")
            connection.execute(sa.select(sa.func.setval(sequence, highest, False)))


def _same(value: Any) -> Any:
    return value


def _encoder(column: sa.Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, Moment):
        return lambda value: value.isoformat() if value else None
    if isinstance(column.type, Deflated):
        return lambda value: base64.b64encode(value).decode() if value is not None else None
    return _same


def _decoder(column: sa.Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, Moment):
        return lambda value: datetime.fromisoformat(value) if value else None
    if isinstance(column.type, Deflated):
        return lambda value: base64.b64decode(value) if value is not None else None
    return _same
