"""Run Query over the API: rows, the calls they become, and what each destination would be sent; nothing is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.conftest import CONFIG, TOKEN, Service

UNSAVED: dict[str, Any] = {
    "source": "shop",
    "call": "identify",
    "query": 'SELECT id AS "userId", name FROM people WHERE number < 3 ORDER BY number',
    "destinations": ["hook"],
}


async def test_a_saved_sync(service: Service) -> None:
    """Each row is shown with its call or the reason why there is none, and the body each destination would get."""
    answer = await service.as_role("viewer", preview=True).post("/api/v1/syncs/people/preview", json={})
    assert answer.status == 200, answer.text
    ann, _, nobody = answer.json["rows"]
    assert (ann["values"], ann["call"]["userId"]) == ({"userId": "u1", "name": "Ann"}, "u1")
    assert json.loads(ann["bodies"]["hook"]["calls"])["traits"] == {"name": "Ann"}
    assert set(ann["bodies"]) == {"hook", "export"}
    assert (nobody["call"], nobody["bodies"]) == (None, {})
    assert nobody["errors"][0]["code"]
    assert service.hook.requests == []
    assert await service.app.store.runs() == []
    assert TOKEN not in answer.text


async def test_limit_and_last_sync_time(service: Service) -> None:
    """As many rows as asked for, of those that the next run would see from that moment."""
    owner, path = service.owner, "/api/v1/syncs/people/preview"
    assert len((await owner.post(path, json={"limit": 1})).json["rows"]) == 1
    assert (await owner.post(path, json={"last_sync_time": 100})).json["rows"] == []
    assert (await owner.post(path, json={"limit": 101})).status == 422


async def test_an_unsaved_sync(service: Service) -> None:
    """A sync that is being written is judged and previewed, and not saved."""
    answer = await service.as_role("editor", preview=True).post("/api/v1/previews", json={"definition": UNSAVED})
    assert answer.status == 200, answer.text
    assert [row["call"]["userId"] for row in answer.json["rows"]] == ["u1", "u2"]
    assert {one["name"] for one in (await service.owner.get("/api/v1/syncs")).json["items"]} == {"people", "orders"}
    wrong = await service.owner.post("/api/v1/previews", json={"definition": {**UNSAVED, "source": "nope"}})
    assert (wrong.status, wrong.code) == (422, "config")


async def test_whose_query_it_is(service: Service) -> None:
    """Queries of one's own read all that the source's account can: they take the right to edit, and to see rows."""
    body = {"definition": UNSAVED}
    assert (await service.as_role("operator", preview=True).post("/api/v1/previews", json=body)).code == "forbidden"
    assert (await service.as_role("owner").post("/api/v1/previews", json=body)).code == "forbidden"


async def test_a_bad_query_is_told_with_its_place(service: Service) -> None:
    """A query that the database does not take is the caller's own to mend: 422, with what the database says."""
    query = 'SELECT id AS "userId", nmae FROM people'
    answer = await service.owner.post("/api/v1/previews", json={"definition": {**UNSAVED, "query": query}})
    assert (answer.status, answer.code) == (422, "query")
    assert "nmae" in answer.json["error"]["message"]


@pytest.mark.parametrize("path", ["syncs/people/preview", "previews"])
async def test_switched_off_for_everyone(service: Service, path: str) -> None:
    """Where the service shows no rows, an owner does not see any either."""
    (service.folder / "headrace.yaml").write_text(CONFIG.replace("service:", "service:\n  preview: false"))
    await service.app.reload(files=True)
    answer = await service.owner.post(f"/api/v1/{path}", json={"definition": UNSAVED} if path == "previews" else {})
    assert (answer.status, answer.code) == (403, "preview_off")


async def test_the_exact_requests(service: Service) -> None:
    """Beside each row stands the very request that a run would make of it alone, without its secrets; none is made."""
    definition = {**UNSAVED, "destinations": ["hook", "export"]}
    answer = await service.owner.post("/api/v1/previews", json={"definition": definition})
    assert answer.status == 200, answer.text
    ann = answer.json["rows"][0]
    [request] = ann["requests"]["hook"]
    assert set(ann["requests"]) == {"hook"}  # a file is not reached over HTTP
    assert (request["method"], request["url"]) == ("POST", f"{service.hook.url}/calls")
    assert request["headers"]["Authorization"] == "•••"
    assert TOKEN not in answer.text
    assert service.hook.requests == []
    await service.owner.post(
        "/api/v1/syncs", json={"name": "mine", "definition": {**definition, "destinations": ["hook"]}}
    )
    await service.run("mine")
    posted = next(request for request in service.hook.requests if request.method == "POST")
    sent, shown = json.loads(posted.body), json.loads(request["body"])
    assert (sent["traits"], sent["userId"], sent["type"]) == (shown["traits"], shown["userId"], shown["type"])
    assert {name.lower() for name in request["headers"]} <= {name.lower() for name in posted.headers}


async def test_a_secret_in_the_body_is_left_out(service: Service) -> None:
    """A destination that wants its key in each call shows it in no request, however JSON spells it."""
    secret = 'a "token" with \\ in it'
    await service.owner.post(
        "/api/v1/destinations",
        json={"name": "panel", "definition": {"type": "mixpanel", "project_token": secret, "region": "eu"}},
    )
    answer = await service.owner.post("/api/v1/previews", json={"definition": {**UNSAVED, "destinations": ["panel"]}})
    [request] = answer.json["rows"][0]["requests"]["panel"]
    assert request["url"].startswith("https://api-eu.mixpanel.com/engage")
    assert json.loads(request["body"])[0]["$token"] == "•••"


async def test_mapped_again_without_the_database(service: Service) -> None:
    """The rows of a preview become other calls at once, with their types; the query is not run again."""
    editor = service.as_role("editor", preview=True)
    query = "SELECT 'u1' AS \"userId\", 'Ordered' AS event, name, changed AS timestamp FROM people WHERE number = 1"
    draft = {**UNSAVED, "query": query}
    first = (await editor.post("/api/v1/previews", json={"definition": draft})).json
    assert first["rows"][0]["call"]["traits"]["event"] == "Ordered"
    service.sql("DROP TABLE people")
    path = f"/api/v1/previews/{first['id']}/map"
    again = await editor.post(path, json={"definition": {**draft, "call": "track"}})
    assert again.status == 200, again.text
    call = again.json["rows"][0]["call"]
    assert (call["type"], call["event"], call["properties"]) == ("track", "Ordered", {"name": "Ann"})
    assert (again.json["id"], again.json["rows"][0]["values"]) == (first["id"], first["rows"][0]["values"])
    assert "event" in json.loads(again.json["rows"][0]["requests"]["hook"][0]["body"])
    wrong = await editor.post(path, json={"definition": {**draft, "call": "shout"}})
    assert (wrong.status, wrong.code) == (422, "config")


async def test_rows_are_held_for_their_owner_alone(service: Service) -> None:
    """Nobody else can map them, and after a while, or where there were too many, nobody can."""
    first = (await service.owner.post("/api/v1/previews", json={"definition": UNSAVED})).json
    path, body = f"/api/v1/previews/{first['id']}/map", {"definition": UNSAVED}
    other = await service.as_role("editor", preview=True).post(path, json=body)
    assert (other.status, other.code) == (410, "preview_gone")
    assert (await service.as_role("operator", preview=True).post(path, json=body)).code == "forbidden"
    assert (await service.owner.post("/api/v1/previews/none/map", json=body)).code == "preview_gone"
    assert (await service.owner.post(path, json=body)).status == 200
