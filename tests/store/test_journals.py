"""Journals are kept the same in both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.store import SqlStore
from headrace.testing.journal_contract import JournalStoreContract, add


class TestSqlite(JournalStoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SqlStore]:
        store = SqlStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
        await store.open()
        yield store
        await store.close()


class TestPostgres(JournalStoreContract):
    @pytest.fixture
    async def store(self, postgres_url: str) -> AsyncIterator[SqlStore]:
        store = SqlStore(postgres_url)
        await store.open()
        yield store
        await store.close()

    async def test_several_processes_number_side_by_side(self, postgres_url: str) -> None:
        """Two services on one store: their journals get consecutive numbers."""
        stores = [SqlStore(postgres_url) for _ in range(2)]
        for store in stores:
            await store.open()
        added = await asyncio.gather(*(add(stores[number % 2], f"journal-{number}") for number in range(20)))
        assert sorted(journal.seq for journal in added) == list(range(1, 21))
        for store in stores:
            await store.close()
