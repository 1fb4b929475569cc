"""Due times on both databases."""

from __future__ import annotations

from headrace.testing.schedule_contract import ScheduleContract


class TestSchedules(ScheduleContract):
    """On SQLite and on PostgreSQL."""
