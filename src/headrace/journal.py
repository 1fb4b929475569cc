"""Journals: files of calls that programs sent over HTTP, durable before they were acknowledged.

    POST /v1/… ──► an open journal, flushed ──► 200 ──► closed by size or time ──► a run of each of its syncs

A closed journal has a number within its source, in the order of closing. For a sync whose source is of type `http`,
``last_sync_time`` is the number of the last journal it has delivered: all that is said of cursors holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Journal:
    """A closed journal. Each line is one accepted call, see `headrace.calls.received`."""

    source: str
    seq: int  # from 1, without gaps
    name: str  # of the file
    calls: int
    bytes: int
    first_at: datetime  # receipt of its first and last call
    last_at: datetime


class JournalStore(Protocol):
    """Which journals there are. Their numbers are given in the order of commits, so that none appears late."""

    async def add_journal(
        self, source: str, name: str, calls: int, size: int, first_at: datetime, last_at: datetime
    ) -> Journal:
        """Number a closed journal. The same name again gives the same number."""
        ...

    async def journals(self, source: str, after: int = 0) -> list[Journal]:
        """Those behind a number, in order."""
        ...

    async def newest_journals(self) -> dict[str, int]:
        """The highest number ever given to each source, also to a forgotten journal: source → seq."""
        ...

    async def forget_journals(self, source: str, until: int) -> list[str]:
        """Forget those up to a number; returns the names of their files."""
        ...


class JournalFiles(Protocol):
    """The files of journals, as those need them who deliver what was received."""

    async def read(self, journal: Journal) -> bytes:
        """Its lines, see `headrace.calls.received`. Raises `StageFull` where the file is gone."""
        ...

    async def adopt(self) -> None:
        """Close and number what dead processes left open, and what could not be numbered before."""
        ...

    async def forget(self, source: str, until: int) -> None:
        """Forget the journals of a source up to a number, and give their space back."""
        ...
