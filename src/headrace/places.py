"""Where a project lives, and its store and vault, which open without its configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from headrace.keep.keys import key_place
from headrace.keep.vault import Vault
from headrace.stage import durable
from headrace.store import open_store
from headrace.store_port import Store


@dataclass(frozen=True, slots=True)
class Places:
    """Where a project lives: its folder, its state folder, and the address of its store."""

    base: Path
    home: Path
    database_url: str | None = None

    @classmethod
    def of(cls, base: Path, env: Mapping[str, str]) -> Places:
        home = env.get("HEADRACE_HOME")
        return cls(base, Path(home).absolute() if home else base / ".headrace", env.get("HEADRACE_DATABASE_URL"))

    def has_store(self) -> bool:
        """Whether there may be a store already, so that opening it makes nothing new."""
        return bool(self.database_url) or (self.home / "store.sqlite").exists()


@asynccontextmanager
async def opened_vault(base: Path, env: Mapping[str, str]) -> AsyncIterator[tuple[Store, Vault]]:
    """Open the store of the project in ``base``, whatever its configuration, and the vault over it."""
    places = Places.of(base, env)
    try:
        places.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise durable.failed(places.home, error) from error
    store = await open_store(places.home, places.database_url)
    try:
        yield store, Vault(store, key_place(env, places.home))
    finally:
        await store.close()
