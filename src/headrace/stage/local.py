"""The stage on the local disk: a folder per run, an Arrow file per part."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from headrace.aio import in_thread
from headrace.calls.batch import CallsBatch
from headrace.stage import durable

# Measured: lz4 costs half the CPU time of zstd, written and read; the disk is not the narrow place.
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class LocalStage:
    """Parts under ``folder/<run>/<seq>.arrow``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, run_id: str, seq: int, calls: CallsBatch) -> int:
        return await in_thread(self._write, self._path(run_id, seq), calls)

    async def read(self, run_id: str, seq: int) -> CallsBatch:
        return await in_thread(self._read, self._path(run_id, seq))

    async def discard(self, run_id: str) -> None:
        await in_thread(durable.remove, self._folder / run_id)

    def runs(self) -> list[str]:
        """Runs that hold space here."""
        return sorted(p.name for p in self._folder.iterdir() if p.is_dir()) if self._folder.is_dir() else []

    def _path(self, run_id: str, seq: int) -> Path:
        return self._folder / run_id / f"{seq:06d}.arrow"

    def _write(self, path: Path, calls: CallsBatch) -> int:
        wrapped = calls.wrap()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, wrapped.schema, options=_OPTIONS) as writer:
            writer.write_batch(wrapped)
        return durable.write(path, [memoryview(sink.getvalue())])

    def _read(self, path: Path) -> CallsBatch:
        try:
            with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
                return CallsBatch.unwrap(reader.get_batch(0))
        except (OSError, pa.ArrowInvalid) as error:
            raise durable.unreadable(path, error) from error
