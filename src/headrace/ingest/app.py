"""The routes ``POST /v1/…``: a request is read, its key looked up, its calls judged, journaled, and acknowledged.

Plain ASGI: it is the busiest place of the service. Nothing is answered with 200 that is not on the disk.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from headrace.aio import in_thread
from headrace.calls import received_intake as intake
from headrace.calls.received import Received, to_lines
from headrace.calls.received_intake import Sent, Sizes, Wrong
from headrace.calls.received_times import EPOCH, MILLISECOND
from headrace.errors import HeadraceError
from headrace.ingest.keys import Entrance, Keys
from headrace.ingest.replies import OK, PREFLIGHT, Reply, refusal
from headrace.ingest.requests import Gone, header_keys, read_body, unpacked
from headrace.model import CallKind, Failure
from headrace.ports import Clock
from headrace.project import Project

log = logging.getLogger(__name__)

BATCH = "batch"
_KINDS: dict[str, CallKind | None] = {BATCH: None, "b": None, "import": None}
_KINDS |= {kind.value: kind for kind in CallKind} | {kind.value[0]: kind for kind in CallKind}  # analytics.js: /v1/t
_NOT_NOW = "The calls cannot be taken just now. Send them again; the service's log has the reason."  # is not for all
_LARGE = 65_536  # bytes from which a body is read in a thread, so that others need not wait


class Journaling(Protocol):
    """Where calls are written down: `headrace.stage.journals.LocalJournals`."""

    async def append(self, source: str, lines: bytes, calls: int, at: datetime) -> None: ...


def _nobody(_source: str, _calls: Sequence[Received]) -> None:
    """Nobody follows along."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the routes work with. ``on_calls`` is told what was just accepted, valid or not, and must be quick."""

    project: Callable[[], Project]
    keys: Keys
    journals: Journaling
    clock: Clock
    on_calls: Callable[[str, Sequence[Received]], None] = _nobody


def routes(entry: Entry) -> list[BaseRoute]:
    """The routes, to be put into a Starlette or FastAPI application."""
    return [Mount("/v1", app=Ingest(entry))]


class Ingest:
    """The entry as an ASGI application, for all paths below ``/v1/``."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        try:
            reply = await self._reply(scope, receive)
        except Gone:
            return
        await reply.send(send)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        name = scope["path"].removeprefix("/v1/")
        if name not in _KINDS:
            known = ", ".join(f"/v1/{kind}" for kind in (*CallKind, BATCH))
            return refusal(404, "unknown_path", f"There is nothing at {scope['path'][:100]!r}. Send to {known}.")
        if scope["method"] == "OPTIONS":
            return PREFLIGHT
        if scope["method"] != "POST":
            return refusal(405, "bad_method", f"{scope['method'][:20]} is not taken here. Send calls with POST.")
        try:
            return await self._take(_KINDS[name], scope, receive)
        except HeadraceError as error:  # our disk or store: nothing was accepted, and clients try again
            log.warning(error.message, extra={"code": error.code})
            return refusal(503, error.code, _NOT_NOW)

    async def _take(self, kind: CallKind | None, scope: Scope, receive: Receive) -> Reply:
        entry, headers = self._entry, dict(scope["headers"])
        service = entry.project().service
        sizes = Sizes(service.ingest_call_bytes, service.ingest_batch_bytes)
        body, size = await read_body(receive, sizes.batch)
        now = entry.clock.now()
        reading = _Reading(kind, body, size, headers.get(b"content-encoding", b""), now, sizes)
        aside = len(body) > _LARGE
        sent = await in_thread(reading.sent) if aside else reading.sent()
        keys = _keys(headers, sent)
        entrance = await entry.keys.find(keys)
        if entrance is None:
            return _unknown_key(keys)
        taken = await in_thread(reading.taken, sent) if aside else reading.taken(sent)
        if _strict(entrance, headers) and (refused := taken.refusal()) is not None:
            return refused
        if taken.calls:
            await entry.journals.append(entrance.source, to_lines(taken.calls), len(taken.calls), now)
            entry.on_calls(entrance.source, taken.calls)
        return OK


@dataclass(frozen=True, slots=True)
class _Taken:
    """The calls of a request, each with what is wrong with it; one alone where nothing could be read."""

    calls: Sequence[Received]
    each: bool = True  # each is an item of a batch

    def refusal(self) -> Reply | None:
        """What strict mode says to them; None where all is well."""
        if not self.calls:
            return refusal(400, "empty_batch", "The batch is empty. Send at least one call in 'batch'.")
        errors = [
            (index if self.each else None, failure)
            for index, call in enumerate(self.calls)
            if (failure := call.failure) is not None
        ]
        if not errors:
            return None
        count = f"{len(errors)} of {len(self.calls)} calls" if self.each else "The request"
        return refusal(400, "invalid_request", f"{count}: {errors[0][1].message} Nothing was accepted.", errors)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The body of a request on its way to calls."""

    kind: CallKind | None  # None: a batch
    body: bytes
    size: int
    encoding: bytes
    now: datetime
    sizes: Sizes

    def sent(self) -> Sent | Failure:
        try:
            what = "batch" if self.kind is None else "call"
            return intake.read(unpacked(self.body, self.size, self.encoding, self.sizes.batch, what))
        except Wrong as wrong:
            return wrong.failure

    def taken(self, sent: Sent | Failure) -> _Taken:
        at = (self.now - EPOCH) // MILLISECOND
        if isinstance(sent, Failure):
            return _Taken([intake.refused(sent, at, self.body)], each=False)
        try:
            if self.kind is None:
                return _Taken(intake.batch(sent, at, self.sizes, _new_id))
            return _Taken([intake.call(sent, self.kind, at, self.sizes, _new_id)], each=False)
        except Wrong as wrong:
            return _Taken([intake.refused(wrong.failure, at, self.body)], each=False)


def _new_id() -> str:
    return secrets.token_hex(16)


def _keys(headers: dict[bytes, bytes], sent: Sent | Failure) -> list[str]:
    given = header_keys(headers)
    own = None if isinstance(sent, Failure) else sent.write_key
    return [*given, own] if own else given


def _strict(entrance: Entrance, headers: dict[bytes, bytes]) -> bool:
    return entrance.strict or headers.get(b"x-strict-mode", b"").strip() == b"1"


def _unknown_key(keys: Sequence[str]) -> Reply:
    if any(keys):
        code, message = "unknown_write_key", "The write key is not known; it may have been taken back. Use another."
    else:
        code = "missing_write_key"
        message = "There is no write key. Send it as the user name of Basic, as Bearer, or as 'writeKey' in the body."
    return refusal(401, code, message, [(None, Failure(code, message, "writeKey"))])
