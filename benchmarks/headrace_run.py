"""Headrace itself: a project with one sync, run once by the command line in a fresh state folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.generate import TABLE
from benchmarks.measure import Command, Finished

COLUMNS = (
    'user_id AS "userId", email, name, ip AS "context.ip", city AS "address.city", balance, active, updated_at, score, '
    "{profile} AS profile"
)


@dataclass(frozen=True, slots=True)
class From:
    """Where the rows come from: the settings of a source that has the table ``people``."""

    settings: Mapping[str, Any]
    profile: str = "profile"
    message_ids: bool = False


def from_parquet(path: Path, *, message_ids: bool = False) -> From:
    return From({"type": "files", "tables": {TABLE: str(path)}}, "profile::JSON", message_ids)


def from_duckdb(path: Path) -> From:
    return From({"type": "duckdb", "path": str(path)})


def from_postgresql(host: str, port: int, database: str, user: str, password: str) -> From:
    login = {"database": database, "user": user, "password": password}
    return From({"type": "postgresql", "host": host, "port": port, **login})


def command(folder: Path, source: From, url: str) -> Command:
    """Send every row of ``source`` to the Customer.io API at ``url``."""
    columns = COLUMNS.format(profile=source.profile) + (', message_id AS "messageId"' if source.message_ids else "")
    sync = {
        "source": "rows",
        "call": "identify",
        "query": f"SELECT {columns} FROM {TABLE}",
        "destinations": ["sink"],
    }
    project = {
        "sources": {"rows": dict(source.settings)},
        "destinations": {"sink": {"type": "customerio", "api_key": "bench", "url": url}},
        "syncs": {"people": sync},
    }
    (folder / "headrace.yaml").write_text(json.dumps(project, indent=2))  # JSON is YAML
    words = [str(Path(sys.executable).parent / "headrace"), "run", "people", "--json"]
    return Command(words, folder, {"HEADRACE_HOME": str(folder / "state")})


def seconds(finished: Finished, rows: int) -> float:
    """How long the whole process took. Raises RuntimeError if it did not deliver every row."""
    run = json.loads(finished.output)["runs"][0]
    delivered = run["destinations"]["sink"]["delivered"]
    if run["state"] != "succeeded" or delivered != rows:
        raise RuntimeError(f"Headrace delivered {delivered} of {rows} rows: {run}")
    return finished.seconds
