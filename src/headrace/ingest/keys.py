"""Write keys: which source a request speaks for. Kept in memory as hashes, and read again when something changed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from headrace.errors import HeadraceError
from headrace.model import Secret
from headrace.people import WriteKey
from headrace.ports import Clock
from headrace.project import Project

_LOOK_EVERY = 1.0  # seconds between two looks at the store


class KeyStore(Protocol):
    """What of `headrace.store_port.Store` is asked for keys."""

    async def write_keys(self, source: str | None = None) -> list[WriteKey]: ...

    async def generation(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a key opens: an `http` source, and whether it judges every request strictly."""

    source: str
    strict: bool


class Keys:
    """The keys of all `http` sources: those of the configuration and those in the store."""

    def __init__(self, project: Callable[[], Project], store: KeyStore, clock: Clock) -> None:
        self._project, self._store, self._clock = project, store, clock
        self._built_from: Project | None = None
        self._generation: int | None = None  # of the keys that were read from the store
        self._stored: Sequence[WriteKey] = ()
        self._known: Mapping[str, Entrance] = {}
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._trouble: HeadraceError | None = None  # of the last look

    async def find(self, keys: Iterable[str]) -> Entrance | None:
        """What the first known key opens, or None.

        Raises `HeadraceError` where the store did not answer, so that nobody can say that a key is unknown.
        """
        hashes = [hashlib.sha256(key.encode("utf-8", "replace")).hexdigest() for key in keys if key]
        if self._project() is not self._built_from:
            self._build()
        looking = self._look()
        found = self._among(hashes)
        if found is None and hashes:  # it may have been made a moment ago
            if looking is not None:
                await asyncio.shield(looking)
            if self._trouble is not None:
                raise self._trouble
            found = self._among(hashes)
        return found

    def _among(self, hashes: Iterable[str]) -> Entrance | None:
        # By hash: how long the look-up takes tells nothing about a key.
        return next((self._known[one] for one in hashes if one in self._known), None)

    def _look(self) -> asyncio.Task[None] | None:
        """Ask the store beside the requests, at most once a second."""
        now = self._clock.monotonic()
        if self._looking is None and now - self._looked_at >= _LOOK_EVERY:
            self._looked_at = now
            self._looking = asyncio.create_task(self._read())
        return self._looking

    async def _read(self) -> None:
        try:
            generation = await self._store.generation()
            if generation != self._generation:
                self._stored = await self._store.write_keys()
                self._generation = generation
                self._build()
            self._trouble = None
        except HeadraceError as error:
            self._trouble = error
        finally:
            self._looking = None

    def _build(self) -> None:
        self._built_from = project = self._project()
        sources = {name: source.settings for name, source in project.sources.items() if source.type == "http"}
        entrances = {name: Entrance(name, bool(settings.get("strict"))) for name, settings in sources.items()}
        known = {key.hash: entrances[key.source] for key in self._stored if key.source in entrances}
        for name, settings in sources.items():
            key = settings.get("write_key")
            if isinstance(key, Secret) and key:
                known[hashlib.sha256(key.reveal().encode()).hexdigest()] = entrances[name]
        self._known = known
