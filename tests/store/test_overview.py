"""The overview of all syncs in both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.store import SqlStore
from headrace.testing.overview_contract import OverviewContract


class OnUrl(OverviewContract):
    @pytest.fixture
    async def store(self, url: str) -> AsyncIterator[SqlStore]:
        opened = SqlStore(url)
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
