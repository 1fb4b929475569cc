"""Both databases remember rows to be tried again, and tell of runs that are over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.store import SqlStore
from headrace.store_port import Store
from headrace.testing.history_contract import HistoryContract
from headrace.testing.retry_contract import RetryContract


class TestSqlite(HistoryContract, RetryContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        store = SqlStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
        await store.open()
        yield store
        await store.close()


class TestPostgres(HistoryContract, RetryContract):
    @pytest.fixture
    async def store(self, postgres_url: str) -> AsyncIterator[Store]:
        store = SqlStore(postgres_url)
        await store.open()
        yield store
        await store.close()
