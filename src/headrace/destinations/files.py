"""Calls as files in a folder: NDJSON (one call per line, as the Pipelines API spells it) or Parquet.

Each batch becomes one file, written aside, flushed to disk and renamed: a file that is there is whole. Its name is
made of the calls alone (``identify-20261123T160000Z-1-65536-<digest>.ndjson``: type of call, moment of the query, rows,
digest of the content), so that a batch that is sent again replaces its own file and no other. After a crash the
calls may be cut into batches differently, and a call may stand in two files: ``messageId`` tells.

Parquet files all have the same columns: ``type``, then those of a calls batch (`headrace.calls.batch`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip

from headrace.aio import in_thread
from headrace.calls.batch import ENVELOPE, CallsBatch
from headrace.calls.encode import pipelines_json, text_array
from headrace.connector import Field, Spec
from headrace.model import Check
from headrace.ports import Batch, Encoded, Limits, Reply, Tools, Verdict

LIMITS = Limits(calls=65_536, bytes=64 * 2**20, call_bytes=16 * 2**20, in_flight=2, overhead=0)
LOW_SPACE = 2**30  # bytes free below which `check` warns

_COMPRESSIONS = {"ndjson": ("none", "gzip"), "parquet": ("zstd", "none")}  # the first is the default


class FilesDestination:
    """Writes batches of calls as files into ``folder``."""

    limits = LIMITS

    def __init__(self, folder: Path, file_format: str, compression: str) -> None:
        self._folder = folder
        self._format = file_format
        self._compression = compression

    async def check(self) -> Check:
        """Whether the folder is there or can be made, may be written, and has space. Creates nothing."""
        return await in_thread(self._check)

    def encode(self, calls: CallsBatch) -> Encoded:
        """NDJSON: the lines. Parquet: the bodies, to be measured; `send` reads the columns."""
        if self._format == "ndjson":
            return Encoded({"calls": _on_one_line(pipelines_json(calls, object_type=True))})
        body = calls.column("body")
        assert isinstance(body, pa.LargeStringArray)
        return Encoded({"calls": body})

    async def send(self, batch: Batch) -> Reply:
        """Write the batch's file. A full disk may be mended: retry; a folder that may not be written: denied."""
        return await in_thread(self._write, batch)

    async def close(self) -> None:
        """Nothing is held open between batches."""

    def _write(self, batch: Batch) -> Reply:
        content = self._lines(batch) if self._format == "ndjson" else self._parquet(batch)
        name = f"{_stem(batch, content)}.{self._format}"
        if self._format == "ndjson" and self._compression == "gzip":
            content, name = igzip.compress(content, mtime=0), name + ".gz"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write_durably(self._folder / name, content)
        except OSError as error:
            return _cannot_write(self._folder, error)
        return Reply()

    def _lines(self, batch: Batch) -> bytes:
        return bytes(batch.joined("calls", b"\n")) + b"\n"

    def _parquet(self, batch: Batch) -> bytes:
        columns = batch.calls.columns.take(pa.array(batch.positions, pa.int64()))
        have = set(columns.schema.names)
        arrays = {"type": pa.repeat(batch.calls.kind.value, len(columns))}
        for name, arrow_type in ENVELOPE.items():
            arrays[name] = columns.column(name) if name in have else pa.nulls(len(columns), arrow_type)
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(arrays), sink, compression=self._compression)
        content: bytes = sink.getvalue().to_pybytes()
        return content

    def _check(self) -> Check:
        facts = {"folder": str(self._folder)}
        existing = self._folder
        while not existing.exists():
            existing = existing.parent
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            problem = f"Files cannot be written: {existing}. Name a folder that this user may write."
            return Check((problem,), (), facts)
        free = shutil.disk_usage(existing).free
        facts["free"] = f"{free / 2**30:.1f} GiB"
        low = f"Little space is left: {self._folder} has {facts['free']}. Make room before a large run."
        return Check((), (low,) if free < LOW_SPACE else (), facts)


def _stem(batch: Batch, content: bytes) -> str:
    """The name of a batch's file without its suffix: sorts by time and row, and is the same whenever it is sent."""
    moment = datetime.fromtimestamp(batch.calls.as_of, UTC).strftime("%Y%m%dT%H%M%SZ")
    rows = batch.calls.columns.column("row")
    first, last = (rows[int(batch.positions[end])].as_py() for end in (0, -1))
    return f"{batch.calls.kind.value}-{moment}-{first}-{last}-{blake2b(content, digest_size=8).hexdigest()}"


def _on_one_line(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """JSON without line breaks: they may stand between its tokens only, where a blank does as well."""
    series = pl.Series(texts)
    if not series.str.contains("[\n\r]").any():
        return texts
    return text_array(series.str.replace_all("[\n\r]", " "))


def _write_durably(path: Path, content: bytes) -> None:
    """Put a whole file in place, on disk when this returns. The process's number keeps other writers' files apart."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def _cannot_write(folder: Path, error: OSError) -> Reply:
    what = f"The file could not be written: {folder}: {error.strerror}."
    if error.errno in _DENIED:
        return Reply(Verdict.DENIED, code="not_writable", reason=f"{what} Name a folder that this user may write.")
    if error.errno in _FULL:
        return Reply(Verdict.RETRY, code="disk_full", reason=f"{what} Make room on that disk.")
    return Reply(Verdict.RETRY, code="disk_failing", reason=f"{what} See to that disk.")


def _make(settings: Mapping[str, Any], tools: Tools) -> FilesDestination:
    file_format = settings["format"]
    compression = settings.get("compression") or _COMPRESSIONS[file_format][0]
    return FilesDestination(tools.base / settings["path"], file_format, compression)


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    file_format, compression = settings["format"], settings.get("compression")
    allowed = _COMPRESSIONS[file_format]
    if compression in (None, *allowed):
        return []
    return [
        ("compression", f"{file_format} files can have {' or '.join(allowed)}; choose one of these, or leave it out.")
    ]


SPEC = Spec(
    type="files",
    title="Files",
    summary="One file per batch of calls in a folder, as NDJSON or Parquet.",
    fields=(
        Field("path", "path", "The folder; it is made when the first call arrives.", required=True, example="out"),
        Field(
            "format",
            "choice",
            "ndjson: a call per line, as the Pipelines API spells it. parquet: a column per field of a call.",
            default="ndjson",
            choices=("ndjson", "parquet"),
        ),
        Field(
            "compression",
            "choice",
            "none or gzip for ndjson (default: none); zstd or none for parquet (default: zstd).",
            choices=("none", "gzip", "zstd"),
        ),
    ),
    destination=_make,
    validate=_validate,
)
