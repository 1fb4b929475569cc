"""How a function over one connection becomes a verb of the store: in a reading or in a writing transaction."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from headrace.store.database import Database

P = ParamSpec("P")
T = TypeVar("T")

Verb = Callable[Concatenate[sa.Connection, P], T]
Method = Callable[Concatenate["Verbs", P], Coroutine[Any, Any, T]]


class Verbs:
    """What the store's areas have in common: the database."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)


def reads(verb: Verb[P, T]) -> Method[P, T]:
    async def method(self: Verbs, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._database.read(lambda connection: verb(connection, *args, **kwargs))

    return method


def writes(verb: Verb[P, T]) -> Method[P, T]:
    async def method(self: Verbs, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._database.write(lambda connection: verb(connection, *args, **kwargs))

    return method
