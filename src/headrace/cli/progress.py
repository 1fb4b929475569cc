"""Progress of a run on standard error: rows, rate and time left for the reading and for each destination."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from headrace.cli.show import err
from headrace.run.job import Job

_EVERY = 0.1  # seconds between two looks


class _Rate(ProgressColumn):
    """Rows per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="cyan")


class _Rows(ProgressColumn):
    """Rows done."""

    def render(self, task: Task) -> Text:
        return Text(f"{int(task.completed):,}", style="bold")


class Watch:
    """Shows one job. Made before the job is there; `job` is set by whoever carries the run."""

    def __init__(self, sync: str, *, quiet: bool = False) -> None:
        self.sync = sync
        self.job: Job | None = None
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=18),
            _Rows(),
            _Rate(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=err,
            disable=quiet or not err.is_terminal,
        )
        self._quiet = quiet
        self._bars: dict[str, TaskID] = {}
        self._told: set[str] = set()

    def set_job(self, job: Job) -> None:
        self.job = job

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Draw until the block ends."""
        with self._progress:
            drawing = asyncio.create_task(self._draw())
            try:
                yield
            finally:
                drawing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await drawing
                self._look()

    async def _draw(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(_EVERY)

    def _look(self) -> None:
        job = self.job
        if job is None:
            return
        tally = job.tally
        if tally.extracted or tally.phase == "extracting":
            done = tally.phase in ("delivering", "ended")
            self._bar("read", f"{self.sync}: read", tally.extracted, tally.extracted if done else None)
        for name, waiting in tally.waiting.items():
            self._tell(name, waiting)
        for name, outcomes in tally.settled.items():
            if tally.total is not None:
                label = f"{self.sync} → {name}" + (" (waiting)" if name in tally.waiting else "")
                self._bar(name, label, sum(outcomes.values()), tally.total)

    def _tell(self, name: str, waiting: str) -> None:
        """Say once why a destination keeps us waiting: it may do so for minutes."""
        if name not in self._told and not self._quiet:
            err.print(Text(f"{self.sync} → {name} is waiting: {waiting}", "yellow"))
        self._told.add(name)

    def _bar(self, key: str, label: str, done: int, total: int | None) -> None:
        if key not in self._bars:
            self._bars[key] = self._progress.add_task(label, total=total)
        self._progress.update(self._bars[key], description=label, completed=done, total=total)
