"""`headrace init`: a first project that works once it is told where the data is."""

from __future__ import annotations

import pytest

from headrace.app import specs
from headrace.config import load
from tests.cli.conftest import Headrace


def test_the_project_it_makes_is_valid_once_its_variables_are_set(folder: Headrace) -> None:
    """The template is a configuration without a finding, and its state stays out of version control."""
    ended = folder("init")
    assert (ended.code, ended.err) == (0, "")
    env = {"SHOP_PASSWORD": "p", "CUSTOMERIO_API_KEY": "k"}
    assert set(load(folder.folder, env, specs()).syncs) == {"people", "orders", "companies"}
    assert ".headrace/" in folder.file(".gitignore").splitlines()


def test_it_names_the_variables_and_the_next_commands(folder: Headrace) -> None:
    """What a newcomer needs next stands on the screen."""
    out = folder("init").out
    for wanted in ("headrace.yaml", "SHOP_PASSWORD", "CUSTOMERIO_API_KEY", "headrace check", "headrace preview people"):
        assert wanted in out


def test_a_missing_variable_is_named_with_its_line(folder: Headrace) -> None:
    """Right after init, every command says which variables to set: exit 3, all of them at once."""
    folder("init")
    ended = folder("check")
    assert ended.code == 3
    assert "headrace.yaml:" in ended.err
    assert "SHOP_PASSWORD" in ended.err
    assert "CUSTOMERIO_API_KEY" in ended.err


def test_it_never_overwrites(folder: Headrace) -> None:
    """A second init leaves the project as it is and says so."""
    folder("init")
    (folder.folder / "headrace.yaml").write_text("mine")
    ended = folder("init")
    assert ended.code == 2
    assert "There is a project already" in ended.err
    assert folder.file("headrace.yaml") == "mine"


def test_it_keeps_a_gitignore_that_is_there(folder: Headrace) -> None:
    """Files of the user are not touched."""
    (folder.folder / ".gitignore").write_text("mine\n")
    assert folder("init").code == 0
    assert folder.file(".gitignore") == "mine\n"


def test_it_makes_the_folder_that_is_named(folder: Headrace) -> None:
    """``headrace init DIR`` makes DIR, with its parents."""
    assert folder("init", "deep/er").code == 0
    assert (folder.folder / "deep" / "er" / "headrace.yaml").is_file()


def test_a_folder_that_cannot_be_made_is_a_sentence(folder: Headrace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file is in the way, the answer is a sentence with the path."""
    (folder.folder / "taken").write_text("")
    ended = folder("init", "taken/inside")
    assert ended.code == 2
    assert "cannot be written" in ended.err
    assert "taken/inside" in ended.err
