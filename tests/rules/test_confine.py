"""What is defined over the API names files of the project's folder, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.confine import outside


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../other/x.sqlite", "a/../../x", "https://../../etc/passwd", "away/passwd", "circle", ".env",
     "a/.git/config", ".headrace/store.sqlite", "state", "state/store.sqlite", "to-state/store.sqlite"],
)  # fmt: skip
def test_refused(tmp_path: Path, path: str) -> None:
    """Whatever leads out of the folder, by its words or by a link, or to what is hidden, or to the state."""
    base = tmp_path / "project"
    (base / "state").mkdir(parents=True)
    (base / "away").symlink_to("/etc")
    (base / "to-state").symlink_to("state")
    (base / "circle").symlink_to("circle")
    assert outside(path, base, base / "state")


@pytest.mark.parametrize("path", ["a.sqlite", "./data/out", "a//b", ".", "data/*.csv", "s3://bucket/.hidden/x", "in"])
def test_taken(tmp_path: Path, path: str) -> None:
    """What lies in the folder, also by a link within it, and what is in a bucket; it need not exist."""
    (tmp_path / "in").symlink_to("data")
    assert outside(path, tmp_path, tmp_path / "state") == ""
