"""The command line. Progress goes to standard error, facts to standard output.

Exit codes: 0 all well, 1 a run failed or was partial, 2 usage, 3 configuration.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import click

from headrace import __version__
from headrace.cli.command import Place, as_json, on, remote, run_async
from headrace.cli.guard import guarded
from headrace.cli.operations_commands import resend
from headrace.cli.people_commands import audit, token, user, write_key
from headrace.cli.serve_commands import adopt, backup, restore, serve
from headrace.cli.ssh_key_commands import ssh_key
from headrace.cli.vault_commands import key, secret


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="headrace")
@click.option(
    "-C", "--project", type=click.Path(path_type=Path, file_okay=False), default=Path(), envvar="HEADRACE_PROJECT",
    help="The folder of headrace.yaml; the current one by default.",
)  # fmt: skip
@click.option(
    "--server", metavar="URL", envvar="HEADRACE_SERVER",
    help="Speak to a running service there, with the token in HEADRACE_TOKEN, rather than to a project here.",
)  # fmt: skip
@click.pass_context
def cli(context: click.Context, project: Path, server: str | None) -> None:
    """Headrace leads the rows of a warehouse to the tools where they do work."""
    context.obj = project.absolute() if server is None else remote(server, str(context.invoked_subcommand))


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.pass_obj
def init(project: Path, directory: Path) -> None:
    """Make a project with comments, ready to edit."""
    from headrace.cli.projects import make_project

    make_project(project / directory)


@cli.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@as_json
@click.pass_obj
def check(project: Path, names: tuple[str, ...], json_output: bool) -> None:
    """Check the configuration and every connection, or the named sources and destinations."""
    from headrace.cli.projects import check_project

    sys.exit(run_async(check_project(project, names, json_output)))


@cli.command()
@click.argument("sync")
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="Rows to show.")
@click.option(
    "--last-sync-time", type=click.IntRange(0), help="Value of {{last_sync_time}}, Unix seconds.  [default: 0]"
)
@as_json
@click.pass_obj
def preview(place: Place, sync: str, limit: int, last_sync_time: int | None, json_output: bool) -> None:
    """Run Query: the first rows, and beside each the call it becomes. Nothing is sent."""
    sys.exit(run_async(on(place, "projects").preview_sync(place, sync, limit, last_sync_time, json_output)))


@cli.command()
@click.argument("syncs", metavar="SYNC...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Run every enabled sync.")
@click.option("--fresh", is_flag=True, help="Discard an interrupted run instead of continuing it.")
@click.option("--full", is_flag=True, help="With last_sync_time 0: everything that the query returns.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bars.")
@as_json
@click.pass_obj
def run(
    place: Place, syncs: tuple[str, ...], every: bool, fresh: bool, full: bool, quiet: bool, json_output: bool
) -> None:
    """Run syncs now. An interrupted run is continued."""
    if bool(syncs) == every:
        raise click.UsageError("Name the syncs to run, or give --all.")
    if fresh and full:
        raise click.UsageError("--full begins a run of its own. Leave --fresh out.")
    work = on(place, "runs").run_syncs(place, syncs, fresh=fresh, full=full, quiet=quiet, json_output=json_output)
    sys.exit(run_async(work))


@cli.command()
@as_json
@click.pass_obj
def syncs(place: Place, json_output: bool) -> None:
    """How each sync stands: its schedule, when it is due next, its last run. Times are UTC."""
    sys.exit(run_async(on(place, "syncs").list_syncs(place, json_output)))


@cli.command()
@click.argument("sync", required=False)
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Runs to show.")
@as_json
@click.pass_obj
def runs(place: Place, sync: str | None, limit: int, json_output: bool) -> None:
    """History: the counts of each run, the newest first."""
    sys.exit(run_async(on(place, "runs").list_runs(place, sync, limit, json_output)))


@cli.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
    help="Write to a file: .csv, .jsonl (or .ndjson) or .parquet.",
)  # fmt: skip
@as_json
@click.pass_obj
def errors(place: Place, run_id: str, output: Path | None, json_output: bool) -> None:
    """The failed rows of a run, each with its reason and its values.

    RUN is the id of a run, or the name of a sync for its newest run.
    """
    sys.exit(run_async(on(place, "failures").show_failures(place, run_id, output, json_output)))


@cli.command()
@click.argument("run_id", metavar="RUN")
@as_json
@click.pass_obj
def cancel(place: Place, run_id: str, json_output: bool) -> None:
    """Stop a run for good. What was delivered stays delivered.

    RUN is the id of a run, or the name of a sync for its newest run.
    """
    sys.exit(run_async(on(place, "runs").cancel_run(place, run_id, json_output)))


@cli.command()
@click.argument("sync")
@click.pass_obj
def enable(place: Place, sync: str) -> None:
    """Let a sync run by its schedule, and with --all, again. Its last_sync_time was kept."""
    run_async(on(place, "projects").set_enabled(place, sync, True))


@cli.command()
@click.argument("sync")
@click.pass_obj
def disable(place: Place, sync: str) -> None:
    """Keep a sync from running by its schedule, and with --all; its last_sync_time is kept."""
    run_async(on(place, "projects").set_enabled(place, sync, False))


@cli.command()
@click.argument("sync")
@click.option("--to", "cursor", type=click.IntRange(0), default=0, show_default=True, help="Unix seconds.")
@click.pass_obj
def reset(place: Place, sync: str, cursor: int) -> None:
    """Set last_sync_time back; 0 makes the next run send everything."""
    run_async(on(place, "projects").set_cursor(place, sync, cursor))


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("headrace-demo"))
@click.option("--serve", is_flag=True, help="Then serve the page on it, with a sync that runs all the time.")
@click.option("--listen", metavar="HOST:PORT", help="Where to serve the page.  [default: 127.0.0.1:8080]")
def demo(folder: Path, serve: bool, listen: str | None) -> None:
    """The main job, offline, in seconds. A sample warehouse, syncs, runs, and what arrived.

    FOLDER, by default headrace-demo, becomes a project to play with; an earlier demo in it is replaced.
    """
    from headrace.demo import run_demo, serve_demo

    if listen and not serve:
        raise click.UsageError("--listen is for --serve.")
    if serve:
        run_async(serve_demo(folder.absolute(), listen))
        return
    sys.exit(run_async(run_demo(folder.absolute())))


for command in (resend, serve, user, token, write_key, audit, secret, key, ssh_key, backup, restore, adopt):
    cli.add_command(command)


def main() -> None:
    """The entry point: every error becomes a sentence and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # where a terminal's encoding lacks a character, show its number
            stream.reconfigure(errors="backslashreplace")
    guarded(lambda: cli(prog_name="headrace", standalone_mode=False), os.environ)
