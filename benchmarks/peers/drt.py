"""drt: its REST destination from DuckDB, one request per row (its default) and in batches (the best it offers).

Its rate limit (10 requests a second by default) is off, and its engine's batches are large, because each opens
connections anew.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.generate import duckdb_file
from benchmarks.measure import Command, Finished
from benchmarks.places import VENVS

PROJECT = "name: bench\nprofile: bench\n"
PROFILES = "bench:\n  type: duckdb\n  database: {database}\n"

TRAITS = (
    '{"email": row.email, "name": row.name, "address": {"city": row.city}, "balance": row.balance, '
    '"active": row.active, "updated_at": row.updated_at, "score": row.score}'
)
CALL = (
    '{"type":"identify","userId":"{{ row.user_id }}","context":{"ip":{{ row.ip|tojson_safe }}},'
    '"traits":{"profile":{{ row.profile or "null" }},{{ (' + TRAITS + "|tojson_safe)[1:] }}}"
)
PER_ROW = f"  body_template: '{CALL}'\n"
PER_BATCH = (
    "  body_mode: batch\n"
    "  max_records_per_request: 1000\n"
    '  batch_template: \'{"batch":[{% for row in rows %}' + CALL + "{% if not loop.last %},{% endif %}{% endfor %}]}'\n"
)
SYNC = """\
name: people
model: SELECT user_id, email, name, ip, city, balance, active, updated_at, score, profile FROM people LIMIT {rows}
destination:
  type: rest_api
  url: {url}
  method: POST
  headers: {{Content-Type: application/json}}
{body}
sync:
  mode: full
  batch_size: 10000
  rate_limit: {{requests_per_second: 0}}
"""


def command(folder: Path, file_rows: int, rows: int, url: str, *, batches: bool) -> Command:
    """Send the first ``rows`` of the DuckDB file with ``file_rows``."""
    home, syncs = folder / ".drt", folder / "syncs"
    home.mkdir()
    syncs.mkdir()
    (folder / "drt_project.yml").write_text(PROJECT)
    (home / "profiles.yml").write_text(PROFILES.format(database=duckdb_file(file_rows)))
    target = f"{url}/batch" if batches else f"{url}/identify"
    body = PER_BATCH if batches else PER_ROW
    (syncs / "people.yml").write_text(SYNC.format(rows=rows, url=target, body=body.rstrip()))
    environment = {"HOME": str(folder), "DO_NOT_TRACK": "1"}
    return Command([str(VENVS / "drt/bin/drt"), "run", "--output", "json"], folder, environment)


def seconds(finished: Finished, rows: int) -> float:
    """How long the sync took by drt's own account. Raises RuntimeError if it did not deliver every row."""
    report = json.loads(finished.output)
    sync = report["syncs"][0]
    if sync["rows_synced"] != rows or sync["rows_failed"]:
        raise RuntimeError(f"drt delivered {sync['rows_synced']} of {rows} rows: {report}")
    return float(sync["duration_seconds"])
