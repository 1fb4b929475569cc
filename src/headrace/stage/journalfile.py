"""One journal being written: lines are added whole, flushed, or taken back."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from headrace.calls.received import from_lines, intact
from headrace.calls.received_times import EPOCH, MILLISECOND
from headrace.stage import durable

NEW, OPEN, CLOSED, GONE = ".new", ".open", ".jsonl", ".gone"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class JournalFile:
    """A file that this process holds with ``flock``. All methods block."""

    path: Path
    descriptor: int
    size: int = 0  # bytes of whole lines
    calls: int = 0
    first_at: datetime = _NEVER
    last_at: datetime = _NEVER
    broken: bool = False  # it is not known what the disk holds

    @property
    def source(self) -> str:
        return self.path.parent.name

    @property
    def name(self) -> str:
        return self.path.stem

    @classmethod
    def create(cls, folder: Path, name: str) -> JournalFile:
        """A new, empty file, held before it has its name. Raises `StageFull`."""
        path = folder / (name + OPEN)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside = path.with_suffix(NEW)
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                durable.sync_and_name(descriptor, aside, path)
            except OSError:
                os.close(descriptor)
                aside.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise durable.failed(path, error) from error
        return cls(path, descriptor)

    def add(self, lines: bytes) -> None:
        """Write and flush. Raises `StageFull`: then nothing was added, or `broken` says that nobody can know."""
        try:
            self._write(lines)
        except OSError as error:
            self._take_back()
            raise durable.failed(self.path, error) from error
        try:
            os.fdatasync(self.descriptor)
        except OSError as error:  # the kernel may have dropped what it could not write, and says so only once
            self.broken = True
            raise durable.failed(self.path, error) from error
        self.size += len(lines)

    def count(self, calls: int, at: datetime) -> None:
        """Note calls that were added."""
        self.first_at = at if not self.calls else min(self.first_at, at)
        self.last_at = at if not self.calls else max(self.last_at, at)
        self.calls += calls

    def finish(self) -> None:
        """Close a file that has its number. Raises `StageFull`: then it is to be tried again."""
        try:
            if self.path.suffix == OPEN and self.path.exists():
                durable.sync_and_name(self.descriptor, self.path, self.path.with_suffix(CLOSED))
        except OSError as error:
            raise durable.failed(self.path, error) from error
        self.release()

    def release(self) -> None:
        """Let go of the file; one without calls is removed."""
        if not self.calls and not self.broken:
            self.path.unlink(missing_ok=True)
        os.close(self.descriptor)

    def _write(self, lines: bytes) -> None:
        view = memoryview(lines)
        while view:
            view = view[os.write(self.descriptor, view) :]

    def _take_back(self) -> None:
        try:
            os.ftruncate(self.descriptor, self.size)
        except OSError:
            self.broken = True


def taken_over(path: Path) -> JournalFile | None:
    """A file whose process is dead, cut behind its last whole line; None where another holds it, or it is empty.

    Raises `StageFull`.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise durable.failed(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lines = path.read_bytes()
        size = intact(lines)
        if size < len(lines):
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
    except (BlockingIOError, FileNotFoundError):  # it lives; or was closed by its process while we looked
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise durable.failed(path, error) from error
    file = JournalFile(path, descriptor, size)
    received = from_lines(lines[:size])
    for call in received:
        file.count(1, EPOCH + call.at * MILLISECOND)
    if not received:
        file.release()
        return None
    return file
