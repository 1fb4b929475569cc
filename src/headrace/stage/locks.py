"""Who works on a run: a lock of the operating system, which a dead process cannot keep."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from headrace.stage import durable


class FileLocks:
    """One file per run under ``folder``, held with ``flock`` for as long as the work goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hold(self, run_id: str) -> Callable[[], None] | None:
        path = self._folder / f"{run_id}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise durable.failed(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        if not _same_file(descriptor, path):  # its last holder removed it between our open and our lock
            os.close(descriptor)
            return self.hold(run_id)

        def release() -> None:
            path.unlink(missing_ok=True)  # while still held, so that nobody can hold a file without a name
            os.close(descriptor)

        return release

    def runs(self) -> list[str]:
        """Runs whose file is there: held, or left behind by a process that died."""
        return sorted(path.stem for path in self._folder.glob("*.lock"))


def _same_file(descriptor: int, path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    return False
