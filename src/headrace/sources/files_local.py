"""Files on the local disk, where DuckDB reads them itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from headrace.errors import SourceError
from headrace.sources.file_tables import Entry, TableFile


class LocalDisk:
    """`headrace.sources.file_tables.Place` on this machine; relative paths start at ``base``."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def folder(self, path: str) -> Iterator[Entry]:
        folder = self._base / path
        if not folder.is_dir():
            what = "is a file, not a folder" if folder.exists() else f"does not exist in {str(self._base)!r}"
            raise SourceError(f"The folder {path!r} {what}. Mend `path`, or use `tables`.", code="file")
        for entry in sorted(folder.iterdir()):
            found = sorted(entry.rglob("*")) if entry.is_dir() else [entry]
            yield Entry(entry.name, entry.is_dir(), [self._file(file) for file in found if file.is_file()])

    def matching(self, pattern: str) -> list[TableFile]:
        path = Path(pattern)
        root = Path(path.anchor) if path.is_absolute() else self._base
        return [self._file(file) for file in root.glob(str(path.relative_to(path.anchor))) if file.is_file()]

    def head(self, file: TableFile, size: int) -> bytes:
        with open(file.path, "rb") as stream:
            return stream.read(size)

    def prepared(self, files: Sequence[TableFile], *, whole: bool) -> Sequence[TableFile]:
        return files

    def _file(self, file: Path) -> TableFile:
        facts = file.stat()
        shown = file.relative_to(self._base) if file.is_relative_to(self._base) else file
        return TableFile(str(file), str(shown), facts.st_size, facts.st_mtime_ns // 1000)
