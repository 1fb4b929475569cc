"""Due times in both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from headrace.store import SqlStore
from headrace.testing.schedule_contract import ScheduleContract


class OnUrl(ScheduleContract):
    @pytest.fixture
    def new_store(self, url: str) -> Callable[[], SqlStore]:
        return lambda: SqlStore(url)

    @pytest.fixture
    async def store(self, new_store: Callable[[], SqlStore]) -> AsyncIterator[SqlStore]:
        opened = new_store()
        await opened.open()
        yield opened
        await opened.close()

    @pytest.fixture
    async def rival(self, store: SqlStore, new_store: Callable[[], SqlStore]) -> AsyncIterator[SqlStore]:
        opened = new_store()
        await opened.open()
        yield opened
        await opened.close()


class TestSqlite(OnUrl):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'store.sqlite'}"


class TestPostgres(OnUrl):
    @pytest.fixture
    def url(self, postgres_url: str) -> str:
        return postgres_url
