"""A DuckDB database file as a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.connector import Field, Spec
from headrace.ports import Source, Tools
from headrace.sources import catalog
from headrace.sources.fields import DUCKDB
from headrace.sources.sql import SqlSource


def _source(settings: Mapping[str, Any], tools: Tools) -> Source:
    from headrace.sources import duckdb_file

    return SqlSource(
        lambda: duckdb_file.connect(settings, tools),
        lambda: duckdb_file.check(settings, tools),
        timeout=settings["statement_timeout"],
    )


SPEC = Spec(
    type="duckdb",
    title="DuckDB",
    summary="A DuckDB database file on this machine.",
    fields=(
        Field(
            "path", "path", "The database file; starts at the folder of the configuration.", True, example="shop.duckdb"
        ),
        *DUCKDB,
    ),
    source=_source,
    dialect="duckdb",
    catalog=catalog.DUCKDB,
    guide="how-to/connect-files.md",
)
