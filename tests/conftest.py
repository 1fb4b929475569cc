"""What all tests share: which folders `make quick` leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

# They start servers, processes or whole runs: together they take minutes, and `make test` runs them all the same.
_HERE = Path(__file__).parent
_SLOW = tuple(_HERE / folder for folder in ("cli", "net/ssh", "promise", "sources", "store"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow folders as slow."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in _SLOW):
            item.add_marker(pytest.mark.slow)
