"""Small projects of numbered rows, and what a receiving server got of them.

Each generation of rows has new numbers, so that what arrives tells where it is from.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from headrace.app import opened
from headrace.model import Run
from headrace.testing.http_server import Answer, Recorded, RecordingServer

QUERY = """SELECT id AS "userId", {{last_sync_time}} AS since, 'person ' || id AS name FROM numbers"""
QUERY_WITH_IDS = QUERY.replace("SELECT", 'SELECT message AS "messageId",')
_PATIENCE = 60.0  # seconds
NUMBERS = {"type": "files", "tables": {"numbers": "numbers.parquet"}}


def write_project(
    folder: Path, destinations: dict[str, dict[str, Any]], query: str = QUERY, source: dict[str, Any] | None = None,
    **sync: Any,
) -> None:  # fmt: skip
    """A project whose sync ``people`` reads ``numbers.parquet``, or another source, into all ``destinations``."""
    people = {"source": "numbers", "call": "identify", "query": query, "destinations": [*destinations], **sync}
    sources = {"numbers": source or NUMBERS}
    write_config(folder, {"sources": sources, "destinations": destinations, "syncs": {"people": people}})


def write_config(folder: Path, config: dict[str, Any]) -> None:
    (folder / "headrace.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def write_rows(folder: Path, numbers: range, messages: Sequence[str] | None = None) -> None:
    """The rows that the query returns from now on: a number each, and a messageId."""
    given = messages or [f"m-{number}" for number in numbers]
    write_table(folder, pa.table({"id": pa.array(numbers, pa.int64()), "message": given}))


def write_table(folder: Path, table: pa.Table) -> None:
    aside = folder / "numbers.parquet.tmp"
    pq.write_table(table, aside)
    aside.replace(folder / "numbers.parquet")


def crm(server: RecordingServer) -> dict[str, Any]:
    """Customer.io, played by a server."""
    return {"type": "customerio", "api_key": "key", "url": f"{server.url}/crm"}


def hook(server: RecordingServer, **settings: Any) -> dict[str, Any]:
    """A webhook that takes arrays, on the same server."""
    return {"type": "webhook", "url": f"{server.url}/hook", "format": "json_array", **settings}


def calls_in(request: Recorded) -> list[dict[str, Any]]:
    """The calls that one request brings; none, if it only looks whether the destination is ready."""
    if not request.body:
        return []
    said = request.json
    found: list[dict[str, Any]] = said["batch"] if isinstance(said, dict) else said
    return found


def received(requests: Iterable[Recorded], destination: str = "") -> list[dict[str, Any]]:
    """Every call that arrived, of one destination or of all."""
    mine = [request for request in requests if request.path.startswith(f"/{destination}")]
    return [call for request in mine for call in calls_in(request)]


def live_run(folder: Path) -> Run:
    """The run of ``people`` that was interrupted, as the ledger tells it."""

    async def look() -> Run:
        async with opened(folder, {}) as app:
            run = await app.store.live_run("people")
        assert run is not None
        return run

    return asyncio.run(look())


@contextmanager
def held_at(server: RecordingServer, user: int) -> Iterator[None]:
    """Inside the block the request of that user is waiting for its answer."""
    arrived, go_on = threading.Event(), threading.Event()

    def answer(request: Recorded) -> Answer:
        if any(call["userId"] == str(user) for call in calls_in(request)):
            arrived.set()
            assert go_on.wait(_PATIENCE)
        return Answer()

    server.always(answer)
    assert arrived.wait(_PATIENCE)
    try:
        yield
    finally:
        go_on.set()
