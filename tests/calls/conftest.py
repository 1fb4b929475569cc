from __future__ import annotations

import pytest

from tests.calls.tables import MapRows, reference, vectorised


@pytest.fixture(params=[vectorised, reference], ids=["vectorised", "reference"])
def map_rows(request: pytest.FixtureRequest) -> MapRows:
    """Each rule is proved of both mappings, so that the one they agree on is also the right one."""
    mapping: MapRows = request.param
    return mapping
