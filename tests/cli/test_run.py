"""`headrace run`: exit codes, JSON, and what went wrong in one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from headrace.app import opened
from headrace.cli.runs import to_its_end
from headrace.destinations.customerio import CustomerIo
from headrace.errors import HeadraceError
from headrace.model import RunState
from headrace.places import Places
from headrace.retry import RetryPolicy
from headrace.run.job import House
from headrace.stage.locks import FileLocks
from headrace.testing.http_server import Answer, RecordingServer
from tests.cli.conftest import Headrace

RUN_KEYS = {"id", "sync", "state", "extracted", "last_sync_time", "started_at", "ended_at", "error", "destinations"}
OUTCOMES = {"delivered", "duplicate", "invalid", "rejected", "pending"}


def test_json_of_a_partial_run(headrace: Headrace) -> None:
    """Exit 1, and every fact that scripts depend on; the counts add up at each destination."""
    ended = headrace("run", "people", "--json")
    assert (ended.code, ended.err) == (1, "")
    (run,) = ended.json["runs"]
    assert set(run) >= RUN_KEYS
    assert (run["sync"], run["state"], run["extracted"], run["last_sync_time"]) == ("people", "partial", 3, 0)
    assert run["error"] is None
    assert run["started_at"] <= run["ended_at"]
    assert set(run["destinations"]) == {"workspace", "export"}
    for counts in run["destinations"].values():
        assert counts == {"delivered": 2, "duplicate": 0, "invalid": 1, "rejected": 0, "pending": 0}


def test_a_good_run_is_exit_0_and_a_table(headrace: Headrace) -> None:
    """Facts go to standard output."""
    ended = headrace("run", "orders")
    assert ended.code == 0
    assert "succeeded" in ended.out
    assert ended.err == ""


def test_what_was_sent_is_what_arrives(headrace: Headrace, crm: RecordingServer) -> None:
    """The rows of the query reach the address that is configured."""
    assert headrace("run", "crm_people").code == 0
    sent = [call for request in crm.wait_for(1) for call in request.json.get("batch", [])]
    assert [(call["userId"], call["traits"]) for call in sent] == [("u1", {"name": "Ann"}), ("u2", {"name": "=1+1"})]


def test_the_second_run_sends_what_changed(headrace: Headrace) -> None:
    """last_sync_time has moved to the moment of the first run."""
    headrace.run("people")
    headrace.sql("INSERT INTO people VALUES (4, 'u4', 'Dan', 4102444800)")
    second = headrace.run("people")
    assert (second["extracted"], second["state"]) == (1, "succeeded")
    assert second["last_sync_time"] > 0


def test_a_partial_run_tells_how_to_see_its_rows(headrace: Headrace) -> None:
    """The words name the command with the run's id."""
    out = headrace("run", "people").out
    (run,) = headrace("runs", "--json").json["runs"]
    assert f"headrace errors {run['id']}" in out.replace("\n", " ")


def test_all_skips_disabled_syncs(headrace: Headrace) -> None:
    """``--all`` runs what is enabled, in the order of the file; a disabled one still runs by name."""
    ended = headrace("run", "--all", "--json")
    assert [run["sync"] for run in ended.json["runs"]] == ["people", "orders"]
    headrace("disable", "people")
    assert [run["sync"] for run in headrace("run", "--all", "--json").json["runs"]] == ["orders"]
    assert headrace.run("people")["sync"] == "people"


def test_all_with_nothing_enabled_says_so(headrace: Headrace) -> None:
    """Nothing to do is no failure."""
    headrace("disable", "people")
    headrace("disable", "orders")
    ended = headrace("run", "--all")
    assert ended.code == 0
    assert "no sync is enabled" in ended.out


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ((), "give --all"),
        (("people", "--all"), "give --all"),
        (("peopel",), "There is no sync 'peopel'"),
        (("people", "peopel"), "There is no sync 'peopel'"),
        (("people", "--frehs"), "--fresh"),
    ],
)
def test_usage_is_exit_2_and_nothing_runs(headrace: Headrace, args: tuple[str, ...], wanted: str) -> None:
    """A mistyped command is told before anything happens."""
    ended = headrace("run", *args)
    assert (ended.code, ended.out) == (2, "")
    assert wanted in ended.err
    assert headrace("runs", "--json").json == {"runs": []}


def test_configuration_is_exit_3(headrace: Headrace) -> None:
    """Nothing runs while anything is wrong in the file, even in another sync."""
    headrace.edit("call: track", "call: trakc")
    ended = headrace("run", "people")
    assert (ended.code, ended.out) == (3, "")
    assert "trakc" in ended.err


def test_bad_sql_fails_the_run_and_moves_nothing(headrace: Headrace) -> None:
    """The run tells the place in the user's query; last_sync_time stays."""
    run = headrace.run("typo")
    assert (run["state"], run["extracted"]) == ("failed", 0)
    assert "line 2, column 8" in run["error"]
    headrace.edit("nmae", "name")
    assert headrace.run("typo")["last_sync_time"] == 0


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [(Answer(401, {"error": "secret-key is wrong"}), "api_key"), (Answer(404, "no such page"), "url")],
)
def test_a_refusing_destination_fails_the_run(
    headrace: Headrace, crm: RecordingServer, answer: Answer, wanted: str
) -> None:
    """A wrong key or address: exit 1, one sentence without the key, and the next run sends everything again."""
    crm.always(answer)
    ended = headrace("run", "crm_people")
    assert ended.code == 1
    assert "failed" in ended.out
    assert "'crm'" in ended.out
    assert wanted in ended.out
    assert "secret-key" not in ended.out + ended.err
    crm.always(Answer())
    again = headrace.run("crm_people")
    assert (again["state"], again["last_sync_time"]) == ("succeeded", 0)
    assert again["destinations"]["crm"]["delivered"] == 2


