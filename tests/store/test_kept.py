"""Both databases keep calls as Data In needs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.store import SqlStore
from headrace.store_port import Store
from headrace.testing.kept_contract import KeptContract


class TestSqlite(KeptContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        store = SqlStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
        await store.open()
        yield store
        await store.close()


class TestPostgres(KeptContract):
    @pytest.fixture
    async def store(self, postgres_url: str) -> AsyncIterator[Store]:
        store = SqlStore(postgres_url)
        await store.open()
        yield store
        await store.close()
