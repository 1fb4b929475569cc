"""Definitions on both stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.store import SqlStore, open_store
from headrace.store_port import Store
from headrace.testing.definition_contract import DefinitionContract


class TestInAFile(DefinitionContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        store = await open_store(tmp_path)
        yield store
        await store.close()


class TestOnAServer(DefinitionContract):
    @pytest.fixture
    async def store(self, postgres_url: str) -> AsyncIterator[Store]:
        store = SqlStore(postgres_url)
        await store.open()
        yield store
        await store.close()
