"""Both databases remember rows to be tried again, and tell of runs that are over."""

from __future__ import annotations

from headrace.testing.history_contract import HistoryContract
from headrace.testing.retry_contract import RetryContract


class TestHistory(HistoryContract):
    """On SQLite and on PostgreSQL."""


class TestRetries(RetryContract):
    """On SQLite and on PostgreSQL."""
