"""`headrace enable`, `disable` and `reset`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Headrace


def test_disable_and_enable_keep_last_sync_time(headrace: Headrace) -> None:
    """A sync that rested goes on where it was."""
    headrace.run("people")
    assert "is disabled" in headrace("disable", "people").out
    assert "people" not in [run["sync"] for run in headrace("run", "--all", "--json").json["runs"]]
    assert "is enabled" in headrace("enable", "people").out
    run = next(run for run in headrace("run", "--all", "--json").json["runs"] if run["sync"] == "people")
    assert run["last_sync_time"] > 0
    assert run["extracted"] == 0


def test_enable_is_stronger_than_the_file(headrace: Headrace) -> None:
    """What was switched by hand holds over ``enabled: false``."""
    headrace("enable", "typo")
    assert "typo" in [run["sync"] for run in headrace("run", "--all", "--json").json["runs"]]


def test_reset_makes_the_next_run_send_everything(headrace: Headrace) -> None:
    """last_sync_time is 0 again; what is sent again goes out again, for it has no messageId of its own."""
    headrace.run("people")
    assert headrace.run("people")["extracted"] == 0
    ended = headrace("reset", "people")
    assert ended.code == 0
    assert "everything" in ended.out
    assert headrace.run("people")["extracted"] == 3


def test_reset_to_a_moment(headrace: Headrace) -> None:
    """``--to`` takes Unix seconds."""
    headrace.sql("UPDATE people SET changed = 200 WHERE number = 1")
    ended = headrace("reset", "people", "--to", "150")
    assert "150" in ended.out
    run = headrace.run("people")
    assert (run["last_sync_time"], run["extracted"]) == (150, 1)


@pytest.mark.parametrize("command", ["enable", "disable", "reset"])
def test_an_unknown_sync_is_exit_2(headrace: Headrace, command: str) -> None:
    """Nothing is remembered of a sync that is not there."""
    ended = headrace(command, "peopel")
    assert ended.code == 2
    assert "'peopel'" in ended.err


def test_reset_refuses_what_is_no_moment(headrace: Headrace) -> None:
    """Exit 2 with the option's name."""
    ended = headrace("reset", "people", "--to", "yesterday")
    assert ended.code == 2
    assert "--to" in ended.err
