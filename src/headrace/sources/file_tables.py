"""Which files make which table, and the SQL that reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
class FileTable:
    """A table made of files that have one format and the same columns."""

    name: str
    format: str  # csv | parquet | json
    files: tuple[Path, ...]  # sorted

    def create(self, connection: duckdb.DuckDBPyConnection, base: Path, csv: Mapping[str, Any], *, exact: bool) -> None:
        """Make the table's two views. Raises `SourceError` where its files cannot be read as one table."""
        try:
            files = self._same_columns(connection, csv)
            reader = self._reader(connection, files, csv, exact=exact)
            known = ", ".join(
                f"{literal(str(file))}: {{'name': {literal(shown(file, base))}, "
                f"'modified_at': make_timestamptz({file.stat().st_mtime_ns // 1000})}}"
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
                f"Table {self.name!r} cannot be read from {shown(self.files[0], base)!r}{more}: {told}. "
                + ("Mend the files, or say in `csv` how to read them." if self.format == "csv" else "Mend the files."),
                code="file",
            ) from error

    def _reader(
        self, connection: duckdb.DuckDBPyConnection, files: Sequence[Path], csv: Mapping[str, Any], *, exact: bool
    ) -> str:
        patterns = [pattern(file) for file in files]
        if self.format == "csv":
            return csv_tables.reader(connection, patterns, csv, exact=exact)
        if self.format == "parquet":
            return f"read_parquet({literal(patterns)})"
        return _json_reader(connection, patterns)

    def _same_columns(self, connection: duckdb.DuckDBPyConnection, csv: Mapping[str, Any]) -> Sequence[Path]:
        """The files that hold anything; an error if their columns differ, for then values would be lost silently."""
        files = [file for file in self.files if file.stat().st_size] or self.files[:1]
        if len(files) == 1 or self.format == "json" or (self.format == "csv" and csv.get("header") is False):
            return files
        if self.format == "parquet":
            columns = _parquet_columns(connection, files)
        else:
            columns = [csv_tables.header(file) for file in files]
        for file, found in zip(files, columns, strict=True):
            if found != columns[0]:
                raise SourceError(
                    f"{files[0].name!r} has the columns {columns[0]}, and {file.name!r} has {found}; "
                    "put them in two tables, or make them alike",
                    code="file",
                )
        return files


def find_tables(settings: Mapping[str, Any], base: Path) -> list[FileTable]:
    """The tables of the settings `path` and `tables`, by name. Raises `SourceError` for what is missing or mixed."""
    tables: dict[str, FileTable] = {}
    for name, files, place in [*_of_folder(settings, base), *_of_patterns(settings, base)]:
        formats = {kind for file in files if (kind := _format(file))}
        if len(formats) != 1:
            found = " and ".join(sorted(formats)) or "no CSV, Parquet or NDJSON files"
            raise SourceError(f"Table {name!r}: {place} holds {found}. A table needs files of one format.", code="file")
        other = tables.get(name.lower())
        if other is not None:
            raise SourceError(
                f"Two things would be the table {name!r}: {other.files[0].name!r} and {files[0].name!r}. "
                "Rename one, or name tables yourself in `tables`.",
                code="file",
            )
        tables[name.lower()] = FileTable(name, formats.pop(), tuple(sorted(file for file in files if _format(file))))
    if not tables:
        known = ", ".join(FORMATS)
        raise SourceError(f"The folder {settings['path']!r} holds no files ending in {known}.", code="file")
    return list(tables.values())


def _of_folder(settings: Mapping[str, Any], base: Path) -> Iterable[tuple[str, list[Path], str]]:
    """Each file and each sub-folder of `path` is a table named after it."""
    if not settings.get("path"):
        return
    folder = base / settings["path"]
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else f"does not exist in {str(base)!r}"
        raise SourceError(f"The folder {settings['path']!r} {what}. Mend `path`, or use `tables`.", code="file")
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        files = sorted(entry.rglob("*")) if entry.is_dir() else [entry]
        files = [file for file in files if _format(file) and file.is_file()]
        if files:
            yield _table_name(entry), files, repr(entry.name)


def _of_patterns(settings: Mapping[str, Any], base: Path) -> Iterable[tuple[str, list[Path], str]]:
    """Each entry of `tables` is a table: its name, and a pattern of files."""
    for name, wanted in (settings.get("tables") or {}).items():
        path = Path(str(wanted))
        root = Path(path.anchor) if path.is_absolute() else base
        found = root.glob(str(path.relative_to(path.anchor)))
        files = [file for file in found if file.is_file() and not file.name.startswith(".")]
        if not files:
            raise SourceError(
                f"Table {name!r}: no file matches {wanted!r} in {str(base)!r}. Mend `tables`.", code="file"
            )
        yield str(name), files, repr(wanted)


def _format(file: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        kind = FORMATS.get(suffixes[-2]) if len(suffixes) > 1 else None
        return None if kind == "parquet" else kind  # a Parquet file is compressed inside
    return FORMATS.get(file.suffix.lower())


def _table_name(entry: Path) -> str:
    """The name of a file without its endings, of letters, digits and underscores."""
    stem = entry.name
    if entry.is_file():
        stem = stem.removesuffix(".gz").rpartition(".")[0]
    name = re.sub(r"\W", "_", stem)
    return f"_{name}" if name[:1].isdigit() else name


def _json_reader(connection: duckdb.DuckDBPyConnection, patterns: Sequence[str]) -> str:
    """The ``read_json`` call for files of one JSON object a line."""
    call = f"read_json({literal(patterns)}, format = 'newline_delimited'"
    # A sample would round 1.5 to 2 and drop keys that come later, without a word: look at every value, once.
    guessing = f"{call}, sample_size = -1, maximum_sample_files = {len(patterns)})"
    found = connection.sql(f"from {guessing}")
    columns = {name: str(kind) for name, kind in zip(found.columns, found.types, strict=True)}
    keys = {name.lower() for name in columns}
    if any(name.rpartition("_")[0].lower() in keys for name in columns):
        return guessing  # keys that differ in case alone, of which the second was given a new name: DuckDB knows which
    return f"{call}, columns = {literal(columns)})"


def _parquet_columns(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> list[str]:
    """Names and types of each Parquet file's columns."""
    patterns = literal([pattern(file) for file in files])
    query = f"select file_name, name, duckdb_type from parquet_schema({patterns}) where duckdb_type is not null"
    columns: dict[str, list[str]] = {str(file): [] for file in files}
    for file, name, kind in connection.execute(query).fetchall():
        columns[file].append(f"{name} {kind}")
    return [", ".join(columns[str(file)]) for file in files]


def pattern(file: Path) -> str:
    """The pattern, as DuckDB reads it, that matches this file alone."""
    return re.sub(r"([\[*?])", r"[\1]", str(file))


def shown(file: Path, base: Path) -> str:
    """The file as people name it: from the folder of the configuration, where it is in there."""
    return str(file.relative_to(base)) if file.is_relative_to(base) else str(file)
