"""Journals are kept the same in both databases."""

from __future__ import annotations

import asyncio

from headrace.store import SqlStore
from headrace.testing.journal_contract import JournalStoreContract, add


class TestJournals(JournalStoreContract):
    """On SQLite and on PostgreSQL."""


async def test_several_processes_number_side_by_side(store: SqlStore, rival: SqlStore) -> None:
    """Two services on one store: their journals get consecutive numbers."""
    added = await asyncio.gather(*(add((store, rival)[number % 2], f"journal-{number}") for number in range(20)))
    assert sorted(journal.seq for journal in added) == list(range(1, 21))
