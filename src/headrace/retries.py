"""Rows that a destination refused and that the next runs read and send again: what the store keeps of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Retry:
    """One row at one destination. ``key`` names the row whatever its values: see `headrace.run.again`."""

    destination: str
    key: str
    cursor: int  # last_sync_time of the run in which it failed first: from there it is read again
    tries: int  # how often it was to be sent again
    since: datetime
    run: str  # the last that counted a try: doing that twice does no harm


class RetryStore(Protocol):
    async def retries(self, sync: str) -> list[Retry]: ...

    async def set_retries(
        self,
        run_id: str,
        attempt: int,
        retries: Sequence[Retry],
        gone: Sequence[tuple[str, str]],
        warnings: Sequence[str] = (),
    ) -> None:
        """Record failed rows of the run's sync, forget those of ``gone`` (destination, key), and add warnings to the
        run that it does not have yet, in one transaction. Raises `Fenced`."""
        ...
