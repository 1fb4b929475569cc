"""Error files: the failed rows of a run as Parquet, a few files per run, kept after the run has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    def _path(self, run_id: str, name: str) -> Path:
        return self._folder / run_id / f"{name}.parquet"

    def _write(self, path: Path, failures: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(failures, sink, compression="zstd")
        durable.write(path, [memoryview(sink.getvalue())])
