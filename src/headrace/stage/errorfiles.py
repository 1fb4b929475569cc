"""Error files: the failed rows of a run as Parquet, a few files per run, kept after the run has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from headrace.aio import in_thread
from headrace.stage import durable


class LocalErrorFiles:
    """Files under ``folder/<run>/<name>.parquet``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, run_id: str, name: str, failures: pa.Table) -> None:
        await in_thread(self._write, self._path(run_id, name), failures)

    def read(self, run_id: str, names: Sequence[str]) -> Iterator[pa.Table]:
        for name in names:
            yield pq.read_table(self._path(run_id, name))

    def _path(self, run_id: str, name: str) -> Path:
        return self._folder / run_id / f"{name}.parquet"

    def _write(self, path: Path, failures: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(failures, sink, compression="zstd")
        durable.write(path, [memoryview(sink.getvalue())])
