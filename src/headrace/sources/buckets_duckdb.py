"""The listed objects of a bucket as a file system for DuckDB: nothing else is there, and nothing can be written."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime
from typing import Any

import fsspec

from headrace.errors import SourceError
from headrace.sources.buckets_objects import Bucket


class ListedObjects(fsspec.AbstractFileSystem):
    """What DuckDB may see: it asks for names, sizes, times and bytes, from several threads."""

    cachable = False

    def __init__(self, bucket: Bucket, scheme: str) -> None:
        super().__init__()
        self.protocol = scheme
        self._bucket = bucket

    def open(self, path: str, mode: str = "rb", **_: Any) -> ListedObject:
        if mode != "rb" or not self._bucket.has(path):
            raise PermissionError(f"{path!r} is no file of this source")
        return ListedObject(self._bucket, path)

    def glob(self, path: str, **_: Any) -> list[str]:
        name = re.sub(r"\[([\[*?])\]", r"\1", path)
        return [name] if self._bucket.has(name) else []

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        if not self._bucket.has(path):
            raise FileNotFoundError(f"{path!r} is no file of this source")
        return {"name": path, "size": _told(self._bucket, lambda: self._bucket.size(path)), "type": "file"}

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(self._bucket.modified(path) / 1_000_000, UTC)


class ListedObject:
    """An open object. Several threads seek and read in turns, so each has a place of its own."""

    def __init__(self, bucket: Bucket, url: str) -> None:
        self._bucket = bucket
        self._url = url
        self._place = 0
        self._mine = threading.local()

    def seek(self, place: int, whence: int = 0) -> int:
        if whence:
            place += self._place if whence == 1 else self._bucket.size(self._url)
        self._place = self._mine.place = place
        return place

    def tell(self) -> int:
        return self._place

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        place = getattr(self._mine, "place", None)
        if place is None:
            place = self._place
        self._mine.place = None
        data: bytes = _told(self._bucket, lambda: self._bucket.read(self._url, place, size))
        self._place = place + len(data)
        return data

    def close(self) -> None:
        """The object stays open for the other threads; the bucket closes it."""


def _told(bucket: Bucket, ask: Any) -> Any:
    """The answer; an error is kept for the user, and DuckDB gets one that it understands."""
    try:
        return ask()
    except SourceError as error:
        bucket.failure = bucket.failure or error
        raise OSError(error.message) from error
