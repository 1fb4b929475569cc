"""Who works on a run."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.errors import StageFull
from headrace.stage.locks import FileLocks

HOLDER = """
import pathlib, sys, time
from headrace.stage.locks import FileLocks
print(FileLocks(pathlib.Path(sys.argv[1])).hold("r1") is not None, flush=True)
sys.stdin.read()
"""


def test_one_holder(tmp_path: Path) -> None:
    """A held lock is nobody else's until released; then it leaves no file; other runs' locks are free."""
    one, other = FileLocks(tmp_path / "locks"), FileLocks(tmp_path / "locks")
    release = one.hold("r1")
    assert release is not None
    assert other.hold("r1") is None
    assert one.hold("r1") is None
    free = other.hold("r2")
    assert free is not None
    free()
    release()
    assert list((tmp_path / "locks").iterdir()) == []
    again = other.hold("r1")
    assert again is not None
    again()


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    """A lock is another process's while that lives, and free at once when it was killed."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        assert FileLocks(tmp_path).hold("r1") is None
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    release = FileLocks(tmp_path).hold("r1")
    assert release is not None
    release()


def test_a_lock_without_a_name_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opened the file just before its holder removed it gets a lock that others see, not the lost one."""
    locks, flock, pending = FileLocks(tmp_path), fcntl.flock, [True]
    release = locks.hold("r1")
    assert release is not None

    def late(descriptor: int, how: int) -> None:
        if pending:
            pending.clear()
            release()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    mine = locks.hold("r1")
    assert mine is not None
    assert FileLocks(tmp_path).hold("r1") is None
    mine()


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """A lock that cannot be made is our own disk's trouble, told in a sentence."""
    (tmp_path / "locks").write_text("not a folder")
    with pytest.raises(StageFull, match="Our own disk refuses to work"):
        FileLocks(tmp_path / "locks").hold("r1")
