"""Promise 1: a run that ends succeeded delivered every row its query returned to every destination of the sync (or
knew it as a duplicate by its `messageId`). A run that ends partial lists each row that was not, with the reason."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headrace.testing.http_server import Answer, Recorded, RecordingServer
from tests.promise.processes import facts, headrace_run
from tests.promise.project import (
    QUERY_WITH_IDS,
    calls_in,
    crm,
    hook,
    received,
    write_project,
    write_rows,
    write_table,
)

ROWS = 4_000


def failures(folder: Path, run_id: str) -> list[dict[str, Any]]:
    """What `headrace errors` lists."""
    return [json.loads(line) for line in headrace_run(folder, "errors", run_id, "--json").stdout.splitlines()]


def run_people(folder: Path, code: int = 0) -> dict[str, Any]:
    done = headrace_run(folder, "run", "people", "--json", check=False)
    assert done.returncode == code, done.stdout + done.stderr
    (run,) = facts(done)["runs"]
    assert isinstance(run, dict)
    return run


def test_succeeded_is_every_row_to_every_destination(tmp_path: Path, server: RecordingServer) -> None:
    """Promise 1, succeeded: each destination received each row exactly once, and the run says so."""
    write_project(tmp_path, {"crm": crm(server), "hook": hook(server)})
    write_rows(tmp_path, range(1, ROWS + 1))
    run = run_people(tmp_path)
    nothing = {"duplicate": 0, "invalid": 0, "rejected": 0, "pending": 0}
    assert (run["state"], run["extracted"]) == ("succeeded", ROWS)
    assert run["destinations"] == {name: {"delivered": ROWS, **nothing} for name in ("crm", "hook")}
    for name in ("crm", "hook"):
        users = Counter(call["userId"] for call in received(server.requests, name))
        assert users == Counter(str(number) for number in range(1, ROWS + 1))
    assert failures(tmp_path, run["id"]) == []


def test_succeeded_knows_duplicates(tmp_path: Path, server: RecordingServer) -> None:
    """Promise 1, "or knew it as a duplicate by its messageId": a row not sent is one whose messageId was received."""
    write_project(tmp_path, {"crm": crm(server)}, QUERY_WITH_IDS)
    write_rows(tmp_path, range(1, 101))
    run_people(tmp_path)
    messages = [f"m-{number}" for number in range(51, 151)]
    messages[99] = messages[60]  # twice in one run
    write_rows(tmp_path, range(51, 151), messages)
    run = run_people(tmp_path)
    assert run["state"] == "succeeded"
    assert run["destinations"]["crm"] == {"delivered": 49, "duplicate": 51, "invalid": 0, "rejected": 0, "pending": 0}
    arrived = Counter(call["messageId"] for call in received(server.requests))
    assert set(arrived) == {f"m-{number}" for number in range(1, 150)}
    assert set(arrived.values()) == {1}


@pytest.mark.parametrize("seed", [1, 2])
def test_partial_lists_each_missing_row(tmp_path: Path, server: RecordingServer, seed: int) -> None:
    """Promise 1, partial: rows that became no call, and calls that one destination refused, are all listed with
    row, reason and values; all others were delivered."""
    chance = random.Random(seed)
    numbers = range(1, ROWS + 1)
    nobody = set(chance.sample(numbers, 40))
    refused = set(chance.sample(sorted(set(numbers) - nobody), 30))
    write_project(tmp_path, {"crm": crm(server), "hook": hook(server)})
    ids = pa.array([None if number in nobody else number for number in numbers], pa.int64())
    write_table(tmp_path, pa.table({"id": ids, "message": [f"m-{number}" for number in numbers]}))

    def except_some(request: Recorded) -> Answer:
        bad = [place for place, call in enumerate(calls_in(request)) if int(call["userId"]) in refused]
        said = [{"batch_index": place, "reason": "bad_name", "message": "No such name."} for place in bad]
        return Answer(body={"errors": said})

    server.always(except_some, path="/crm/batch")
    run = run_people(tmp_path, code=1)
    assert run["state"] == "partial"
    assert run["destinations"] == {
        "crm": {"delivered": ROWS - 70, "duplicate": 0, "invalid": 40, "rejected": 30, "pending": 0},
        "hook": {"delivered": ROWS - 40, "duplicate": 0, "invalid": 40, "rejected": 0, "pending": 0},
    }
    listed = failures(tmp_path, run["id"])
    assert sorted(found["row"] for found in listed) == sorted(nobody | refused)
    for found in listed:
        mapped = found["row"] in nobody
        assert (found["destination"], found["code"]) == (
            (None, "missing_identifier") if mapped else ("crm", "bad_name")
        )
        assert found["message"]
        assert str(found["values"]["name" if mapped else "userId"]) == ("None" if mapped else str(found["row"]))
    taken = {str(number) for number in set(numbers) - nobody}
    assert {call["userId"] for call in received(server.requests, "hook")} == taken


def test_one_bad_row_refused_as_a_whole(tmp_path: Path, server: RecordingServer) -> None:
    """Promise 1: a destination that refuses a whole batch for one bad row costs that row alone."""
    write_project(tmp_path, {"hook": hook(server)})
    write_rows(tmp_path, range(1, 251))

    def all_or_nothing(request: Recorded) -> Answer:
        bad = any(call["userId"] == "137" for call in calls_in(request))
        return Answer(400, {"error": "I do not like 137"}) if bad else Answer()

    server.always(all_or_nothing)
    run = run_people(tmp_path, code=1)
    assert (run["state"], run["destinations"]["hook"]["delivered"]) == ("partial", 249)
    (found,) = failures(tmp_path, run["id"])
    assert (found["row"], found["destination"], found["code"]) == (137, "hook", "http_400")
    assert "I do not like 137" in found["message"]
    assert found["values"]["userId"] == 137