def test_a_failing_destination_is_told_while_it_is_waited_for(headrace: Headrace, crm: RecordingServer) -> None:
    """Standard error says once why nothing moves; in the end the run succeeds."""
    crm.always(lambda request: Answer(503, "gone fishing") if request.json["batch"] and request.order < 4 else Answer())
    ended = headrace("run", "crm_people")
    assert ended.code == 0
    assert ended.err.count("crm_people → crm is waiting") == 1
    assert "gone fishing" in ended.err


def test_a_run_that_was_left_is_continued_or_discarded(headrace: Headrace) -> None:
    """An interrupted run goes on with the next command; ``--fresh`` begins anew."""
    headrace("reset", "people")
    _begin(headrace, "people")
    (left,) = headrace("runs", "--json").json["runs"]
    assert left["state"] == "queued"
    assert headrace.run("people")["id"] == left["id"]

    _begin(headrace, "orders")
    left = headrace("runs", "orders", "--json").json["runs"][0]
    assert headrace.run("orders", "--fresh")["id"] != left["id"]
    assert headrace("runs", "orders", "--json").json["runs"][1]["state"] == "cancelled"


def test_all_goes_on_past_a_sync_that_runs_elsewhere(headrace: Headrace) -> None:
    """It is told, the others run, and the command does not claim that all is well."""
    _begin(headrace, "people")
    (left,) = headrace("runs", "--json").json["runs"]
    release = FileLocks(Places.of(headrace.folder, {}).home / "locks").hold(left["id"])
    assert release is not None
    try:
        ended = headrace("run", "--all", "--json")
    finally:
        release()
    assert ended.code == 1
    assert [(run["sync"], run["state"]) for run in ended.json["runs"]] == [("orders", "succeeded")]
    assert f"'people' is running now, in another process (run {left['id']})" in ended.err


def _begin(headrace: Headrace, sync: str) -> None:
    """Leave a run as a process does that dies right after it made it."""

    async def begin() -> None:
        async with opened(headrace.folder, {}) as app:
            await app.begin(sync)

    asyncio.run(begin())


def test_a_mistake_of_ours_is_a_sentence(
    headrace: Headrace, crm: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw: no traceback, a file to report, exit 1; the next run goes on."""

    def broken(self: CustomerIo, calls: object) -> None:
        raise ZeroDivisionError("division by zero")

    with monkeypatch.context() as patch:
        patch.setattr(CustomerIo, "encode", broken)
        ended = headrace("run", "crm_people")
    assert ended.code == 1
    assert "Headrace made a mistake: ZeroDivisionError" in ended.err
    assert "Traceback" not in ended.err
    assert headrace("run", "crm_people").code == 0


def test_quiet_json_from_a_real_process(headrace: Headrace) -> None:
    """A child without a terminal: one JSON object on standard output and nothing on standard error."""
    ended = headrace.child("headrace run orders --json")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["runs"][0]["state"] == "succeeded"


def test_a_failing_destination_is_given_up_in_time(
    headrace: Headrace, crm: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it does not come back, the run fails with one sentence that names it and its last answer."""
    crm.always(lambda request: Answer(500, "broken") if request.json["batch"] else Answer())
    made = House.__init__
    impatience: dict[str, Any] = {"retry": RetryPolicy(base=0.01, give_up_after=0.05)}

    def impatient(self: House, *ports: Any, **more: Any) -> None:
        made(self, *ports, **(more | impatience))

    monkeypatch.setattr(House, "__init__", impatient)
    run = headrace.run("crm_people")
    assert run["state"] == "failed"
    assert "'crm'" in run["error"]
    assert "broken" in run["error"]
    assert run["destinations"]["crm"]["pending"] == 2


@pytest.mark.parametrize("dies", [False, True], ids=["carried", "left"])
async def test_beside_a_service(headrace: Headrace, dies: bool) -> None:
    """A service may take the new run up before the command does: then the command waits for its end; and should the
    service die meanwhile, it carries the run itself. An ended run is told as it ended."""
    async with opened(headrace.folder, {}) as app, opened(headrace.folder, {}) as service:
        run = await app.start("orders")
        release = service.locks.hold(run.id)
        assert release is not None
        ending = asyncio.create_task(to_its_end(app, run, lambda _: None, lambda: False))
        done, _ = await asyncio.wait([ending], timeout=0.5)
        assert not done, "it is in the hands of the service"
        release()
        if not dies:
            with contextlib.suppress(HeadraceError):  # the command may have been quicker
                await service.carry(run)
        assert (await ending).state is RunState.SUCCEEDED
        assert (await to_its_end(app, run, lambda _: None, lambda: False)).state is RunState.SUCCEEDED
