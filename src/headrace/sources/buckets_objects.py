"""Objects of a bucket as files of tables: listed once; Parquet read in ranges, text files copied here first.

DuckDB sees nothing of the store but the objects of the tables. An object that changes while it is read ends the
reading: what it was is remembered when it is first opened, and compared after the last row.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.fs as arrow

from headrace.errors import SourceError, StageFull
from headrace.sources.buckets import split
from headrace.sources.buckets_errors import explain, explained
from headrace.sources.buckets_store import Store
from headrace.sources.file_tables import Entry, TableFile
from headrace.sources.sql import stopped

_BLOCK = 16 * 2**20  # bytes of one request when an object is copied
_REQUESTS = 4  # at the same time, when objects are copied
_ASKED = 16  # at the same time, when objects are asked what they are now
_SPARE = 64 * 2**20  # bytes of the disk that stay free
_WILD = re.compile(r"[*?\[]")
_IDENTITY = ("ETag", "etag", "generation", "VersionId", "Last-Modified", "updated", "Content-Length", "size")


@dataclass(frozen=True, slots=True)
class _Opened:
    stream: pa.NativeFile
    identity: Mapping[str, bytes]
    client: arrow.FileSystem


class Bucket:
    """`headrace.sources.file_tables.Place` in a store of objects. Copies go to ``folder``, which it makes."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.kind = store.kind
        self.title = store.title
        self.failure: SourceError | None = None  # of a read that DuckDB asked for; its own words say less
        self._store = store
        self._folder = folder
        self._listed: dict[str, TableFile] = {}
        self._copies: dict[str, Path] = {}  # where the copy of each listed object is, or will be
        self._copied: set[str] = set()
        self._opened: dict[str, _Opened] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    # ------------------------------------------------------------------------------------------------- which files

    def folder(self, path: str) -> Iterator[Entry]:
        root = _key(path).rstrip("/")
        entries: dict[str, list[TableFile]] = {}
        folders: set[str] = set()
        for file in self._list(root, recursive=True):
            name, below, _ = _key(file.path).removeprefix(f"{root}/").partition("/")
            entries.setdefault(name, []).append(file)
            folders.update({name} if below else ())
        if not entries:
            raise SourceError(f"There are no files below {path!r} ({self._store.title}). Mend `path`.", code="file")
        for name in sorted(entries):
            yield Entry(name, name in folders, entries[name])

    def matching(self, pattern: str) -> list[TableFile]:
        parts = _key(pattern).split("/")
        wild = next((number for number, part in enumerate(parts) if _WILD.search(part)), None)
        if wild is None:
            return self._list("/".join(parts[:-1]), recursive=False, only="/".join(parts))
        recursive = wild < len(parts) - 1 or parts[wild] == "**"
        found = self._list("/".join(parts[:wild]), recursive=recursive)
        return [file for file in found if _matches(_key(file.path).split("/"), parts)]

    def _list(self, root: str, *, recursive: bool, only: str | None = None) -> list[TableFile]:
        bucket = root.partition("/")[0]
        client = self._store.client(bucket)
        with explained(self._store.title, f"{self._store.kind}://{root}"):
            try:
                if only is not None:
                    infos = client.get_file_info([only])
                else:
                    infos = client.get_file_info(arrow.FileSelector(root, recursive=recursive))
            except FileNotFoundError:
                infos = []
            if not any(info.is_file for info in infos) and not self._exists(client, bucket):
                raise SourceError(
                    f"There is no such bucket: {self._store.kind}://{root} ({self._store.title}). "
                    "Mend `path` or `tables`.",
                    code="file",
                )
        files = []
        for info in infos:
            if info.is_file:
                url = f"{self._store.kind}://{info.path}"
                modified = (info.mtime_ns or 0) // 1000
                files.append(TableFile(url, url, info.size, modified))
        for file in files:
            self._listed[file.path] = file
            name = re.sub(r"[^A-Za-z0-9._-]", "_", file.name)[-80:]
            self._copies.setdefault(file.path, self._folder / f"{len(self._copies)}-{name}")
        return files

    def _exists(self, client: arrow.FileSystem, bucket: str) -> bool:
        """Whether there is such a bucket, as far as the credentials may know."""
        try:
            return bool(client.get_file_info(bucket).type != arrow.FileType.NotFound)
        except OSError as error:
            if explain(error, "", "").code == "grants":
                return True
            raise

    # ------------------------------------------------------------------------------------------------ what they hold

    def head(self, file: TableFile, size: int) -> bytes:
        if file.path in self._listed:
            return self.read(file.path, 0, size)
        with open(file.path, "rb") as copy:
            return copy.read(size)

    def prepared(self, files: Sequence[TableFile], *, whole: bool) -> Sequence[TableFile]:
        """The files as DuckDB is to read them: ``whole`` ones are copied here, once. Raises `StageFull`."""
        if not whole:
            return files
        missing = [file for file in files if file.path not in self._copied]
        need = sum(file.size for file in missing)
        self._folder.mkdir(exist_ok=True)
        if need > (free := shutil.disk_usage(self._folder).free - _SPARE):
            raise StageFull(
                f"The files of the query take {need:,} bytes, and the disk of the state folder has {max(free, 0):,} "
                "left. Free space, or read fewer files."
            )
        try:
            self._copy(missing)
        except OSError as error:
            raise StageFull(
                f"A copy does not fit on the disk of the state folder: {error.strerror}. Free space."
            ) from error
        return [replace(file, path=str(self._copies[file.path])) for file in files]

    def _copy(self, files: Iterable[TableFile]) -> None:
        """Copy objects by blocks, several at a time; memory holds no more than these."""
        with ThreadPoolExecutor(_REQUESTS) as pool:
            for file in files:
                blocks = range(0, self.size(file.path), _BLOCK)
                with self._copies[file.path].open("wb", buffering=0) as copy:
                    running: set[Future[None]] = set()
                    try:
                        for start in blocks:
                            if len(running) == _REQUESTS:
                                done, running = wait(running, return_when=FIRST_COMPLETED)
                                _succeeded(done)
                            running.add(pool.submit(self._copy_block, file.path, start, copy.fileno()))
                        _succeeded(running)
                    finally:
                        wait(running)  # they write to the open file
                self._unchanged(file.path)
                self._forget(file.path)
                self._copied.add(file.path)

    def _copy_block(self, url: str, start: int, target: int) -> None:
        data = memoryview(self.read(url, start, _BLOCK))
        while data:
            written = os.pwrite(target, data, start)
            start, data = start + written, data[written:]

    def read(self, url: str, start: int, size: int) -> bytes:
        """Some bytes of a listed object. Raises `SourceError`, for an object that has changed too."""
        if self._stopped.is_set():
            raise stopped()
        with explained(self._store.title, url):
            stream = self._open(url).stream
            data: bytes = stream.read_at(size, start)
            if len(data) < min(size, stream.size() - start):
                raise OSError("Expected to be able to read more")
        return data

    def size(self, url: str) -> int:
        """The bytes of a listed object, as it was when first opened."""
        return int(self._open(url).stream.size())

    def modified(self, url: str) -> int:
        """When a listed object changed last, in microseconds since 1970."""
        return self._listed[url].modified

    def has(self, url: str) -> bool:
        return url in self._listed

    def _open(self, url: str) -> _Opened:
        """The object as it was when first opened: one request, whoever reads it later."""
        bucket = _key(url).partition("/")[0]
        with self._lock:
            client = self._store.client(bucket)
            before = self._opened.get(url)
        if before is not None and before.client is client:
            return before
        now = self._ask(client, url)
        if before is not None and before.identity != now.identity:
            raise _changed(url)
        with self._lock:
            if self._opened.get(url) is before:
                self._opened[url] = now
            return self._opened[url]

    def _ask(self, client: arrow.FileSystem, url: str) -> _Opened:
        with explained(self._store.title, url):
            stream = client.open_input_file(_key(url))
            said = {name: value for name, value in stream.metadata().items() if name in _IDENTITY}
        return _Opened(stream, said, client)

    def _unchanged(self, url: str) -> None:
        before = self._opened[url]
        now = self._ask(before.client, url)
        now.stream.close()
        if now.identity != before.identity:
            raise _changed(url)

    def verify(self) -> None:
        """Raise `SourceError` if an object that was read in ranges is not any more what it was."""
        with ThreadPoolExecutor(_ASKED) as pool:
            for _ in pool.map(self._unchanged, list(self._opened)):
                pass

    # ----------------------------------------------------------------------------------------------------- the rest

    @property
    def names(self) -> list[str]:
        """The buckets, by name."""
        return sorted({_key(url).partition("/")[0] for url in self._listed})

    def connect(self, connection: duckdb.DuckDBPyConnection, files: Iterable[TableFile]) -> list[str]:
        """Let DuckDB read these of the listed objects and no others; returns all that it may open."""
        self._listed = {file.path: file for file in files}
        self._copies = {url: self._copies[url] for url in self._listed}
        from headrace.sources.buckets_duckdb import ListedObjects

        connection.register_filesystem(ListedObjects(self, self._store.kind))
        connection.execute("set enable_external_file_cache = false")  # each range is read once: memory for nothing
        return [*self._listed, *map(str, self._copies.values())]

    def start(self) -> None:
        """Before each query: an earlier one may have been stopped or failed."""
        self._stopped.clear()
        self.failure = None

    def stop(self) -> None:
        """From another thread: whatever is being read ends."""
        self._stopped.set()

    def close(self) -> None:
        for url in list(self._opened):
            self._forget(url)

    def _forget(self, url: str) -> None:
        with suppress(OSError, pa.ArrowException):
            self._opened.pop(url).stream.close()


def _succeeded(blocks: Iterable[Future[None]]) -> None:
    for block in blocks:
        block.result()


def _changed(url: str) -> SourceError:
    return SourceError(f"The file {url!r} changed while it was read. Run again.", code="file")


def _key(url: str) -> str:
    """bucket/key of an address in a bucket."""
    found = split(url)
    assert found is not None
    return found[1]


def _matches(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether the parts of a path fit those of a pattern, in which ** stands for any number of them."""
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_matches(parts[skipped:], patterns[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _matches(parts[1:], patterns[1:])
