"""Which files make which table, and the SQL that reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple, Protocol

import duckdb

from headrace.errors import SourceError
from headrace.sources import csv_tables
from headrace.sources.duck import identifier, literal, reason

FORMATS: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".ndjson": "json",
    ".jsonl": "json",
}
WITH_FILE = "_with_file"


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file of a table: ``path`` as DuckDB opens it, ``shown`` as people name it."""

    path: str
    shown: str
    size: int  # bytes
    modified: int  # microseconds since 1970

    @property
    def name(self) -> str:
        return self.shown.rpartition("/")[2]


class Entry(NamedTuple):
    """What lies directly in a folder: a file, or a folder with all files below it."""

    name: str
    is_folder: bool
    files: Sequence[TableFile]


class Place(Protocol):
    """Where the files are. All of it raises `SourceError`."""

    def folder(self, path: str) -> Iterable[Entry]:
        """What lies in a folder, by name."""
        ...

    def matching(self, pattern: str) -> Sequence[TableFile]:
        """The files that match a pattern; ``**`` stands for any number of folders."""
        ...

    def head(self, file: TableFile, size: int) -> bytes:
        """The first bytes of a file."""
        ...

    def prepared(self, files: Sequence[TableFile], *, whole: bool) -> Sequence[TableFile]:
        """The files as DuckDB is to read them; ``whole`` where it will read every byte, more than once."""
        ...


@dataclass(frozen=True, slots=True)
class FileTable:
    """A table made of files that have one format and the same columns."""

    name: str
    format: str  # csv | parquet | json
    files: tuple[TableFile, ...]  # sorted

    def create(
        self, connection: duckdb.DuckDBPyConnection, place: Place, csv: Mapping[str, Any], *, exact: bool, peek: bool
    ) -> None:
        """Make the table's two views. Raises `SourceError` where its files cannot be read as one table.

        ``exact`` looks at every value, ``peek`` at no more than a sample.
        """
        whole = not peek and (self.format == "json" or (self.format == "csv" and exact))
        prepared = place.prepared(self.files, whole=whole)
        try:
            files = self._same_columns(connection, place, prepared, csv)
            reader = self._reader(connection, files, csv, exact=exact, peek=peek)
            known = ", ".join(
                f"{literal(file.path)}: {{'name': {literal(file.shown)}, "
                f"'modified_at': make_timestamptz({file.modified})}}"
                for file in files
            )
            of_file = f"map {{{known}}}[filename]"
            connection.execute(f"create or replace view {identifier(self.name)} as select * from {reader}")
            connection.execute(
                f"create or replace view {identifier(self.name + WITH_FILE)} as select *, "
                f"{of_file}.name as _file_name, {of_file}.modified_at as _file_modified_at from {reader}"
            )
        except (duckdb.Error, OSError, SourceError) as error:
            told = error.message if isinstance(error, SourceError) else reason(error)
            more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
            raise SourceError(
                f"Table {self.name!r} cannot be read from {self.files[0].shown!r}{more}: {told}. "
                + ("Mend the files, or say in `csv` how to read them." if self.format == "csv" else "Mend the files."),
                code="file",
            ) from error

    def _reader(
        self,
        connection: duckdb.DuckDBPyConnection,
        files: Sequence[TableFile],
        csv: Mapping[str, Any],
        *,
        exact: bool,
        peek: bool,
    ) -> str:
        patterns = [pattern(file.path) for file in files]
        if self.format == "csv":
            return csv_tables.reader(connection, patterns, csv, exact=exact)
        if self.format == "parquet":
            return f"read_parquet({literal(patterns)})"
        return _json_reader(connection, patterns, whole=not peek)

    def _same_columns(
        self,
        connection: duckdb.DuckDBPyConnection,
        place: Place,
        given: Sequence[TableFile],
        csv: Mapping[str, Any],
    ) -> Sequence[TableFile]:
        """The files that hold anything; an error if their columns differ, for then values would be lost silently."""
        files = [file for file in given if file.size] or given[:1]
        if len(files) == 1 or self.format == "json" or (self.format == "csv" and csv.get("header") is False):
            return files
        if self.format == "parquet":
            columns = _parquet_columns(connection, files)
        else:
            columns = [csv_tables.header(place.head(file, csv_tables.HEAD), file.name) for file in files]
        for file, found in zip(files, columns, strict=True):
            if found != columns[0]:
                raise SourceError(
                    f"{files[0].name!r} has the columns {columns[0]}, and {file.name!r} has {found}; "
                    "put them in two tables, or make them alike",
                    code="file",
                )
        return files


