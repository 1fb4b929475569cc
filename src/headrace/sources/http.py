"""Calls that programs send over HTTP: a source that is not read. What comes in waits in a `headrace.journal`.

It has no query, no clock and no rows to preview; so all that a reader would ask of it is refused with a sentence.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from headrace.connector import Field, Spec
from headrace.errors import SourceError
from headrace.model import Check
from headrace.ports import Source, Tools


class _NotRead(SourceError):
    code = "received_only"

    def __init__(self) -> None:
        super().__init__("A source of type http is not read: programs send calls to it, as to POST /v1/track.")


class HttpSource:
    """A `headrace.ports.Source` that receives."""

    def __init__(self, settings: Mapping[str, Any], _tools: Tools) -> None:
        self._settings = settings
        self.notes: Mapping[str, int] = {}

    async def check(self) -> Check:
        """Says what it is and where calls are sent; there is nothing to connect to."""
        facts = {
            "kind": "receives calls over HTTP, as long as `headrace serve` runs",
            "send to": "POST /v1/identify, /v1/track, /v1/page, /v1/screen, /v1/group, /v1/alias or /v1/batch",
            "mode": "strict" if self._settings["strict"] else "permissive",
            "keys": ("write_key, and " if self._settings["write_key"] else "") + "those made with headrace write-key",
        }
        return Check(facts=facts)

    async def now(self) -> datetime:
        raise _NotRead

    async def preview(self, sql: str, limit: int) -> pa.Table:
        raise _NotRead

    async def read(self, sql: str) -> AsyncGenerator[pa.RecordBatch, None]:
        yield await self.preview(sql, 0)

    async def close(self) -> None:
        """Nothing is open."""


def _open(settings: Mapping[str, Any], tools: Tools) -> Source:
    return HttpSource(settings, tools)


SPEC = Spec(
    type="http",
    title="HTTP",
    summary="Calls that programs send to `headrace serve`, as to the Pipelines API.",
    fields=(
        Field(
            "write_key",
            "secret",
            "What programs prove themselves with. More keys, which can be taken back one by one, are made with: "
            "headrace write-key new SOURCE NAME",
        ),
        Field(
            "strict",
            "boolean",
            "Judge every request as if it had the header X-Strict-Mode: 1, so that an error is answered to a bad one.",
            default=False,
        ),
    ),
    source=_open,
    receives=True,
    guide="how-to/receive-calls-over-http.md",
)
