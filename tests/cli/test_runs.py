"""`headrace runs` and `headrace cancel`."""

from __future__ import annotations

import asyncio

from headrace.app import opened
from tests.cli.conftest import Headrace


def test_newest_first_and_by_sync(headrace: Headrace) -> None:
    """All runs, or those of one sync, at most as many as asked for."""
    people, orders = headrace.run("people")["id"], headrace.run("orders")["id"]
    again = headrace.run("orders")["id"]
    assert [run["id"] for run in headrace("runs", "--json").json["runs"]] == [again, orders, people]
    assert [run["id"] for run in headrace("runs", "orders", "--json").json["runs"]] == [again, orders]
    assert [run["id"] for run in headrace("runs", "-n", "1", "--json").json["runs"]] == [again]


def test_json_is_that_of_run(headrace: Headrace) -> None:
    """A run is told the same way by both commands."""
    told = headrace.run("people")
    assert headrace("runs", "--json").json == {"runs": [told]}


def test_words_have_the_id_in_full_and_the_counts(headrace: Headrace) -> None:
    """A line begins with the id, so that it can be copied or cut; below it each destination."""
    told = headrace.run("people")
    lines = headrace("runs").out.splitlines()
    assert lines[0].split()[:3] == [told["id"], "people", "partial"]
    assert "    workspace: 2 delivered, 1 invalid" in lines
    assert "    export: 2 delivered, 1 invalid" in lines


def test_a_failed_run_tells_why(headrace: Headrace) -> None:
    """The history keeps the reason."""
    headrace("run", "typo")
    out = headrace("runs").out
    assert "failed" in out
    assert "nmae" in out


def test_no_runs_yet(headrace: Headrace) -> None:
    """An empty history says how to begin."""
    ended = headrace("runs")
    assert ended.code == 0
    assert "headrace run" in ended.out


def test_an_unknown_sync_is_exit_2(headrace: Headrace) -> None:
    """A misspelt sync is no empty history."""
    ended = headrace("runs", "peopel")
    assert ended.code == 2
    assert "peopel" in ended.err


def test_cancel_ends_an_interrupted_run(headrace: Headrace) -> None:
    """A run that nobody works on ends at once as cancelled; the next one is new."""

    async def begin() -> str:
        async with opened(headrace.folder, {}) as app:
            return (await app.begin("people")).id

    left = asyncio.run(begin())
    ended = headrace("cancel", left, "--json")
    assert ended.code == 0
    assert ended.json["runs"][0]["state"] == "cancelled"
    assert headrace.run("people")["id"] != left


def test_cancel_of_what_has_ended_or_never_was_is_exit_2(headrace: Headrace) -> None:
    """Both say so in a sentence."""
    ended = headrace("cancel", headrace.run("orders")["id"])
    assert ended.code == 2
    assert "has ended already" in ended.err
    ended = headrace("cancel", "20200101-000000-aaaaaa")
    assert ended.code == 2
    assert "There is no run" in ended.err
