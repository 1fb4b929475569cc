"""What `headrace serve` and `headrace backup` tell whoever starts them in the wrong place."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Headrace
from tests.serve.processes import Serving


def test_a_folder_without_a_project(tmp_path: Path) -> None:
    """Whoever serves a folder without files is told so: it may be the wrong one."""
    with Serving(tmp_path) as service:
        assert service.setup_code()
        assert service.process.stdout is not None
        assert service.process.stdout.readline().startswith(f"There is no headrace.yaml in {tmp_path}: ")


def test_a_backup_into_no_folder(headrace: Headrace) -> None:
    """A folder that is not there is a slip of whoever types, and not a broken disk of ours."""
    ended = headrace("backup", str(headrace.folder / "none" / "b.tar.gz"))
    assert (ended.code, ended.out) == (2, "")
    assert f"There is no folder {str(headrace.folder / 'none')!r}" in ended.err


def test_a_backup_is_told_in_whole_lines(headrace: Headrace) -> None:
    """What is in it, and what is not: a line each, however narrow the screen and long the path."""
    file = headrace.folder / f"{'long-' * 30}name.tar.gz"
    facts, key = headrace("backup", str(file)).out.splitlines()
    assert facts.startswith(f"Wrote {file}: ")
    assert key.startswith("The key of the kept secrets is not in it")
