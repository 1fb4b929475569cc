"""The commands of the service: serve, backup, restore."""

from __future__ import annotations

from pathlib import Path

import click

from headrace.cli.command import as_json, run_async


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Where to listen, over service.listen.  [default: 127.0.0.1:8080]")
@click.option("--behind-proxy", is_flag=True, help="A proxy before this process does TLS; needed to listen beyond it.")
@click.option("--log-format", type=click.Choice(["json", "text"]), help="Over service.log_format.")
@click.pass_obj
def serve(project: Path, listen: str | None, behind_proxy: bool, log_format: str | None) -> None:
    """Keep syncs on time, and let people and programs in: scheduler, worker, API and entry in one process.

    SIGTERM or Ctrl-C stops it gently: what is in flight settles, and the next start goes on. SIGHUP reads the
    configuration again.
    """
    from headrace.cli.serve import serve_project

    run_async(serve_project(project, listen, log_format, behind_proxy=behind_proxy))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@as_json
@click.pass_obj
def backup(project: Path, file: Path, json_output: bool) -> None:
    """Write the whole state to FILE (.tar.gz), also while the service works. The key is not in it."""
    from headrace.cli.serve import back_up_project

    run_async(back_up_project(project, file.absolute(), json_output))


@click.command()
@click.pass_obj
def adopt(project: Path) -> None:
    """Let this state folder be the one of the store, where the one it had is gone for good."""
    from headrace.cli.serve import adopt_folder

    run_async(adopt_folder(project))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@as_json
@click.pass_obj
def restore(project: Path, file: Path, json_output: bool) -> None:
    """Fill an empty state folder and store from a backup."""
    from headrace.cli.serve import restore_project

    run_async(restore_project(project, file.absolute(), json_output))
