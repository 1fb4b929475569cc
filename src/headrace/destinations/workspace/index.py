"""What is known of many keys, fetched in few queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

FETCH = 5_000  # keys per query: three values each stay below SQLite's limit of 32,766


class Index(Generic[K, V]):
    """What is known of some keys: the value, or None where there is none."""

    def __init__(self, load: Callable[[Sequence[K]], Iterable[tuple[K, V]]]) -> None:
        self._load = load
        self._known: dict[K, V | None] = {}

    def find(self, key: K | None) -> V | None:
        if key is None:
            return None
        if key not in self._known:
            self.fetch((key,))
        return self._known[key]

    def fetch(self, keys: Iterable[K | None]) -> None:
        """Make many keys known at once."""
        wanted = [key for key in dict.fromkeys(keys) if key is not None and key not in self._known]
        for part in in_parts(wanted):
            found = list(self._load(part))
            self._known.update(dict.fromkeys(part))
            self._known.update(found)

    def knows(self, key: K) -> bool:
        return key in self._known

    def put(self, key: K, value: V | None) -> None:
        self._known[key] = value

    def forget(self, key: K | None) -> None:
        if key is not None:
            self._known.pop(key, None)

    def clear(self) -> None:
        self._known.clear()


def in_parts(keys: Sequence[K]) -> Iterator[Sequence[K]]:
    """Slices that fit one query each."""
    for start in range(0, len(keys), FETCH):
        yield keys[start : start + FETCH]
