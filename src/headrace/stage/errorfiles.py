"""Error files: the failed rows of a run as Parquet, a few files per run, kept after the run has ended."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from headrace.aio import in_thread
from headrace.errors import HeadraceError
from headrace.stage import durable


class LocalErrorFiles:
    """Files under ``folder/<run>/<name>.parquet``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, run_id: str, name: str, failures: pa.Table) -> None:
        await in_thread(self._write, self._path(run_id, name), failures)

    def read(self, run_id: str, names: Sequence[str]) -> Iterator[pa.Table]:
        if names and not (self._folder / run_id).is_dir():
            raise HeadraceError(
                f"The failed rows of run {run_id!r} are not kept any more: they were deleted after the time that "
                "service.retention.errors sets.",
                code="errors_forgotten",
            )
        for name in names:
            path = self._path(run_id, name)
            try:
                yield pq.read_table(path)
            except (OSError, pa.ArrowInvalid) as error:
                raise HeadraceError(
                    f"The failed rows of run {run_id!r} cannot be read: {str(path)!r} is gone or damaged. Put it back "
                    "from a backup.",
                    code="errors_unreadable",
                ) from error

    def discard(self, run_id: str) -> None:
        """Give the space of a run back. Not an error if there is nothing."""
        durable.remove(self._folder / run_id)

    def forget(self, before: float, needed: Collection[str] = ()) -> int:
        """Give the space of runs back whose last failed row was written before a moment (Unix seconds), but of those
        that are ``needed``."""
        if not self._folder.is_dir():
            return 0
        folders = [folder for folder in self._folder.iterdir() if folder.is_dir() and folder.name not in needed]
        old = [folder for folder in folders if folder.stat().st_mtime < before]
        for folder in old:
            durable.remove(folder)
        return len(old)

    def _path(self, run_id: str, name: str) -> Path:
        return self._folder / run_id / f"{name}.parquet"

    def _write(self, path: Path, failures: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(failures, sink, compression="zstd")
        durable.write(path, [memoryview(sink.getvalue())])
