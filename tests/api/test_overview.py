"""The figures of the overview, and what the runs of a list add up to."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from tests.api.conftest import Service

PATH = "/api/v1/overview"


async def test_nothing_ran_yet(service: Service) -> None:
    """A new service has zeros, and an empty chart for each source."""
    told = (await service.as_role("viewer").get(PATH)).json
    assert set(told["counts"].values()) == {0}
    assert told["sources"] == [{"source": "shop", "type": "sqlite", "syncs": 2, "runs": []}]


async def test_what_was_sent_and_the_last_runs(service: Service) -> None:
    """Rows count at each destination; each run is a bar, the newest last."""
    runs = [await service.run("people"), await service.run("orders")]
    told = (await service.as_role("viewer").get(PATH)).json
    assert (told["counts"]["delivered"], told["counts"]["invalid"]) == (2 + 2 + 1, 1 + 1)
    [shop] = told["sources"]
    assert [(bar["id"], bar["sync"], bar["state"]) for bar in shop["runs"]] == [
        (run.id, run.sync, run.state.value) for run in runs
    ]
    first = shop["runs"][0]
    assert (first["extracted"], first["delivered"], first["invalid"], first["pending"]) == (3, 4, 2, 0)


async def test_runs_of_a_source_and_of_a_time(service: Service) -> None:
    """Lists and totals are of one source or of some time, if asked; a source without syncs has no runs."""
    run = await service.run("people")
    viewer = service.as_role("viewer")

    async def found(query: str) -> list[str]:
        listed = (await viewer.get(f"/api/v1/runs?{query}")).json["items"]
        totals = (await viewer.get(f"/api/v1/runs/totals?{query}")).json
        assert totals["runs"] == len(listed)
        return [one["id"] for one in listed]

    later = quote((run.created_at + timedelta(seconds=1)).isoformat())
    assert await found("source=shop") == [run.id]
    assert await found("source=shop&sync=people") == [run.id]
    assert await found("source=shop&sync=orders") == []
    assert await found("source=elsewhere") == []
    assert await found(f"until={later}") == [run.id]
    assert await found(f"since={later}") == []
    assert (await viewer.get("/api/v1/runs?since=2026-01-01T00:00:00")).status == 422  # without a zone


async def test_totals(service: Service) -> None:
    """How many runs are in which state, and what their rows became."""
    await service.run("people")
    await service.run("orders")
    totals = (await service.as_role("viewer").get("/api/v1/runs/totals")).json
    assert (totals["runs"], totals["states"]) == (2, {"partial": 1, "succeeded": 1})
    assert (totals["extracted"], totals["delivered"], totals["invalid"], totals["pending"]) == (4, 5, 2, 0)
