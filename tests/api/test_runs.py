"""Runs over the API: the history in pages, one run as the command line tells it, and cancelling."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.cli.show import run_fact
from headrace.config import sync_from_json
from headrace.model import RunState
from headrace.run.job import Job
from tests.api.conftest import Service


async def test_a_run_is_told_as_by_the_command_line(service: Service) -> None:
    """All that `headrace run --json` says of a run, the API says in the same words."""
    run = await service.run("people")
    told = (await service.as_role("viewer").get(f"/api/v1/runs/{run.id}")).json
    for name, value in run_fact(run).items():
        if name.endswith("_at"):
            assert told[name].replace("Z", "")[:19] == value.replace("Z", "")[:19]
        else:
            assert told[name] == value
    assert told["state"] == "partial"
    assert told["destinations"]["hook"] == {
        "delivered": 2, "duplicate": 0, "invalid": 1, "rejected": 0, "pending": 0,
    }  # fmt: skip
    assert told["progress"] is None


async def test_unknown_run(service: Service) -> None:
    """A run that is not there is a 404 with a code that says what is missing."""
    answer = await service.as_role("viewer").get("/api/v1/runs/nope")
    assert (answer.status, answer.code) == (404, "unknown_run")


async def test_history_comes_in_pages_that_stay_put(service: Service) -> None:
    """Following `next` gives each run once, the newest first, though runs are added meanwhile."""
    made = [(await service.run("orders")).id for _ in range(5)]
    viewer, seen, cursor = service.as_role("viewer"), [], None
    while True:
        page = (await viewer.get("/api/v1/runs", params={"limit": 2, "cursor": cursor})).json
        assert len(page["items"]) <= 2
        seen += [run["id"] for run in page["items"]]
        await service.run("orders")
        if (cursor := page["next"]) is None:
            break
    assert seen[0] == made[-1] or set(seen) == set(made)
    assert sorted(seen) == sorted(made)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"sync": "people"}, {"people"}),
        ({"sync": ["people", "orders"]}, {"people", "orders"}),
        ({"state": "succeeded"}, {"orders"}),
        ({"state": ["partial", "failed"]}, {"people"}),
        ({"failed_rows": "true"}, {"people"}),
        ({"trigger": "schedule"}, set()),
        ({"sync": "no-such"}, set()),
    ],
)
async def test_filters(service: Service, wanted: dict[str, Any], found: set[str]) -> None:
    """Each filter leaves what it names; a repeated one means any of its values."""
    await service.run("people")
    await service.run("orders")
    page = (await service.as_role("viewer").get("/api/v1/runs", params=wanted)).json
    assert {run["sync"] for run in page["items"]} == found


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"limit": 0}, 422, "invalid_request"),
        ({"limit": 201}, 422, "invalid_request"),
        ({"state": "asleep"}, 422, "invalid_request"),
        ({"cursor": "!!"}, 400, "bad_cursor"),
        ({"cursor": "WzFd"}, 400, "bad_cursor"),  # [1]: well made, and not of this list
    ],
)
async def test_bad_questions(service: Service, params: dict[str, Any], status: int, code: str) -> None:
    """What cannot be answered is refused with a stable code, and findings name the parameter."""
    answer = await service.as_role("viewer").get("/api/v1/runs", params=params)
    assert (answer.status, answer.code) == (status, code)
    if status == 422:
        assert answer.json["error"]["findings"][0]["where"].startswith(f"query.{next(iter(params))}")


async def test_cancel_what_waits(service: Service) -> None:
    """A queued run that nobody works on is cancelled at once, and the audit log says by whom."""
    begun = await service.app.begin("people")
    answer = await service.as_role("operator").post(f"/api/v1/runs/{begun.id}/cancel")
    assert (answer.status, answer.json["state"]) == (200, "cancelled")
    (entry,) = await service.app.store.audit()
    assert (entry.change.action, entry.change.thing) == ("run.cancel", f"run/{begun.id}")
    assert entry.change.actor == "user:operator@example.com"


async def test_cancel_what_is_over(service: Service) -> None:
    """A run that has ended stays as it is; nothing is logged."""
    run = await service.run("orders")
    answer = await service.as_role("operator").post(f"/api/v1/runs/{run.id}/cancel")
    assert (answer.status, answer.code) == (409, "run_ended")
    assert await service.app.store.audit() == []


async def test_cancel_what_another_works_on(service: Service) -> None:
    """A run in somebody's hands is asked to stop: it is live still, and says so."""
    begun = await service.app.begin("people")
    release = service.app.locks.hold(begun.id)
    assert release is not None
    answer = await service.as_role("operator").post(f"/api/v1/runs/{begun.id}/cancel")
    release()
    assert (answer.json["state"], answer.json["cancel_requested"]) == ("queued", True)


async def test_progress_of_a_run_in_hand(service: Service) -> None:
    """Of a live run that this process carries, the API tells what its worker is at."""
    run = await service.app.begin("people")
    job = Job(run, sync_from_json(dict(run.spec)), 1)
    job.tally.phase, job.tally.extracted, job.tally.waiting = "delivering", 7, {"hook": "rate limit"}
    service.api.state.jobs[run.id] = job
    told = (await service.as_role("viewer").get(f"/api/v1/runs/{run.id}")).json
    assert told["state"] == RunState.QUEUED
    assert told["progress"] == {"phase": "delivering", "extracted": 7, "waiting": {"hook": "rate limit"}}
