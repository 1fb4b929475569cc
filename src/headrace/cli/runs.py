"""Commands on runs: run, runs, cancel."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.text import Text

from headrace.app import App, opened
from headrace.cli import show
from headrace.cli.progress import Watch
from headrace.errors import HeadraceError, RunLive, UsageError
from headrace.model import Run, RunState
from headrace.operations import run_full
from headrace.run.job import Job

_LOOK_EVERY = 0.3  # seconds between two looks at a run that a service carries
_GOOD = (RunState.SUCCEEDED, RunState.SKIPPED)


class _Interrupt:
    """Ctrl-C: the first time settle and stop, the second time quit at once."""

    def __init__(self) -> None:
        self.asked = False
        self.job: Job | None = None

    def watch(self, job: Job) -> None:
        self.job = job
        if self.asked:
            job.stop.set()

    def __call__(self) -> None:
        if self.asked:
            os._exit(130)  # what was settled is durable; the run goes on with the next command
        self.asked = True
        show.err.print(Text("Stopping: what is in flight is being settled. Ctrl-C again quits at once.", "yellow"))
        if self.job is not None:
            self.job.stop.set()


@contextmanager
def _interruptible() -> Iterator[_Interrupt]:
    interrupt, loop = _Interrupt(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        yield interrupt
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def run_syncs(
    project: Path, names: Sequence[str], *, fresh: bool, full: bool, quiet: bool, json_output: bool
) -> int:
    """Run syncs one after another; without names, every enabled one. ``full``: with last_sync_time 0."""
    async with opened(project, os.environ) as app:
        chosen = [app.sync(name).name for name in names] or await _enabled(app)
        done = await run_each(app, chosen, fresh=fresh, full=full, quiet=quiet or json_output)
    if json_output:
        show.print_json({"runs": [show.run_fact(run) for run in done]})
    else:
        show.print_done(done)
    return 0 if all(run.state in _GOOD for run in done) and len(done) == len(chosen) else 1


async def run_each(
    app: App, names: Sequence[str], *, fresh: bool = False, full: bool = False, quiet: bool = False
) -> list[Run]:
    """Run syncs one after another with progress bars; Ctrl-C ends the list early."""
    done: list[Run] = []
    with _interruptible() as interrupt:
        for name in names:
            if interrupt.asked:
                break
            try:
                done.append(await _one(app, name, fresh, full, quiet, interrupt))
            except RunLive as error:  # another process has it in hand; the others go on
                if len(names) == 1:
                    raise
                show.err.print(Text(error.message, "yellow"), soft_wrap=True)
    return done


async def _enabled(app: App) -> list[str]:
    chosen = []
    for sync in app.project.syncs.values():
        if sync.call is None:  # its calls come over HTTP: there is nothing to start
            continue
        state = await app.store.sync_state(sync.name)
        if sync.enabled if state.enabled is None else state.enabled:
            chosen.append(sync.name)
    return chosen


async def _one(app: App, name: str, fresh: bool, full: bool, quiet: bool, interrupt: _Interrupt) -> Run:
    interrupted = None if fresh or full else await app.store.live_run(name)
    if interrupted is not None and interrupted.attempt and not quiet:
        show.err.print(Text(f"{name}: going on with the interrupted run {interrupted.id}."))
    begun = interrupted or await (run_full(app, name) if full else app.start(name, fresh=fresh))
    watch = Watch(name, quiet=quiet)

    def take(job: Job) -> None:
        watch.set_job(job)
        interrupt.watch(job)

    async with watch.shown():
        if interrupted is not None:
            return await app.carry(begun, take)
        return await to_its_end(app, begun, take, lambda: interrupt.asked)


async def to_its_end(app: App, run: Run, take: Callable[[Job], None], asked: Callable[[], bool]) -> Run:
    """Carry a new run. Where a service took it up before us, it is followed until it ends, or we are ``asked`` to stop;
    and where that service dies, carried on."""
    while True:
        try:
            return await app.carry(run, take)
        except HeadraceError as error:
            if error.code not in ("run_live", "run_ended"):
                raise
        found = await app.find_run(run.id)
        if asked() or not found.state.live:
            return found
        await app.clock.sleep(_LOOK_EVERY)


async def list_runs(project: Path, sync: str | None, limit: int, json_output: bool) -> int:
    async with opened(project, os.environ) as app:
        if sync is not None:
            app.sync(sync)
        found = await app.store.runs(sync, limit)
    if json_output:
        show.print_json({"runs": [show.run_fact(run) for run in found]})
    elif found:
        for line in show.history(found):
            show.out.print(line)
    else:
        show.out.print(Text("No runs yet. Start one with: headrace run --all"))
    return 0


async def chosen_run(app: App, wanted: str) -> Run:
    """The run with that id; for the name of a sync, its newest run. The two never look alike."""
    if wanted not in app.project.syncs:
        return await app.find_run(wanted)
    newest = await app.store.runs(wanted, 1)
    if not newest:
        raise UsageError(f"The sync {wanted!r} has not run yet. Run it with: headrace run {wanted}", code="unknown_run")
    return newest[0]


async def cancel_run(project: Path, wanted: str, json_output: bool) -> int:
    async with opened(project, os.environ) as app:
        run = await app.cancel((await chosen_run(app, wanted)).id)
    if json_output:
        show.print_json({"runs": [show.run_fact(run)]})
    elif run.state.live:
        show.out.print(Text(f"The run {run.id} was asked to stop; its worker does so within seconds."))
    else:
        show.out.print(Text(f"The run {run.id} is cancelled."))
    return 0
