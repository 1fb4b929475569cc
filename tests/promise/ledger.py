"""The world's ledger: an HTTP server that takes calls and remembers which process sent them, in order of arrival."""

from __future__ import annotations

import asyncio
import gzip
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from tests.promise.checker import Arrival

_USER = re.compile(rb'"userId":"([^"]+)"')
_SETTLING = 10  # turns of the loop in which every connection that the system has taken reaches us


@dataclass(frozen=True, slots=True)
class _Body:
    attempt: int
    json: bytes


class LedgerServer:
    """Takes calls at ``/<destination>/…``: a batch as Customer.io's API takes it, or a JSON array as webhooks bring it.

    ``delays`` are the seconds until an answer goes out, by destination. ``tell`` is called with ``calls`` when the
    first calls of a process arrive, and with ``complete`` when all ``expected`` users are there.
    """

    def __init__(self, delays: Mapping[str, float], tell: Callable[[str], object]) -> None:
        self.delays, self.tell = delays, tell
        self.attempt = 0
        self.expected: dict[str, int] = {}
        self.users: dict[str, set[bytes]] = defaultdict(set)
        self._bodies: dict[str, list[_Body]] = defaultdict(list)
        self._attempts: dict[Any, int] = {}  # connection → attempt in which it was made
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        started: Future[None] = Future()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(started),), name="ledger")
        self._thread.start()
        started.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def next_attempt(self) -> None:
        """What connects from now on belongs to the next process. The last one must be gone."""
        asyncio.run_coroutine_threadsafe(self._begin_attempt(), self._loop).result()

    def new_generation(self, expected: Mapping[str, int]) -> None:
        """Forget everything; ``expected`` says how many users each destination is owed."""
        asyncio.run_coroutine_threadsafe(self._forget(expected), self._loop).result()

    def arrivals(self, destination: str) -> Iterator[Arrival]:
        """Every call that a destination received, in order."""
        for body in self._bodies[destination]:
            said = orjson.loads(body.json)
            for call in said["batch"] if isinstance(said, dict) else said:
                yield Arrival(body.attempt, call)

    async def _begin_attempt(self) -> None:
        for _ in range(_SETTLING):
            await asyncio.sleep(0)
        self.attempt += 1
        self._told.discard("calls")

    async def _forget(self, expected: Mapping[str, int]) -> None:
        self.attempt = 0
        self.expected = dict(expected)
        self._told.clear()
        self.users.clear()
        self._bodies.clear()

    async def _serve(self, started: Future[None]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = _Server(self._handle, self._connected)
        runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set_result(None)
        await self._stopping.wait()
        await runner.cleanup()

    def _connected(self, connection: Any) -> None:
        self._attempts[connection] = self.attempt

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = await request.read()
        destination = request.path.split("/")[1]
        body = gzip.decompress(raw) if request.headers.get("content-encoding") == "gzip" else raw
        users = _USER.findall(body)
        if users:
            self._bodies[destination].append(_Body(self._attempts[request.protocol], body))
            self.users[destination].update(users)
            self._tell_once("calls")
            if all(len(self.users[name]) >= count for name, count in self.expected.items()):
                self._tell_once("complete")
            await asyncio.sleep(self.delays[destination])
        return web.Response(body=b"{}", content_type="application/json")

    def _tell_once(self, event: str) -> None:
        if event not in self._told:
            self._told.add(event)
            self.tell(event)


class _Server(web.Server):
    """Tells when a connection is made."""

    def __init__(self, handler: Any, connected: Callable[[Any], None]) -> None:
        super().__init__(handler, auto_decompress=False)
        self._connected = connected

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        self._connected(handler)
        super().connection_made(handler, transport)
