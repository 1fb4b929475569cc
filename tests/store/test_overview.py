"""The overview of all syncs on both databases."""

from __future__ import annotations

from headrace.testing.overview_contract import OverviewContract


class TestOverview(OverviewContract):
    """On SQLite and on PostgreSQL."""
