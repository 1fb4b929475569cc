"""Files that are there whole or not at all: written aside, fsynced, renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from headrace.errors import StageFull

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write(path: Path, pieces: Sequence[bytes | memoryview]) -> int:
    """Write the pieces to ``path`` so that a crash leaves the old state or the new one; returns the bytes."""
    aside = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(aside, "wb", buffering=0) as file:
            written = sum(_write_all(file.fileno(), piece) for piece in pieces)
            sync_and_name(file.fileno(), aside, path)
    except OSError as error:
        with contextlib.suppress(OSError):  # what failed may be its folder
            aside.unlink()
        raise failed(path, error) from error
    return written


def sync_and_name(descriptor: int, aside: Path, path: Path) -> None:
    """Make a file written aside durable and give it its name."""
    os.fsync(descriptor)
    os.replace(aside, path)
    _sync_folder(path.parent)


def failed(path: Path, error: OSError) -> StageFull:
    """The error that says that our own disk is full or failing."""
    if error.errno in _FULL:
        return StageFull(f"The disk is full: {str(path.parent)!r} takes no more. Free some space and run again.")
    cause = error.strerror or str(error)
    return StageFull(
        f"Our own disk refuses to work: {str(path)!r}: {cause}. Mend the disk or set HEADRACE_HOME to another folder.",
        code="stage_failed",
    )


def unreadable(path: Path, error: Exception) -> StageFull:
    """The error that says that a file of ours is not there any more, or damaged."""
    cause = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "it is damaged"
    return StageFull(
        f"A file of ours cannot be read: {str(path)!r}: {cause}. Put it back, or start the run anew with --fresh.",
        code="stage_failed",
    )


def remove(path: Path) -> None:
    """Remove a file or a whole folder; nothing there is no error."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _write_all(descriptor: int, piece: bytes | memoryview) -> int:
    view = memoryview(piece).cast("B")
    done = 0
    while done < len(view):
        done += os.write(descriptor, view[done : done + (1 << 30)])
    return done


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
