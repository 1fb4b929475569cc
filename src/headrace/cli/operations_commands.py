"""The command `headrace resend`."""

from __future__ import annotations

import sys

import click

from headrace.cli.command import Place, as_json, on, run_async


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--to", "destinations", metavar="DESTINATION", multiple=True, help="To this one only; may be repeated.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bars.")
@as_json
@click.pass_obj
def resend(place: Place, run_id: str, destinations: tuple[str, ...], quiet: bool, json_output: bool) -> None:
    """Send the failed rows of a run again, with the values they had.

    Each row goes to the destinations that did not take it. RUN is the id of a run, or the name of a sync for its
    newest run.
    """
    work = on(place, "operations").resend_rows(place, run_id, destinations, quiet=quiet, json_output=json_output)
    sys.exit(run_async(work))
