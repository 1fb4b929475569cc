"""What tests with the SDKs share."""

from __future__ import annotations

import pytest

from tests.ingest.sdks.clients import Hurried


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDKs of Customer.io and RudderStack try as often as ever, but wait less in between."""
    monkeypatch.setattr("backoff._sync.time", Hurried())
