"""Failed rows over the API: counted for whoever may look, shown and downloaded with the right to see rows."""

from __future__ import annotations

import csv
import io
import json

import pyarrow.parquet as pq
import pytest

from headrace.testing.http_server import Answer
from tests.api.conftest import Service


async def test_counts_without_values(service: Service) -> None:
    """A viewer learns how many rows failed, where and why, and no value of any row."""
    service.hook.always(Answer(400, {"error": "no"}))
    run = await service.run("people")
    answer = await service.as_role("viewer").get(f"/api/v1/runs/{run.id}/failures/groups")
    groups = {(group["destination"], group["rows"]) for group in answer.json["items"]}
    assert groups == {("hook", 2), (None, 1)}
    assert answer.json["items"][0]["destination"] == "hook"
    assert "=1+1" not in answer.text
    assert "Nobody" not in answer.text


async def test_what_a_destination_says_may_repeat_a_row(service: Service) -> None:
    """The reason in a destination's own words is for those who may look at rows; others see its code."""
    service.hook.always(Answer(400, {"error": "Ann is no name"}))
    run = await service.run("people")
    path = f"/api/v1/runs/{run.id}/failures/groups"
    for client in (service.as_role("viewer"), service.as_role("owner"), service.as_role("owner", scopes="view")):
        answer = await client.get(path)
        assert {group["message"] for group in answer.json["items"]} == {None}
        assert all(group["code"] for group in answer.json["items"])
    assert "Ann is no name" in (await service.as_role("viewer", preview=True).get(path)).text


async def test_rows_need_the_right_to_see_them(service: Service) -> None:
    """Rows are shown with the right to look at rows of data, which no role brings by itself."""
    run = await service.run("people")
    for path in ("failures", "failures.csv", "failures.jsonl", "failures.parquet"):
        assert (await service.as_role("owner").get(f"/api/v1/runs/{run.id}/{path}")).code == "forbidden"
        answer = await service.as_role("viewer", preview=True).get(f"/api/v1/runs/{run.id}/{path}")
        assert answer.status == 200
        assert answer.body


async def test_rows_in_pages(service: Service) -> None:
    """Following `next` gives each failed row once; filters leave what they name."""
    service.hook.always(Answer(400, {"error": "no"}))
    run = await service.run("people")
    seen, cursor = [], None
    while True:
        params = {"limit": 1, "cursor": cursor}
        page = (await service.owner.get(f"/api/v1/runs/{run.id}/failures", params=params)).json
        seen += [(row["destination"], row["row"], row["values"]["name"]) for row in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert sorted(seen, key=str) == [("hook", 1, "Ann"), ("hook", 2, "=1+1"), (None, 3, "Nobody")]
    only = (await service.owner.get(f"/api/v1/runs/{run.id}/failures", params={"destination": "export"})).json
    assert [row["row"] for row in only["items"]] == [3]  # it failed everywhere
    none = (await service.owner.get(f"/api/v1/runs/{run.id}/failures", params={"code": "no_such"})).json
    assert none == {"items": [], "next": None}


async def test_csv_is_harmless_in_a_spreadsheet(service: Service) -> None:
    """Text that a spreadsheet would run as a formula is disarmed in CSV, and left as it is in JSON lines."""
    service.hook.always(Answer(400, {"error": "no"}))
    run = await service.run("people")
    answer = await service.owner.get(f"/api/v1/runs/{run.id}/failures.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="people-{run.id}.csv"'
    names = {row["name"] for row in csv.DictReader(io.StringIO(answer.text))}
    assert names == {"Ann", "'=1+1", "Nobody"}
    lines = (await service.owner.get(f"/api/v1/runs/{run.id}/failures.jsonl")).text.splitlines()
    assert {json.loads(line)["values"]["name"] for line in lines} == {"Ann", "=1+1", "Nobody"}


async def test_parquet(service: Service) -> None:
    """The Parquet file holds every failed row."""
    run = await service.run("people")
    answer = await service.owner.get(f"/api/v1/runs/{run.id}/failures.parquet")
    table = pq.read_table(io.BytesIO(answer.body))
    assert table["row"].to_pylist() == [3]


@pytest.mark.parametrize("path", ["failures", "failures/groups", "failures.csv"])
async def test_rows_that_are_forgotten(service: Service, path: str) -> None:
    """Failed rows are kept for a shorter time than runs: then the answer is 410, and says so."""
    run = await service.run("people")
    service.app.errors.discard(run.id)
    answer = await service.owner.get(f"/api/v1/runs/{run.id}/{path}")
    assert (answer.status, answer.code) == (410, "errors_forgotten")


async def test_a_run_without_failures(service: Service) -> None:
    """Nothing failed: empty lists, and a file without rows."""
    run = await service.run("orders")
    assert (await service.owner.get(f"/api/v1/runs/{run.id}/failures")).json == {"items": [], "next": None}
    assert (await service.owner.get(f"/api/v1/runs/{run.id}/failures/groups")).json == {"items": []}
    assert (await service.owner.get(f"/api/v1/runs/{run.id}/failures.csv")).body == b""
