"""Files on the local disk, where DuckDB reads them itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from headrace.confine import CODE, is_inside, outside
from headrace.errors import SourceError
from headrace.sources.file_tables import Entry, TableFile


class LocalDisk:
    """`headrace.sources.file_tables.Place` on this machine; relative paths start at ``base``.

    With ``home``, the state folder, only files in ``base`` are found, none hidden and none of the state folder.
    """

    def __init__(self, base: Path, home: Path | None = None) -> None:
        self._base, self._home = base, home

    def folder(self, path: str) -> Iterator[Entry]:
        folder = self._base / path
        if not folder.is_dir():
            what = "is a file, not a folder" if folder.exists() else f"does not exist in {str(self._base)!r}"
            raise SourceError(f"The folder {path!r} {what}. Mend `path`, or use `tables`.", code="file")
        for entry in sorted(folder.iterdir()):
            found = sorted(entry.rglob("*")) if entry.is_dir() else [entry]
            yield Entry(entry.name, entry.is_dir(), [self._file(file) for file in found if self._is_ours(file)])

    def matching(self, pattern: str) -> list[TableFile]:
        if self._home and (why := outside(pattern, self._base, self._home)):
            raise SourceError(why, code=CODE)
        path = Path(pattern)
        root = Path(path.anchor) if path.is_absolute() else self._base
        return [self._file(file) for file in root.glob(str(path.relative_to(path.anchor))) if self._is_ours(file)]

    def head(self, file: TableFile, size: int) -> bytes:
        with open(file.path, "rb") as stream:
            return stream.read(size)

    def prepared(self, files: Sequence[TableFile], *, whole: bool) -> Sequence[TableFile]:
        return files

    def _is_ours(self, file: Path) -> bool:
        if not file.is_file() or self._home is None:
            return file.is_file()
        hidden = any(part.startswith(".") for part in file.relative_to(self._base).parts)
        return not hidden and is_inside(file, self._base) and not is_inside(file, self._home)

    def _file(self, file: Path) -> TableFile:
        facts = file.stat()
        shown = file.relative_to(self._base) if file.is_relative_to(self._base) else file
        return TableFile(str(file), str(shown), facts.st_size, facts.st_mtime_ns // 1000)
