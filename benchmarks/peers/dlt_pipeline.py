"""Runs inside dlt's own environment: DuckDB → Arrow → parquet load files → a custom destination that posts batches.

dlt_pipeline.py DATABASE ROWS URL prints, as JSON, the seconds that `pipeline.run` took and the rows it delivered.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import dlt
import duckdb
import orjson
import pyarrow as pa
import requests

QUERY = "SELECT user_id, email, name, ip, city, balance, active, updated_at, score, profile FROM people LIMIT {rows}"
READ_ROWS = 65_536

here = threading.local()
delivered: list[int] = []


def call(row: dict[str, Any]) -> dict[str, Any]:
    """A row as an identify call."""
    user_id, ip, city, profile = row.pop("user_id"), row.pop("ip"), row.pop("city"), row.pop("profile")
    traits = {**row, "address": {"city": city}, "profile": orjson.Fragment(profile or "null")}
    return {"type": "identify", "userId": str(user_id), "context": {"ip": ip}, "traits": traits}


@dlt.destination(batch_size=1000, loader_file_format="parquet", loader_parallelism_strategy="parallel")
def identify(items: pa.RecordBatch, _table: dict[str, Any], url: str = dlt.config.value) -> None:
    """Post one batch of calls on a connection that is kept."""
    if not hasattr(here, "session"):
        here.session = requests.Session()
    body = orjson.dumps({"batch": [call(row) for row in items.to_pylist()]}, default=str)
    here.session.post(f"{url}/batch", data=body, headers={"Content-Type": "application/json"}).raise_for_status()
    delivered.append(len(items))


def main(database: str, rows: int, url: str) -> None:
    @dlt.resource(name="people")
    def people() -> Iterator[pa.Table]:
        with duckdb.connect(database, read_only=True) as connection:
            for batch in connection.sql(QUERY.format(rows=rows)).to_arrow_reader(READ_ROWS):
                yield pa.Table.from_batches([batch])

    pipeline = dlt.pipeline("bench", destination=identify(url=url), progress=None)
    started = time.perf_counter()
    pipeline.run(people(), loader_file_format="parquet").raise_on_failed_jobs()
    print(json.dumps({"seconds": time.perf_counter() - started, "delivered": sum(delivered)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
