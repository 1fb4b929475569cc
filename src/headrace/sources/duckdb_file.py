"""A session on a DuckDB database file, attached read-only."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import duckdb

from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Tools
from headrace.sources import duck
from headrace.sources.sql import explained

_RESERVED = frozenset({"main", "memory", "system", "temp"})  # names that DuckDB has given itself


def connect(settings: Mapping[str, Any], tools: Tools) -> duck.DuckSession:
    """A session on the file. Raises `SourceError` where it cannot be opened."""
    path = tools.base / settings["path"]
    if path.is_dir():
        raise SourceError(f"{settings['path']!r} is a folder. Set `path` to the database file in it.", code="file")
    if not path.is_file():
        raise SourceError(f"There is no file {settings['path']!r} in {str(tools.base)!r}. Mend `path`.", code="file")

    def attach(connection: duckdb.DuckDBPyConnection) -> None:
        name = duck.identifier(f"{path.stem}_db" if path.stem.lower() in _RESERVED else path.stem)
        connection.execute(f"attach {duck.literal(path)} as {name} (read_only)")
        connection.execute(f"use {name}")

    try:
        return duck.DuckSession(settings, tools.home, attach)
    except duckdb.Error as error:
        raise _refusal(error, settings["path"]) from error


def _refusal(error: duckdb.Error, path: str) -> SourceError:
    reason = duck.reason(error)
    if "not a valid DuckDB database file" in reason:
        return SourceError(f"The file {path!r} is not a DuckDB database. Mend `path`.", code="file")
    if "Could not set lock" in reason:
        holder = reason.partition("held in ")[2].partition(". See")[0]
        return SourceError(
            f"The database {path!r} is being written by another process ({holder}), and DuckDB lets nobody read "
            "meanwhile. Run again when it has closed the file.",
            code="locked",
        )
    if "already attached" in reason:
        return SourceError(
            f"The database {path!r} is open for writing in this process. Close that connection first.", code="locked"
        )
    if "Permission denied" in reason:
        return SourceError(f"The file {path!r} may not be read by this user. Give it read permission.", code="file")
    return SourceError(f"DuckDB could not open {path!r}: {reason}. Check `path`, `memory_limit` and `threads`.")


def check(settings: Mapping[str, Any], tools: Tools) -> Check:
    """Open the file as a run does, count its tables, and try to write. Raises `SourceError`."""
    with closing(connect(settings, tools)) as session, explained(session, ""):
        [(version,)] = session.query("select version()")
        [(tables,)] = session.query("select count(*) from information_schema.tables where table_schema <> 'pg_catalog'")
        facts = {"server": f"DuckDB {version}", "readable": f"{tables} tables and views"}
        if not _refuses_to_write(session):
            return Check((f"DuckDB let a write through to {settings['path']!r}. Make the file read-only.",), (), facts)
        warnings = () if tables else (f"The database {settings['path']!r} has no tables yet. Check `path`.",)
        return Check((), warnings, facts)


def _refuses_to_write(session: duck.DuckSession) -> bool:
    """Try to write, and expect DuckDB's refusal."""
    try:
        session.query("create table headrace_write_probe (n integer)")
    except duckdb.Error as error:
        return "read-only" in duck.reason(error)
    return False
