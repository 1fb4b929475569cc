"""A world per test: the engine in virtual time over fakes, with a ledger in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pyarrow as pa

from headrace.store import SqlStore
from headrace.testing.fakes import FakeDestination, World, numbered


@asynccontextmanager
async def opened(
    destinations: Mapping[str, FakeDestination], table: pa.Table | int = 100, **house: Any
) -> AsyncIterator[World]:
    """A world with an empty ledger; ``table`` is the query's result, or how many numbered rows it has."""
    store = SqlStore("sqlite:///:memory:")
    await store.open()
    try:
        yield World(store, numbered(table) if isinstance(table, int) else table, destinations, **house)
    finally:
        await store.close()
