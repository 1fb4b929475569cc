"""The source of files in a bucket: like every SQL source, with the store's own time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from headrace.errors import Unreachable
from headrace.model import Check
from headrace.ports import Http
from headrace.sources.sql import Session, SqlSource

_TIMEOUT = 10.0  # seconds


class BucketSource(SqlSource):
    """Its time is that of the store's answer to a question asked before the files are listed, in whole seconds.

    So a file that comes later is never older than ``last_sync_time``, however wrong this machine's clock is. Where
    the store cannot be asked without its client (its certificate is known to that one alone), it is this machine's.
    """

    def __init__(
        self, connect: Callable[[], Session], check: Callable[[], Check], *, timeout: float, http: Http, address: str
    ) -> None:
        super().__init__(connect, check, timeout=timeout)
        self._http = http
        self._address = address
        self._moment: datetime | None = None

    async def now(self) -> datetime:
        if self._moment is None:
            told = await self._told()
            opened = await super().now()  # lists the files
            self._moment = told or opened
        return self._moment

    async def _told(self) -> datetime | None:
        try:
            reply = await self._http.request("HEAD", self._address, timeout=_TIMEOUT)
            return parsedate_to_datetime(reply.headers["date"]).astimezone(UTC)
        except (Unreachable, KeyError, ValueError):
            return None
