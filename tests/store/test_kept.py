"""Both databases keep calls as Data In needs them."""

from __future__ import annotations

from headrace.testing.kept_contract import KeptContract


class TestKept(KeptContract):
    """On SQLite and on PostgreSQL."""
