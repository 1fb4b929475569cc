"""What all tests share: quick stores, which folders `make quick` leaves out, and that a CI run leaves out nothing."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from headrace.store import migrate
from tests.migrations import by_alembic, repeated

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# They start servers, processes or whole runs: together they take minutes, and `make test` runs them all the same.
_HERE = Path(__file__).parent
_SLOW = tuple(
    _HERE / folder
    for folder in ("api", "cli", "ingest", "net/ssh", "promise", "serve", "sources", "store", "upkeep", "web")
)


@pytest.fixture(scope="session", autouse=True)
def quick_migrations() -> Iterator[None]:
    """Empty stores are made without Alembic, after the first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "_upgrade", repeated)
        yield


@pytest.fixture
def real_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every store of the test is made by Alembic."""
    monkeypatch.setattr(migrate, "_upgrade", by_alembic)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow folders as slow."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in _SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that is skipped for want of a server proves nothing: in CI, where all is to be installed, it fails."""
    return _unless_missing((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module."""
    return _unless_missing((yield))


def _unless_missing(report: Report) -> Report:
    if os.environ.get("CI") and report.skipped and "installed" in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"CI leaves out nothing, and this was: {report.longrepr}"
    return report
