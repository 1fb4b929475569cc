"""Syncs over the API: how they stand, edits and versions, switches, and starting runs once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from headrace.model import RunState
from tests.api.conftest import Service

QUERY = 'SELECT id AS "userId", name FROM people ORDER BY number'


def definition(**more: Any) -> dict[str, Any]:
    return {"source": "shop", "call": "identify", "query": QUERY, "destinations": ["export"], **more}


async def made(service: Service, **more: Any) -> str:
    """The sync `mine` in the store; its ETag."""
    answer = await service.as_role("editor").post(
        "/api/v1/syncs", json={"name": "mine", "definition": definition(**more)}
    )
    assert answer.status == 201, answer.text
    return answer.headers["etag"]


async def test_how_a_sync_stands(service: Service) -> None:
    """A sync is told with its schedule in words, its switch, its last run, and from where the next one reads."""
    run = await service.run("people")
    told = (await service.as_role("viewer").get("/api/v1/syncs/people")).json
    assert (told["source"], told["call"], told["destinations"]) == ("shop", "identify", ["export", "hook"])
    assert (told["schedule_words"], told["enabled"], told["version"]) == ("every 15 minutes", True, 1)
    assert told["last_sync_time"] == run.as_of
    assert told["last_sync_at"].startswith("20")
    assert told["last_run"]["id"] == run.id
    assert told["live_run"] is None
    assert (told["origin"], told["findings"]) == ("file", [])


async def test_list_in_pages_and_by_connection(service: Service) -> None:
    """Syncs come by name, a page at a time, of one source or destination if asked."""
    viewer = service.as_role("viewer")
    first = (await viewer.get("/api/v1/syncs", params={"limit": 1})).json
    assert [one["name"] for one in first["items"]] == ["orders"]
    second = (await viewer.get("/api/v1/syncs", params={"limit": 1, "cursor": first["next"]})).json
    assert ([one["name"] for one in second["items"]], second["next"]) == (["people"], None)
    to_export = (await viewer.get("/api/v1/syncs", params={"destination": "export"})).json
    assert [one["name"] for one in to_export["items"]] == ["people"]
    assert (await viewer.get("/api/v1/syncs", params={"source": "other"})).json["items"] == []


async def test_edits_make_versions(service: Service) -> None:
    """Each edit is a version; a run keeps the one it began with; all can be looked at again."""
    etag = await made(service)
    run = await service.run("mine")
    editor = service.as_role("editor")
    edit = {"definition": definition(description="Better")}
    edited = await editor.put("/api/v1/syncs/mine", json=edit, headers={"if-match": etag})
    assert (edited.status, edited.json["version"], edited.json["description"]) == (200, 2, "Better")
    items = (await editor.get("/api/v1/syncs/mine/versions")).json["items"]
    assert [(one["version"], one["definition"]["description"]) for one in items] == [(2, "Better"), (1, "")]
    assert items[0]["by"] == "user:editor@example.com"
    assert (await editor.get(f"/api/v1/runs/{run.id}")).json["version"] == 1
    assert (await editor.get("/api/v1/syncs/mine/versions/1")).json["definition"]["query"] == QUERY
    assert (await editor.get("/api/v1/syncs/mine/versions/9")).code == "unknown_version"
    stale = await editor.put("/api/v1/syncs/mine", json=edit, headers={"if-match": etag})
    assert (stale.status, stale.code) == (412, "edited")
    entry = (await service.app.store.audit())[0].change
    assert (entry.action, entry.thing) == ("sync.update", "sync/mine")
    assert entry.before is not None
    assert entry.after is not None


async def test_a_sync_is_judged_as_in_a_file(service: Service) -> None:
    """What is wrong with a sync is said with place and code, all at once, and nothing is saved."""
    body = {"name": "mine", "definition": definition(source="shpo", schedule="now and then")}
    answer = await service.as_role("editor").post("/api/v1/syncs", json=body)
    assert (answer.status, answer.code) == (422, "config")
    places = {finding["where"] for finding in answer.json["error"]["findings"]}
    assert places == {"syncs.mine.source", "syncs.mine.schedule"}
    assert (await service.as_role("viewer").get("/api/v1/syncs/mine")).code == "unknown_sync"


async def test_switch_keeps_the_last_sync_time(service: Service) -> None:
    """Disabling and enabling are logged, and change nothing else."""
    run = await service.run("people")
    operator = service.as_role("operator")
    off = (await operator.post("/api/v1/syncs/people/disable")).json
    assert (off["enabled"], off["next_due"], off["last_sync_time"]) == (False, None, run.as_of)
    on = (await operator.post("/api/v1/syncs/people/enable")).json
    assert (on["enabled"], on["last_sync_time"]) == (True, run.as_of)
    actions = [entry.change.action for entry in await service.app.store.audit()]
    assert actions == ["sync.enable", "sync.disable"]
    assert (await operator.post("/api/v1/syncs/nope/enable")).status == 404


@pytest.mark.parametrize(("value", "status"), [(0, 200), (1_700_000_000, 200), (-1, 422), (10**15, 422)])
async def test_set_last_sync_time(service: Service, value: int, status: int) -> None:
    """The next run reads from where it is told to; moments that no clock shows are refused."""
    path = "/api/v1/syncs/people/last-sync-time"
    answer = await service.as_role("operator").put(path, json={"last_sync_time": value})
    assert answer.status == status
    if status == 200:
        assert answer.json["last_sync_time"] == value
        assert (await service.app.store.sync_state("people")).cursor == value


async def test_run_now(service: Service) -> None:
    """A run is queued and the dispatcher woken; while it lives there is no other, and the error names it."""
    woken: list[bool] = []
    service.api.state.wake = lambda: woken.append(True)
    operator = service.as_role("operator")
    begun = await operator.post("/api/v1/syncs/people/run")
    assert (begun.status, begun.json["state"], begun.json["trigger"]) == (202, "queued", "manual")
    assert woken == [True]
    again = await operator.post("/api/v1/syncs/people/run")
    assert (again.status, again.code) == (409, "run_live")
    assert again.json["error"]["run"] == begun.json["id"]
    shown = (await operator.get("/api/v1/syncs/people")).json
    assert shown["live_run"]["id"] == begun.json["id"]
    assert (await operator.post("/api/v1/syncs/nope/run")).code == "unknown_sync"


async def test_run_full_and_resend(service: Service) -> None:
    """A full run sees everything; a resend is a run of the failed rows of another."""
    done = await service.run("people")
    operator = service.as_role("operator")
    full = (await operator.post("/api/v1/syncs/people/run-full")).json
    assert (full["trigger"], full["last_sync_time"]) == ("full", 0)
    await operator.post(f"/api/v1/runs/{full['id']}/cancel")
    resent = await operator.post(f"/api/v1/runs/{done.id}/resend", json={"destinations": ["hook"]})
    assert resent.status == 202, resent.text
    assert (resent.json["kind"], list(resent.json["destinations"])) == ("resend", ["hook"])
    none = await operator.post(f"/api/v1/runs/{done.id}/resend", json={"destinations": ["nope"]})
    assert none.code == "nothing_to_resend"


async def test_the_same_key_starts_one_run(service: Service) -> None:
    """A request that is sent again with its key gets the first answer again; nothing is done twice."""
    operator = service.as_role("operator")
    headers = {"idempotency-key": "k1"}
    first = await operator.post("/api/v1/syncs/people/run", headers=headers)
    again = await operator.post("/api/v1/syncs/people/run", headers=headers)
    assert (first.status, first.body) == (again.status, again.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await service.app.store.runs("people")) == 1
    refused = await operator.post("/api/v1/syncs/people/run", headers={"idempotency-key": "k2"})
    assert refused.code == "run_live"
    await service.app.cancel(first.json["id"])
    free = await operator.post("/api/v1/syncs/people/run", headers={"idempotency-key": "k2"})
    assert free.status == 202  # an error is not kept: nothing had been done


async def test_at_the_same_moment(service: Service) -> None:
    """Two requests with the same key at once make one thing, and get the same answer."""
    owner, headers = service.owner, {"idempotency-key": "k"}
    body = {"name": "mine", "definition": definition()}
    one, other = await asyncio.gather(*(owner.post("/api/v1/syncs", json=body, headers=headers) for _ in range(2)))
    assert (one.status, one.body, one.headers["etag"]) == (201, other.body, other.headers["etag"])


async def test_a_key_belongs_to_one_request_of_one_caller(service: Service) -> None:
    """The same key with another request is refused; of another caller it is another key."""
    headers = {"idempotency-key": "k"}
    body = {"name": "mine", "definition": definition()}
    assert (await service.owner.post("/api/v1/syncs", json=body, headers=headers)).status == 201
    other = await service.owner.post("/api/v1/syncs", json={**body, "name": "yours"}, headers=headers)
    assert (other.status, other.code) == (409, "idempotency_reused")
    editor = service.as_role("editor")
    assert (await editor.post("/api/v1/syncs", json=body, headers=headers)).code == "name_taken"
    assert (await service.as_role("viewer").post("/api/v1/syncs", json=body, headers=headers)).code == "forbidden"


async def test_a_broken_sync_is_shown_with_its_reasons(service: Service) -> None:
    """A sync that cannot be used any more stays in the list, with what is wrong, and does not run."""
    await made(service)
    path = service.folder / "headrace.yaml"
    path.write_text(path.read_text().replace("export", "exports"))
    await service.app.reload(files=True)
    viewer = service.as_role("viewer")
    told = (await viewer.get("/api/v1/syncs/mine")).json
    assert told["source"] is None
    assert "exports" in told["findings"][0]["message"]
    assert (await viewer.get("/api/v1/status")).json["attention"][0]["trouble"] == "broken"
    assert (await service.as_role("operator").post("/api/v1/syncs/mine/run")).code == "config"


@pytest.mark.parametrize(
    ("text", "words", "due"),
    [
        ("every 15 minutes", "every 15 minutes", 5),
        ("every day at 06:00 Europe/Warsaw", "at 06:00 every day (Europe/Warsaw)", 5),
        ("manual", "manual", 0),
        ("after people", "after each run of people", 0),
    ],
)
async def test_schedule_help(service: Service, text: str, words: str, due: int) -> None:
    """A schedule is explained in words and by its next five due times, while it is being written."""
    told = (await service.as_role("viewer").get("/api/v1/syncs/schedule-help", params={"text": text})).json
    assert (told["words"], len(told["due"]), told["error"]) == (words, due, None)
    assert told["due"] == sorted(set(told["due"]))


async def test_schedule_help_for_a_mistake(service: Service) -> None:
    """What is no schedule gets the fix, and no error status: it is being typed."""
    told = await service.as_role("viewer").get("/api/v1/syncs/schedule-help", params={"text": "each now"})
    assert (told.status, told.json["words"], told.json["due"]) == (200, None, [])
    assert "Examples:" in told.json["error"]


async def test_live_and_last_run(service: Service) -> None:
    """The newest run is told whatever its state."""
    begun = await service.app.begin("people")
    told = (await service.as_role("viewer").get("/api/v1/syncs/people")).json
    assert told["last_run"]["state"] == RunState.QUEUED
    assert told["live_run"]["id"] == begun.id


async def test_a_draft_is_judged(service: Service) -> None:
    """An editor hears all that is wrong, field by field, and nothing is saved; what a file manages is refused."""
    editor = service.as_role("editor")

    async def findings(**body: Any) -> list[tuple[str, str]]:
        answer = await editor.post("/api/v1/syncs/validate", json=body)
        assert answer.status == 200, answer.text
        return [(one["where"], one["code"]) for one in answer.json["findings"]]

    assert await findings(definition=definition()) == []
    wrong = await findings(name="mine", definition=definition(source="shpo", schedule="now and then"))
    assert {where for where, _ in wrong} == {"syncs.mine.source", "syncs.mine.schedule"}
    assert [one["name"] for one in (await editor.get("/api/v1/syncs")).json["items"]] == ["orders", "people"]
    await made(service)
    assert await findings(name="mine", definition=definition(schedule="after orders")) == []
    managed = await editor.post("/api/v1/syncs/validate", json={"name": "people", "definition": definition()})
    assert (managed.status, managed.code) == (409, "managed_by_file")
    assert (await service.as_role("operator").post("/api/v1/syncs/validate", json={"definition": {}})).status == 403


async def test_who_uses_a_sync(service: Service) -> None:
    """What runs after a sync, or alerts about it, is told: it keeps the sync from being deleted."""
    etag = await made(service)
    body = {"name": "later", "definition": definition(schedule="After  mine")}
    assert (await service.as_role("editor").post("/api/v1/syncs", json=body)).status == 201
    viewer = service.as_role("viewer")
    assert (await viewer.get("/api/v1/syncs/mine")).json["used_by"] == ["sync later"]
    listed = {one["name"]: one["used_by"] for one in (await viewer.get("/api/v1/syncs")).json["items"]}
    assert listed == {"later": [], "mine": ["sync later"], "orders": [], "people": []}
    refused = await service.as_role("editor").delete("/api/v1/syncs/mine", headers={"if-match": etag})
    assert refused.code == "in_use"