def find_tables(settings: Mapping[str, Any], place: Place) -> list[FileTable]:
    """The tables of the settings `path` and `tables`, by name. Raises `SourceError` for what is missing or mixed."""
    tables: dict[str, FileTable] = {}
    for name, found, shown in [*_of_folder(settings, place), *_of_patterns(settings, place)]:
        files = sorted((file for file in found if _format(file.name)), key=lambda file: file.path.split("/"))
        formats = {kind for file in files if (kind := _format(file.name))}
        if len(formats) != 1:
            held = " and ".join(sorted(formats)) or "no CSV, Parquet or NDJSON files"
            raise SourceError(f"Table {name!r}: {shown} holds {held}. A table needs files of one format.", code="file")
        other = tables.get(name.lower())
        if other is not None:
            raise SourceError(
                f"Two things would be the table {name!r}: {other.files[0].name!r} and {files[0].name!r}. "
                "Rename one, or name tables yourself in `tables`.",
                code="file",
            )
        tables[name.lower()] = FileTable(name, formats.pop(), tuple(files))
    if not tables:
        known = ", ".join(FORMATS)
        raise SourceError(f"The folder {settings['path']!r} holds no files ending in {known}.", code="file")
    return list(tables.values())


def _of_folder(settings: Mapping[str, Any], place: Place) -> Iterable[tuple[str, Sequence[TableFile], str]]:
    """Each file and each sub-folder of `path` is a table named after it."""
    if not settings.get("path"):
        return
    for entry in place.folder(settings["path"]):
        if not entry.name.startswith(".") and any(_format(file.name) for file in entry.files):
            yield _table_name(entry), entry.files, repr(entry.name)


def _of_patterns(settings: Mapping[str, Any], place: Place) -> Iterable[tuple[str, Sequence[TableFile], str]]:
    """Each entry of `tables` is a table: its name, and a pattern of files."""
    for name, wanted in (settings.get("tables") or {}).items():
        files = [file for file in place.matching(str(wanted)) if not file.name.startswith(".")]
        if not files:
            raise SourceError(f"Table {name!r}: no file matches {wanted!r}. Mend `tables`.", code="file")
        yield str(name), files, repr(wanted)


def _format(name: str) -> str | None:
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        kind = FORMATS.get(suffixes[-2]) if len(suffixes) > 1 else None
        return None if kind == "parquet" else kind  # a Parquet file is compressed inside
    return FORMATS.get(suffixes[-1]) if suffixes else None


def _table_name(entry: Entry) -> str:
    """The name of a file without its endings, of letters, digits and underscores."""
    stem = entry.name
    if not entry.is_folder:
        stem = stem.removesuffix(".gz").rpartition(".")[0]
    name = re.sub(r"\W", "_", stem)
    return f"_{name}" if name[:1].isdigit() else name


def _json_reader(connection: duckdb.DuckDBPyConnection, patterns: Sequence[str], *, whole: bool) -> str:
    """The ``read_json`` call for files of one JSON object a line."""
    call = f"read_json({literal(patterns)}, format = 'newline_delimited'"
    # A sample would round 1.5 to 2 and drop keys that come later, without a word: look at every value, once.
    guessing = f"{call}, sample_size = -1, maximum_sample_files = {len(patterns)})" if whole else f"{call})"
    found = connection.sql(f"from {guessing}")
    columns = {name: str(kind) for name, kind in zip(found.columns, found.types, strict=True)}
    keys = {name.lower() for name in columns}
    if any(name.rpartition("_")[0].lower() in keys for name in columns):
        return guessing  # keys that differ in case alone, of which the second was given a new name: DuckDB knows which
    return f"{call}, columns = {literal(columns)})"


def _parquet_columns(connection: duckdb.DuckDBPyConnection, files: Sequence[TableFile]) -> list[str]:
    """Names and types of each Parquet file's columns."""
    patterns = literal([pattern(file.path) for file in files])
    query = f"select file_name, name, duckdb_type from parquet_schema({patterns}) where duckdb_type is not null"
    columns: dict[str, list[str]] = {file.path: [] for file in files}
    for file, name, kind in connection.execute(query).fetchall():
        columns[file].append(f"{name} {kind}")
    return [", ".join(columns[file.path]) for file in files]


def pattern(path: str) -> str:
    """The pattern, as DuckDB reads it, that matches this file alone."""
    return re.sub(r"([\[*?])", r"[\1]", path)
