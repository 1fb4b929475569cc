"""What people do to syncs and runs besides running them: set last_sync_time, run full once, resend failed rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from headrace.aio import in_thread
from headrace.app import App, received_only
from headrace.config import sync_from_json
from headrace.errors import HeadraceError, RunLive, UsageError
from headrace.model import Run, Sync
from headrace.people import Change


async def set_last_sync_time(app: App, sync: str, seconds: int, *, audit: Change | None = None) -> None:
    """Say from where a sync's next run reads; 0: everything. For received calls there is nothing but 0."""
    found = app.sync(sync)
    if found.call is None and seconds:
        raise received_only(found, "no time to read from. Only 0 can be set: all that is kept is delivered again")
    await app.store.set_cursor(found.name, seconds, audit=audit)


async def run_full(app: App, sync: str, *, audit: Change | None = None) -> Run:
    """A new run of a sync that sees everything: its query's last_sync_time is 0. At its end the cursor moves as always.

    Raises `RunLive` while the sync has a live run.
    """
    found = app.sync(sync)
    if found.call is None:
        raise received_only(found, "nothing to run in full. To deliver again what is kept: headrace reset")
    return await app.store.create_run(app.new_run(found, "full", cursor=0), audit=audit)


async def resend(app: App, run: Run, destinations: Sequence[str] | None = None, *, audit: Change | None = None) -> Run:
    """A new run of the failed rows of another, with the values they had, to the destinations that did not take them.

    ``destinations``: to some of those only. Raises `UsageError` where nothing can be resent, and `RunLive` while the
    run, or another of its sync, lives.
    """
    sync = app.sync(run.sync)
    if run.state.live:
        raise RunLive(f"The run {run.id} is not over ({run.state}). Resend its failed rows when it is.", run_id=run.id)
    chosen = _chosen(run, sync, destinations)
    if (sync.call is None) != (sync_from_json(dict(run.spec)).call is None):
        raise UsageError(
            f"The run {run.id} is of a time when the source of {sync.name!r} was of another kind: its rows cannot be "
            "sent as they were.",
            code="nothing_to_resend",
        )
    await _require_kept(app, run)
    new = app.new_run(sync, "resend", cursor=run.cursor, kind="resend")
    spec = {**new.spec, "resends": run.id}
    return await app.store.create_run(replace(new, spec=spec, destinations=chosen), audit=audit)


def failed_at(run: Run) -> dict[str, int]:
    """How many rows each destination of a run did not get for a reason that is listed; those without any left out."""
    failed = {name: counts.invalid + counts.rejected for name, counts in run.counts.items()}
    return {name: rows for name, rows in failed.items() if rows}


def _chosen(run: Run, sync: Sync, asked: Sequence[str] | None) -> tuple[str, ...]:
    """The destinations of a resend. Raises `UsageError` where it would have no rows."""
    failed = failed_at(run)
    if not failed or run.as_of is None:  # without as_of it was over before its rows were all read
        raise UsageError(f"The run {run.id} has no failed rows to resend.", code="nothing_to_resend")
    known = ", ".join(sorted(failed))
    for name in asked or ():
        if name not in failed:
            raise UsageError(
                f"No row of the run {run.id} failed at {name!r}. Rows failed at: {known}.", code="nothing_to_resend"
            )
    chosen = tuple(name for name in sync.destinations if name in (failed if asked is None else asked))
    if not chosen:
        raise UsageError(
            f"The rows of the run {run.id} failed at {known}, and the sync {sync.name!r} does not deliver there any "
            "more. Give the sync that destination again.",
            code="nothing_to_resend",
        )
    return chosen


async def _require_kept(app: App, run: Run) -> None:
    names = await app.store.error_files(run.id)
    try:
        await in_thread(lambda: next(app.errors.read(run.id, names[:1]), None))
    except HeadraceError as error:
        raise UsageError(
            f"{error.message} To send everything again: headrace run --full {run.sync}",
            code=error.code,
        ) from error
