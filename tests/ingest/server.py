"""The entry in a process of its own, as a service runs it: ``python tests/ingest/server.py FOLDER PORT``.

It prints ``ready`` when it listens, and ends when it is told to (SIGTERM) or its input is closed. Sources: ``web`` with
the key ``k-web``, and ``exact``, which is strict, with the key ``k-exact``. HEADRACE_TEST_BUSY=N makes it answer every
Nth request with 503 before anything is done, and HEADRACE_TEST_DEAF=N every Nth only after all was done.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from socket import socket

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headrace.clock import SystemClock
from headrace.ingest.app import Entry, routes
from headrace.ingest.keys import Keys
from headrace.model import Connection, Secret
from headrace.project import Project
from headrace.service import Service
from headrace.stage.journals import LocalJournals
from headrace.store import open_store

SOURCES = {
    "web": Connection("web", "http", {"write_key": Secret("k-web"), "strict": False}),
    "exact": Connection("exact", "http", {"write_key": Secret("k-exact"), "strict": True}),
}


class Unreliable:
    """Puts 503 in place of some answers: of every ``busy``th request, and of every ``deaf``th that was carried out."""

    def __init__(self, app: ASGIApp, busy: int, deaf: int) -> None:
        self._app, self._busy, self._deaf = app, busy, deaf
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._count += 1
        number = self._count
        if self._busy and number % self._busy == 0:
            await _busy(send)
        elif self._deaf and number % self._deaf == 0:

            async def swallow(_: Message) -> None: ...

            await self._app(scope, receive, swallow)
            await _busy(send)
        else:
            await self._app(scope, receive, send)


class Telling(uvicorn.Server):
    """Says when it listens."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write("ready\n")
        sys.stdout.flush()


async def _busy(send: Send) -> None:
    await send({"type": "http.response.start", "status": 503, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b'{"code":"busy","message":"Try again."}'})


async def serve(home: Path, port: int) -> None:
    store = await open_store(home)
    clock, project = SystemClock(), Project(SOURCES, {}, {}, service=Service())
    journals = LocalJournals(home / "journal", store, clock, seconds=project.service.journal_seconds)
    await journals.recover()
    entry = Entry(lambda: project, Keys(lambda: project, store, clock), journals, clock)
    busy, deaf = (int(os.environ.get(f"HEADRACE_TEST_{name}", "0")) for name in ("BUSY", "DEAF"))
    app = Unreliable(Starlette(routes=routes(entry)), busy, deaf)
    server = Telling(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", access_log=False))
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: setattr(server, "should_exit", True))
    await server.serve()
    await journals.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
