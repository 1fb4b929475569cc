"""What all tests share: which folders `make quick` leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

# They start servers, processes or whole runs: together they take minutes, and `make test` runs them all the same.
_SLOW = ("cli", "promise", "sources", "store")
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow folders as slow."""
    for item in items:
        if item.path.is_relative_to(_HERE) and item.path.relative_to(_HERE).parts[0] in _SLOW:
            item.add_marker(pytest.mark.slow)
