"""Reads one query in a process of its own: ``python -m benchmarks.reading WHO FACTS`` with WHO headrace or plain.

FACTS is JSON: the source's type, its settings and the query. Prints, as JSON, the rows, the seconds and CPU seconds
from the query to its last batch, and by how many megabytes the process grew meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import plain
from headrace.app import specs
from headrace.model import Secret
from headrace.ports import Tools


def settings_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as a connector gets them: with its defaults, and secrets as such."""
    spec = specs()["source", facts["type"]]
    settings = {field.name: field.default for field in spec.fields} | dict(facts["settings"])
    secret = {field.name for field in spec.fields if field.kind == "secret"}
    return {name: Secret(value) if name in secret and value else value for name, value in settings.items()}


async def by_headrace(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """Read it as a run does; returns the rows."""
    unused: Any = None
    rows = 0
    with tempfile.TemporaryDirectory() as folder:
        make = specs()["source", facts["type"]].source
        assert make is not None
        source = make(settings, Tools(unused, unused, Path(folder), Path(folder)))
        await source.now()  # connects; a run calls it, too
        start()
        async for batch in source.read(facts["sql"]):
            rows += batch.num_rows
        stop()
        await source.close()
    return rows


def by_itself(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """Read it with the driver alone; returns the rows."""
    with plain.opened(facts["type"], settings) as read:
        start()
        rows: int = sum(batch.num_rows for batch in read(facts["sql"]))
        stop()
    return rows


_figures: dict[str, float] = {}


def start() -> None:
    _figures.update(began=time.perf_counter(), cpu_began=time.process_time(), peak_began=_peak())


def stop() -> None:
    _figures.update(
        seconds=time.perf_counter() - _figures["began"],
        cpu=time.process_time() - _figures["cpu_began"],
        grown_mb=_peak() - _figures["peak_began"],
    )


def _peak() -> float:
    """The most memory that this process ever held, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    who, facts = sys.argv[1], json.loads(sys.argv[2])
    settings = settings_of(facts)
    rows = asyncio.run(by_headrace(facts, settings)) if who == "headrace" else by_itself(facts, settings)
    print(json.dumps({"rows": rows, **{name: _figures[name] for name in ("seconds", "cpu", "grown_mb")}}))


if __name__ == "__main__":
    main()
