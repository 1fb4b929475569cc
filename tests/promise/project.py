"""A project of numbered rows: each generation of rows has new numbers, so that what arrives tells where it is from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

QUERY = """SELECT id AS "userId", {{last_sync_time}} AS since, 'person ' || id AS name FROM numbers"""
QUERY_WITH_IDS = QUERY.replace("SELECT", 'SELECT message AS "messageId",')


def write_project(
    folder: Path, destinations: dict[str, dict[str, Any]], query: str = QUERY, **sync: Any
) -> None:
    """A project whose sync ``people`` reads ``numbers.parquet`` and delivers to all ``destinations``."""
    people = {"source": "numbers", "call": "identify", "query": query, "destinations": [*destinations], **sync}
    source = {"type": "files", "tables": {"numbers": "numbers.parquet"}}
    write_config(folder, {"sources": {"numbers": source}, "destinations": destinations, "syncs": {"people": people}})


def write_config(folder: Path, config: dict[str, Any]) -> None:
    (folder / "headrace.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def write_rows(folder: Path, numbers: range, messages: Sequence[str] | None = None) -> None:
    """The rows that the query returns from now on: a number each, and a messageId."""
    given = messages or [f"m-{number}" for number in numbers]
    table = pa.table({"id": pa.array(numbers, pa.int64()), "message": given})
    aside = folder / "numbers.parquet.tmp"
    pq.write_table(table, aside)
    aside.replace(folder / "numbers.parquet")
