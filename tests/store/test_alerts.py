"""Alerts on both databases."""

from __future__ import annotations

from headrace.testing.alert_contract import AlertContract


class TestAlerts(AlertContract):
    """On SQLite and on PostgreSQL."""
