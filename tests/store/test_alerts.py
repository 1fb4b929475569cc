"""Both databases keep what is promised of alerts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.store import SqlStore
from headrace.testing.alert_contract import AlertContract


class TestSqlite(AlertContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SqlStore]:
        store = SqlStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
        await store.open()
        yield store
        await store.close()


class TestPostgres(AlertContract):
    @pytest.fixture
    async def store(self, postgres_url: str) -> AsyncIterator[SqlStore]:
        store = SqlStore(postgres_url)
        await store.open()
        yield store
        await store.close()
