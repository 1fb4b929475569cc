"""What `headrace resend` does: make the run and carry it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from headrace import operations
from headrace.app import opened
from headrace.cli import show
from headrace.cli.runs import chosen_run, run_each
from headrace.model import RunState


async def resend_rows(
    project: Path, wanted: str, destinations: Sequence[str], *, quiet: bool, json_output: bool
) -> int:
    """Resend the failed rows of a run, and tell how it went."""
    async with opened(project, os.environ) as app:
        run = await operations.resend(app, await chosen_run(app, wanted), destinations or None)
        done = await run_each(app, [run.sync], quiet=quiet or json_output)  # goes on with the live run: this one
    if json_output:
        show.print_json({"runs": [show.run_fact(run) for run in done]})
    else:
        show.out.print(show.runs_table(done))
        for line in (line for run in done for line in show.problems(run)):
            show.out.print(line)
    return 0 if all(run.state is RunState.SUCCEEDED for run in done) else 1
