"""dlt: a custom destination, its way of reverse ETL, with the settings that make it fastest here.

Rows stay Arrow up to the destination function, and go into several load files, so that its loader works in parallel
(more and smaller files were slower: there are more threads than cores already).
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.generate import duckdb_file
from benchmarks.measure import Command, Finished
from benchmarks.places import HERE, VENVS


def command(folder: Path, file_rows: int, rows: int, url: str) -> Command:
    """Send the first ``rows`` of the DuckDB file with ``file_rows``."""
    python = [str(VENVS / "dlt/bin/python"), "-P"]  # -P: `import dlt` must find the package, not this file
    words = [*python, str(HERE / "peers/dlt_pipeline.py"), str(duckdb_file(file_rows))]
    environment = {
        "HOME": str(folder),
        "DLT_DATA_DIR": str(folder),
        "DATA_WRITER__FILE_MAX_ITEMS": "65536",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "NORMALIZE__WORKERS": "1",
    }
    return Command([*words, str(rows), url], folder, environment)


def seconds(finished: Finished, rows: int) -> float:
    """How long `pipeline.run` took. Raises RuntimeError if it did not deliver every row."""
    report = json.loads(finished.output.splitlines()[-1])
    if report["delivered"] != rows:
        raise RuntimeError(f"dlt delivered {report['delivered']} of {rows} rows")
    return float(report["seconds"])
