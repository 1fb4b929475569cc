"""Data In over the API: kept calls, filtered, page by page; for those who may look at rows."""

from __future__ import annotations

import pytest

from headrace.testing.http_server import Answer
from tests.api.conftest import TOKEN, Service


async def test_the_calls_of_a_run(service: Service) -> None:
    """After a run each of its rows is there, the newest first, with its call and what the destination answered."""
    service.hook.answer(Answer(200), path="/calls")  # the check
    service.hook.answer(Answer(202, {"took": 1}), Answer(422, f"No: {TOKEN}"), path="/calls")
    run = await service.run("people")
    answer = await service.owner.get("/api/v1/calls")
    assert answer.status == 200
    nobody, second, first = answer.json["items"]
    assert answer.json["next"] is None
    assert [call["row"] for call in (first, second, nobody)] == [1, 2, 3]
    assert first["id"] < second["id"] < nobody["id"]
    assert (first["source"], first["sync"], first["run"], first["kind"]) == ("shop", "people", run.id, "identify")
    assert first["values"] == {"userId": "u1", "name": "Ann"}
    assert first["call"]["traits"] == {"name": "Ann"}
    assert (first["answers"]["hook"]["outcome"], first["answers"]["hook"]["status"]) == ("delivered", 202)
    assert first["answers"]["hook"]["text"] == '{"took":1}'
    assert first["answers"]["export"] | {"at": None} == {
        "outcome": "delivered", "reason": "", "request": "", "status": None, "text": "", "at": None,
    }  # fmt: skip
    assert (second["answers"]["hook"]["outcome"], second["answers"]["hook"]["text"]) == ("rejected", "No: •••")
    assert (nobody["call"], nobody["answers"]["hook"]["outcome"]) == (None, "invalid")
    assert "identifier" in nobody["reason"]
    one = await service.owner.get(f"/api/v1/calls/{second['id']}")
    assert one.json == second


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("source=shop", [1, 3, 2, 1]),
        ("source=web", []),
        ("sync=people", [3, 2, 1]),
        ("kind=track", [1]),
        ("outcome=invalid", [3]),
        ("outcome=delivered&sync=people", [2, 1]),
        ("text=U2", [2]),
        ("text=%25", []),
        ("text=ordered", [1]),
    ],
)
async def test_filters(service: Service, query: str, rows: list[int]) -> None:
    """Filters narrow the list, alone and together."""
    await service.run("people")
    await service.run("orders")
    answer = await service.owner.get(f"/api/v1/calls?{query}")
    assert [call["row"] for call in answer.json["items"]] == rows


async def test_pages(service: Service) -> None:
    """Page by page each call comes once, also while newer ones arrive."""
    await service.run("people")
    seen, cursor = [], None
    while True:
        page = (await service.owner.get("/api/v1/calls", params={"limit": 1, "sync": "people", "cursor": cursor})).json
        seen += [call["row"] for call in page["items"]]
        if len(seen) == 1:
            await service.run("orders")
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [3, 2, 1]


async def test_numbers_beyond_json(service: Service) -> None:
    """A number that readers of JSON cannot hold does not break the list."""
    service.sql("UPDATE people SET name = 1e300 * 1e300 WHERE number = 1")
    await service.run("people")
    answer = await service.owner.get("/api/v1/calls?text=u1")
    assert answer.status == 200
    assert len(answer.json["items"]) == 1


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/calls/1", 404, "unknown_call"),
        ("/api/v1/calls?cursor=x", 400, "bad_cursor"),
        ("/api/v1/calls?outcome=lost", 422, "invalid_request"),
        ("/api/v1/calls/x", 422, "invalid_request"),
        (f"/api/v1/calls/{2**70}", 422, "invalid_request"),
    ],
)
async def test_what_is_refused(service: Service, path: str, status: int, code: str) -> None:
    """Calls that are not there, cursors that are not ours, and words outside the list are told as such."""
    answer = await service.owner.get(path)
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("path", ["/api/v1/calls", "/api/v1/calls/1"])
async def test_who_may_look(service: Service, path: str) -> None:
    """Rows of data need the right to preview, whatever the role; scopes can take it away."""
    assert (await service.nobody.get(path)).status == 401
    assert (await service.as_role("owner").get(path)).status == 403
    assert (await service.as_role("editor", preview=True, scopes="view,edit").get(path)).status == 403
    assert (await service.as_role("viewer", preview=True).get(path)).status in (200, 404)
