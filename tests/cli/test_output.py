"""How the command line looks: 80 columns, no terminal, closed pipes, odd folders."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from headrace.cli import guard, show
from headrace.errors import HeadraceError
from headrace.model import CallKind, Counts, Run, RunState
from tests.cli.conftest import Headrace

LONG = "a_sync_with_a_name_as_long_as_names_get_in_real_projects"


def _long_run() -> Run:
    many = Counts(delivered=29_999_997, duplicate=1, invalid=1, rejected=1)
    return Run(
        id="20261123-190000-7k2m9q", sync=LONG, state=RunState.DELIVERING, attempt=1, trigger="manual",
        call=CallKind.IDENTIFY, cursor=0, as_of=1, spec={}, destinations=("customerio_production",),
        created_at=datetime(2026, 11, 23, tzinfo=UTC), extracted=30_000_000, counts={"customerio_production": many},
    )  # fmt: skip


def test_tables_fit_80_columns(headrace: Headrace) -> None:
    """No line of a table is wider than the screen."""
    headrace("run", "people", "typo")
    (run, *_) = headrace("runs", "people", "--json").json["runs"]
    for command in (["run", "people", "orders"], ["runs"], ["preview", "people"], ["errors", run["id"]]):
        out = headrace(*command).out
        assert out
        assert max(map(len, out.splitlines())) <= 80, command


def test_long_names_and_large_numbers_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Thirty million rows of a sync with a long name: names fold, numbers and states do not."""
    show.out.print(show.runs_table([_long_run()]))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for whole in ("delivering", "30,000,000", "29,999,997"):
        assert whole in out


def test_run_ids_can_be_copied_on_any_screen() -> None:
    """The history never folds an id, even on a screen of 40 columns."""
    screen = io.StringIO()
    console = Console(width=40, file=screen)
    for line in show.history([_long_run()]):
        console.print(line)
    assert screen.getvalue().startswith("20261123-190000-7k2m9q")


def test_no_terminal_no_colours(headrace: Headrace) -> None:
    """A real process whose output is no terminal prints neither colours nor bars."""
    ended = headrace.child("headrace run people; headrace runs")
    assert "\x1b" not in ended.out + ended.err
    assert ended.err == ""
    assert "partial" in ended.out


def test_a_closed_pipe_is_no_complaint(headrace: Headrace) -> None:
    """``| head -1`` ends early; nobody is told, and the exit code is 0."""
    headrace.sql("INSERT INTO people SELECT 10 + i, NULL, repeat('x', 500), 100 FROM range(2000) t(i)")
    run = headrace.run("people")["id"]
    ended = headrace.child(f"headrace errors {run} --json | head -1")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["row"] == 3
    ended = headrace.child("headrace preview people -n 1000 | head -1")
    assert (ended.code, ended.err) == (0, "")


def test_headrace_home_is_where_the_state_goes(headrace: Headrace, monkeypatch: pytest.MonkeyPatch) -> None:
    """HEADRACE_HOME elsewhere: nothing is written to the project's own state folder."""
    home = headrace.folder / "else" / "where"
    monkeypatch.setenv("HEADRACE_HOME", str(home))
    assert headrace("run", "orders").code == 0
    assert home.is_dir()
    assert not (headrace.folder / ".headrace").exists()


def test_a_home_that_cannot_be_made_is_a_sentence(headrace: Headrace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state folder cannot be made: the path, what to do, no traceback, nothing runs."""
    (headrace.folder / "taken").write_text("")
    monkeypatch.setenv("HEADRACE_HOME", str(headrace.folder / "taken" / "home"))
    ended = headrace("run", "orders")
    assert ended.code == 1
    assert "taken/home" in ended.err
    assert "mistake" not in ended.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_access_is_a_sentence(headrace: Headrace) -> None:
    """A project that may only be read."""
    headrace.folder.chmod(0o555)
    try:
        ended = headrace("run", "orders")
    finally:
        headrace.folder.chmod(0o755)
    assert ended.code == 1
    assert "Permission denied" in ended.err
    assert "mistake" not in ended.err


def test_help_and_version(folder: Headrace) -> None:
    """Every command explains itself without a project."""
    listed = folder("--help").out
    for command in (
        "init",
        "check",
        "preview",
        "run",
        "runs",
        "errors",
        "cancel",
        "enable",
        "disable",
        "reset",
        "demo",
    ):
        assert f"  {command} " in listed
        assert folder(command, "--help").code == 0
    assert "headrace" in folder("--version").out


def test_an_unknown_command_is_exit_2(folder: Headrace) -> None:
    """With the way to the help."""
    ended = folder("rnu")
    assert ended.code == 2
    assert "rnu" in ended.err
    assert "headrace --help" in ended.err


@pytest.mark.parametrize("command", ["secret", "key", "ssh-key"])
def test_a_group_alone_shows_its_help(folder: Headrace, command: str) -> None:
    """The help by itself, and exit 2: nothing was done."""
    ended = folder(command)
    assert ended.code == 2
    assert ended.err.startswith(f"Usage: headrace {command} ")
    assert "Commands:" in ended.err
    assert "Try:" not in ended.err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (HeadraceError("The river is dry.", code="dry"), 1, "headrace: The river is dry. [dry]\n"),
        (KeyboardInterrupt(), 130, "headrace: Stopped.\n"),
    ],
)
def test_the_guard_says_a_sentence(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, words: str
) -> None:
    """Known errors keep their words and their code; Ctrl-C is no error."""

    def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        guard.guarded(fail, {})
    assert end.value.code == code
    assert capsys.readouterr().err == words


def test_the_guard_keeps_the_traceback_for_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    """What a maintainer needs is in a file that the sentence names; HEADRACE_DEBUG shows it at once."""

    def fail() -> None:
        raise ZeroDivisionError("division by zero")

    with pytest.raises(SystemExit):
        guard.guarded(fail, {})
    sentence = capsys.readouterr().err
    report = Path(sentence.split()[-1])
    assert "ZeroDivisionError: division by zero" in report.read_text()
    report.unlink()
    with pytest.raises(ZeroDivisionError):
        guard.guarded(fail, {"HEADRACE_DEBUG": "1"})
