"""What a source's database has to query: its tables and columns, for whoever writes SQL.

A connector gives the query (`headrace.connector.Spec.catalog`); it is run like any other, read-only and bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa

from headrace.errors import SourceError
from headrace.model import Connection
from headrace.ports import Clock, Source

MOST_TABLES = 2_000
MOST_COLUMNS = 20_000
LONGEST = 15.0  # seconds that a database may take
KEPT = 60.0  # seconds for which an answer is good

# As the SQL standard has it.
INFORMATION_SCHEMA = """\
select table_schema, table_name, column_name, data_type from information_schema.columns
where lower(table_schema) not in ('information_schema', 'pg_catalog') order by 1, 2, ordinal_position"""
DUCKDB = """\
select schema_name, table_name, column_name, data_type from duckdb_columns()
where not internal order by 1, 2, column_index"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view. ``schema`` is empty where the database has none; ``columns`` are names and types."""

    schema: str
    name: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """``cut``: there is more than is told."""

    tables: Sequence[Table] = ()
    cut: bool = False


async def read_catalog(source: Source, query: str) -> Catalog:
    """Ask an open source. Raises `SourceError`."""
    try:
        async with asyncio.timeout(LONGEST):
            found = await source.preview(query, MOST_COLUMNS + 1)
    except TimeoutError:
        raise SourceError(
            f"The database did not tell its tables within {LONGEST:g} seconds. Write the query without their names.",
            code="catalog_slow",
        ) from None
    return _catalog(found)


def _catalog(found: pa.Table) -> Catalog:
    rows = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
    tables = [
        Table(schema or "", name, tuple((str(column), str(kind)) for *_, column, kind in columns))
        for (schema, name), columns in groupby(rows[:MOST_COLUMNS], key=lambda row: (row[0], row[1]))
    ]
    return Catalog(tables[:MOST_TABLES], cut=len(rows) > MOST_COLUMNS or len(tables) > MOST_TABLES)


class Catalogs:
    """The catalogs of a project's sources, each good for a while; who asks meanwhile waits for the one answer."""

    def __init__(self, read: Callable[[Connection], Awaitable[Catalog]], clock: Clock) -> None:
        self._read, self._clock = read, clock
        self._asking: dict[str, asyncio.Lock] = {}
        self._known: dict[str, tuple[Connection, float, Catalog]] = {}

    async def of(self, connection: Connection) -> Catalog:
        """What the source has, as it was at most `KEPT` seconds ago. Raises `SourceError`."""
        async with self._asking.setdefault(connection.name, asyncio.Lock()):
            known = self._known.get(connection.name)
            if known and known[0] == connection and self._clock.monotonic() < known[1]:
                return known[2]
            found = await self._read(connection)
            self._known[connection.name] = (connection, self._clock.monotonic() + KEPT, found)
            return found
