"""CSV made exact: DuckDB guesses dialect and types from a sample; here every value is held against the guess."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from headrace.errors import SourceError
from headrace.sources.duck import identifier, literal

HEAD = 256 * 1024  # bytes; no header is longer
_SAMPLE = 200_000  # rows that are guessed from
_ABSENT = "(empty)"  # how sniff_csv shows an empty character

# Type → what a text must be so that the type keeps all of it. Beyond the sample DuckDB would turn 1.5 into 2, 00501
# into 501, and cut times off dates, without a word.
_KEEPS = {
    "BIGINT": r"regexp_full_match({0}, '\s*-?(0|[1-9]\d*)\s*') and try_cast({0} as bigint) is not null",
    "HUGEINT": r"regexp_full_match({0}, '\s*-?(0|[1-9]\d*)\s*') and try_cast({0} as hugeint) is not null",
    "DOUBLE": r"try_cast({0} as double) is not null and not regexp_matches({0}, '^\s*-?0\d')",
    "BOOLEAN": "try_cast({0} as boolean) is not null",
    "DATE": "length(trim({0})) <= 10",
    "TIMESTAMP": r"not regexp_matches({0}, ':\d\d(\.\d+)?\s*[+-]\d')",
}


def reader(
    connection: duckdb.DuckDBPyConnection, patterns: Sequence[str], options: Mapping[str, Any], *, exact: bool
) -> str:
    """The ``read_csv`` call for files of one header. ``exact`` reads all of them once, to be sure of the types.

    A column in which a value would lose something is text. Raises the errors of DuckDB, and `SourceError` where rows
    have different lengths.
    """
    found = connection.sql(f"from sniff_csv({literal(patterns[0])}{_named({'sample_size': _SAMPLE, **options})})")
    guess = dict(zip(found.columns, found.fetchall()[0], strict=True))
    columns = {column["name"]: column["type"] for column in guess["Columns"]}
    if len(columns) == 1 and "delim" not in options and any(mark in next(iter(columns)) for mark in ",;\t"):
        raise SourceError("its rows have different numbers of columns", code="file")
    dialect = {
        "auto_detect": False,
        "delim": guess["Delimiter"],
        "quote": _character(guess["Quote"], '"'),  # a quote may still come after the sample
        "escape": _character(guess["Escape"], '"'),
        "comment": _character(guess["Comment"], ""),
        "skip": guess["SkipRows"],
        "header": guess["HasHeader"],
        "dateformat": guess["DateFormat"],
        "timestampformat": guess["TimestampFormat"],
        **{name: value for name, value in options.items() if name != "types"},
    }
    call = f"read_csv({literal(list(patterns))}{_named(dialect)}, columns = "
    if exact:
        columns = _kept(connection, call, columns, told=options.get("types") or {})
    return f"{call}{literal(columns)})"


def header(head: bytes, name: str) -> str:
    """The first line of a CSV file, without quotes, from its first `HEAD` bytes. Raises `SourceError`."""
    if name.lower().endswith(".gz"):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD)
        except zlib.error as error:
            raise SourceError(f"{name!r} is no gzip file", code="file") from error
    line = head.partition(b"\n")[0]
    return line.decode("utf-8-sig", errors="replace").strip().replace('"', "")


def _kept(
    connection: duckdb.DuckDBPyConnection, call: str, columns: Mapping[str, str], told: Mapping[str, str]
) -> dict[str, str]:
    """The types that keep every value; VARCHAR for the others. Types that the user told are not doubted."""
    doubted = [name for name, kind in columns.items() if kind in _KEEPS and name not in told]
    if not doubted:
        return dict(columns)
    kept = [(identifier(name), _KEEPS[columns[name]]) for name in doubted]
    counts = ", ".join(f"count({name}) filter (not ({condition.format(name)}))" for name, condition in kept)
    texts = literal(dict.fromkeys(columns, "VARCHAR"))
    [losses] = connection.execute(f"select {counts} from {call}{texts})").fetchall()
    lossy = {name for name, loss in zip(doubted, losses, strict=True) if loss}
    return {name: "VARCHAR" if name in lossy else kind for name, kind in columns.items()}


def _character(shown: str, absent: str) -> str:
    return absent if shown == _ABSENT else shown


def _named(options: Mapping[str, Any]) -> str:
    return "".join(f", {name} = {literal(value)}" for name, value in options.items() if value is not None)
