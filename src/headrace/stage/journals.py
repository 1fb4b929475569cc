"""Journals on the local disk: one open file per source and process, flushed before a call is acknowledged.

    <source>/<name>.open    being written by the process that holds its flock; torn at the end if that process died
    <source>/<name>.jsonl   closed and numbered: it changes no more
    <source>/<name>.gone    delivered by all, about to be removed

A file is numbered in the store before it becomes ``.jsonl``; so what has no number yet is found by its ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Coroutine, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from headrace.aio import in_thread
from headrace.errors import HeadraceError, StageFull
from headrace.journal import Journal, JournalStore
from headrace.ports import Clock
from headrace.stage import durable
from headrace.stage.journalfile import CLOSED, GONE, NEW, OPEN, JournalFile, taken_over

_Waiting = tuple[bytes, int, datetime, asyncio.Future[None]]


class LocalJournals:
    """Journals under ``folder``. A journal is closed ``seconds`` after its first call, or at ``size`` bytes."""

    def __init__(
        self, folder: Path, store: JournalStore, clock: Clock, *, seconds: float = 5.0, size: int = 16_000_000
    ) -> None:
        self.folder, self.seconds, self.size = folder, seconds, size
        self._store, self._clock = store, clock
        self._writers: dict[str, _Writer] = {}
        self._unnumbered: list[JournalFile] = []  # closed, while the store or the disk did not take it

    # --------------------------------------------------------------------------------------------------- receiving

    async def append(self, source: str, lines: bytes, calls: int, at: datetime) -> None:
        """Add whole lines; they are on the disk when this returns. Raises `StageFull`: then they do not count."""
        writer = self._writers.get(source)
        if writer is None:
            writer = self._writers[source] = _Writer(self, self._clock, source)
        await writer.append(lines, calls, at)

    async def close(self) -> None:
        """Close what is open, and number it if the store lets us; else the next process does."""
        for writer in self._writers.values():
            await writer.close()
        self._writers.clear()
        for file in self._unnumbered:
            file.release()
        self._unnumbered.clear()

    async def number(self, file: JournalFile) -> None:
        """Give a closed file its number. Where the store or the disk does not take it, `adopt` tries again."""
        try:
            await self._store.add_journal(file.source, file.name, file.calls, file.size, file.first_at, file.last_at)
            await in_thread(file.finish)
        except HeadraceError:
            self._unnumbered.append(file)

    # -------------------------------------------------------------------------------------------------- delivering

    async def read(self, journal: Journal) -> bytes:
        return await in_thread(self._read, journal)

    async def adopt(self) -> None:
        again, self._unnumbered = self._unnumbered, []
        for file in again:
            await self.number(file)
        for path in await in_thread(self._paths, OPEN):
            found = await in_thread(taken_over, path)
            if found is not None:
                await self.number(found)

    async def recover(self) -> None:
        """`adopt`, and make good what a crash or a store from a backup left undone. To be called at the start."""
        await in_thread(self._remove, await in_thread(self._paths, NEW))
        await self.adopt()
        known: dict[str, set[str]] = {}
        for path in await in_thread(self._paths, CLOSED, GONE):
            source = path.parent.name
            if source not in known:
                known[source] = {journal.name for journal in await self._store.journals(source)}
            if path.stem in known[source]:
                continue
            if path.suffix == GONE:
                await in_thread(self._remove, [path])
            elif (file := await in_thread(taken_over, path)) is not None:
                await self.number(file)

    async def forget(self, source: str, until: int) -> None:
        names = [journal.name for journal in await self._store.journals(source) if journal.seq <= until]
        if not names:
            return
        gone = await in_thread(self._give_up, source, names)
        await self._store.forget_journals(source, until)
        await in_thread(self._remove, gone)

    # ------------------------------------------------------------------------------------------------------- files

    def _read(self, journal: Journal) -> bytes:
        path = self.folder / journal.source / journal.name
        for ending in (CLOSED, OPEN, CLOSED, GONE):  # it may be given its name while we look
            try:
                return path.with_name(path.name + ending).read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise durable.unreadable(path, error) from error
        raise durable.unreadable(path.with_name(path.name + CLOSED), FileNotFoundError(2, "gone"))

    def _give_up(self, source: str, names: list[str]) -> list[Path]:
        """From here on no start of a process takes them for closed journals that the store forgot."""
        gone = []
        for name in names:
            path = self.folder / source / (name + GONE)
            with contextlib.suppress(FileNotFoundError):
                path.with_suffix(CLOSED).replace(path)
            gone.append(path)
        return gone

    def _paths(self, *endings: str) -> list[Path]:
        return [path for ending in endings for path in sorted(self.folder.glob(f"*/*{ending}"))]

    def _remove(self, paths: Iterable[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)


class _Writer:
    """The open journal of one source. Lines that arrive during a flush go together with the next one."""

    def __init__(self, journals: LocalJournals, clock: Clock, source: str) -> None:
        self._journals, self._clock, self._source = journals, clock, source
        self._waiting: list[_Waiting] = []
        self._busy = asyncio.Lock()  # held while the file is written or closed
        self._file: JournalFile | None = None
        self._broken: StageFull | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def append(self, lines: bytes, calls: int, at: datetime) -> None:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((lines, calls, at, done))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await done

    async def close(self) -> None:
        if self._flushing is not None:
            await self._flushing
        for task in list(self._closing):
            if task.cancel():
                await asyncio.gather(task, return_exceptions=True)
        await self._close(self._file)

    async def _flush(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                async with self._busy:
                    await self._write(group)
        finally:
            self._flushing = None

    async def _write(self, group: list[_Waiting]) -> None:
        """One write and one fdatasync for all who wait."""
        try:
            file = await self._opened()
            await in_thread(file.add, b"".join(lines for lines, _, _, _ in group))
        except StageFull as error:
            if self._file is not None and self._file.broken:
                self._broken = error
            for *_, done in group:
                if not done.done():
                    done.set_exception(_copy(error))
            return
        for _, calls, at, done in group:
            file.count(calls, at)
            if not done.done():
                done.set_result(None)
        if file.size >= self._journals.size:
            self._file = None
            self._later(self._journals.number(file))

    async def _opened(self) -> JournalFile:
        if self._broken is not None:  # what the disk holds is in doubt: nothing more is promised until a new start
            raise self._broken
        if self._file is None:
            name = f"{self._clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
            self._file = await in_thread(JournalFile.create, self._journals.folder / self._source, name)
            self._later(self._close_in_time(self._file))
        return self._file

    async def _close_in_time(self, file: JournalFile) -> None:
        await self._clock.sleep(self._journals.seconds)
        await asyncio.shield(self._close(file))

    async def _close(self, file: JournalFile | None) -> None:
        async with self._busy:
            if file is None or self._file is not file:
                return
            self._file = None
        if file.calls:
            await self._journals.number(file)
        else:
            file.release()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _copy(error: StageFull) -> StageFull:
    """Each who waits gets an error of its own: one that is raised twice drags the other's trace along."""
    return StageFull(error.message, code=error.code)
