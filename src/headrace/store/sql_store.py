"""The store port on a SQL database: which verb reads, which writes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from headrace.store import ledger, sealed
from headrace.store.database import Database
from headrace.store.migrate import migrate

P = ParamSpec("P")
T = TypeVar("T")

Verb = Callable[Concatenate[sa.Connection, P], T]
Method = Callable[Concatenate["SqlStore", P], Coroutine[Any, Any, T]]


def _reads(verb: Verb[P, T]) -> Method[P, T]:
    async def method(self: SqlStore, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._database.read(lambda connection: verb(connection, *args, **kwargs))

    return method


def _writes(verb: Verb[P, T]) -> Method[P, T]:
    async def method(self: SqlStore, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._database.write(lambda connection: verb(connection, *args, **kwargs))

    return method


class SqlStore:
    """The ledger in a SQLite file (``sqlite:////path``) or on PostgreSQL (``postgresql://…``). A `ports.Store`."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    async def open(self) -> None:
        await self._database.prepare(migrate)

    async def close(self) -> None:
        await self._database.close()

    sync_state = _reads(ledger.sync_state)
    set_cursor = _writes(ledger.set_cursor)
    set_enabled = _writes(ledger.set_enabled)

    create_run = _writes(ledger.create_run)
    record_skip = _writes(ledger.record_skip)
    run = _reads(ledger.run)
    live_run = _reads(ledger.live_run)
    runs = _reads(ledger.newest_runs)
    abandon = _writes(ledger.abandon)
    request_cancel = _writes(ledger.request_cancel)
    cancel_requested = _reads(ledger.cancel_requested)

    take = _writes(ledger.take)
    extract_anew = _writes(ledger.extract_anew)
    add_parts = _writes(ledger.add_parts)
    staged = _writes(ledger.staged)
    settle = _writes(ledger.settle)
    finish = _writes(ledger.finish)

    parts = _reads(ledger.read_parts)
    deliveries = _reads(ledger.read_deliveries)
    error_files = _reads(ledger.error_files)

    put_sealed = _writes(sealed.put_sealed)
    read_sealed = _reads(sealed.read_sealed)
    all_sealed = _reads(sealed.all_sealed)
    replace_sealed = _writes(sealed.replace_sealed)
    delete_sealed = _writes(sealed.delete_sealed)
