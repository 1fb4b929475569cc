"""The command `headrace resend`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from headrace.cli.command import as_json, run_async


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--to", "destinations", metavar="DESTINATION", multiple=True, help="To this one only; may be repeated.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bars.")
@as_json
@click.pass_obj
def resend(project: Path, run_id: str, destinations: tuple[str, ...], quiet: bool, json_output: bool) -> None:
    """Send the failed rows of a run again, with the values they had.

    Each row goes to the destinations that did not take it. RUN is the id of a run, or the name of a sync for its
    newest run.
    """
    from headrace.cli.operations import resend_rows

    sys.exit(run_async(resend_rows(project, run_id, destinations, quiet=quiet, json_output=json_output)))
