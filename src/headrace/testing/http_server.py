"""A real HTTP server on 127.0.0.1 that records every request and answers as it is told, faults included.

    with RecordingServer() as server:
        server.answer(Answer(503), Answer(429, headers={"retry-after": "2"}))  # the next two requests
        …                                                                      # later ones get 200 and {}
        (first, *others) = server.wait_for(3)
        assert first.json["batch"][0]["userId"] == "u1"

It runs in a thread with a loop of its own, so synchronous tests, asynchronous tests and child processes can use it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
import struct
import threading
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

WAIT = 10.0  # seconds that `RecordingServer.wait_for` allows, unless told otherwise
TRICKLE_PAUSE = 0.02  # seconds between two bytes


class Fault(StrEnum):
    """What a server can do instead of answering."""

    RESET_BEFORE = "reset_before"  # cut the connection with the body unread
    RESET_AFTER = "reset_after"  # read and record the request, then cut: the outcome is unknown to the client
    BLACK_HOLE = "black_hole"  # read and record the request, then say nothing for ever
    TRICKLE = "trickle"  # answer with a body that never ends, a byte at a time


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says to one request.

    ``body`` is bytes, text, or a value that becomes JSON. ``delay`` is in seconds. With ``raw`` these bytes go
    out as they are instead of an HTTP answer, and the connection closes.
    """

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    fault: Fault | None = None
    raw: bytes | None = None

    def response(self) -> web.Response:
        headers = {"content-type": "application/json", **self.headers}
        if isinstance(self.body, str):
            headers = {"content-type": "text/plain", **self.headers}
        return web.Response(status=self.status, body=_encoded(self.body), headers=headers)


def half_answer() -> Answer:
    """An answer of 1000 bytes that is cut after four."""
    return Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nhalf")


def redirect(location: str, status: int = 307) -> Answer:
    """An answer that sends the client elsewhere."""
    return Answer(status, body="", headers={"location": location})


def gzip_bomb(size: int = 256 << 20, status: int = 200) -> Answer:
    """A small gzip body that unpacks to ``size`` zeros."""
    return Answer(status, body=_zeros(size), headers={"content-encoding": "gzip"})


@dataclass(frozen=True)
class Recorded:
    """A request as it arrived. ``headers`` have lower-case names; ``raw`` is the body before decompression."""

    order: int  # from 0, over all paths
    connection: int  # the client's port: equal numbers mean that the connection was kept alive
    method: str
    target: str  # path and query as they came, with their escapes
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes

    @cached_property
    def body(self) -> bytes:
        """The body, decompressed."""
        encoding = self.headers.get("content-encoding", "identity")
        if encoding == "gzip":
            return gzip.decompress(self.raw)
        if encoding == "deflate":
            return zlib.decompress(self.raw)
        return self.raw

    @cached_property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


Script = Callable[[Recorded], Answer]


class RecordingServer:
    """Records requests and answers by script. A context manager; ``url`` is its base address, without a slash.

    ``port`` 0 takes a free one. With ``tls`` it speaks HTTPS with a certificate of an authority made for it:
    ``client_tls()`` trusts that authority (needs the package trustme).
    """

    def __init__(self, *, port: int = 0, tls: bool = False) -> None:
        self.port = port
        self._tls = _Certificate() if tls else None
        self._changed = threading.Condition()
        self._requests: list[Recorded] = []
        self._queues: dict[str | None, deque[Answer]] = defaultdict(deque)
        self._scripts: dict[str | None, Answer | Script] = {None: Answer()}

    # ------------------------------------------------------------------------------------------------ telling

    def answer(self, *answers: Answer, path: str | None = None) -> None:
        """Queue answers for the next requests, of one path or of any; each is given once, in this order."""
        with self._changed:
            self._queues[path].extend(answers)

    def always(self, answer: Answer | Script, *, path: str | None = None) -> None:
        """What is answered when no queued answer is left: an answer, or a function of the request."""
        with self._changed:
            self._scripts[path] = answer

    def clear(self) -> None:
        """Forget the recorded requests and the queued answers."""
        with self._changed:
            self._requests.clear()
            self._queues.clear()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Inside the block requests are recorded and left waiting; at its end they are answered."""
        self._loop.call_soon_threadsafe(self._open.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._open.set)

    # ------------------------------------------------------------------------------------------------- asking

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Recorded]:
        """All requests so far, in order of arrival."""
        with self._changed:
            return list(self._requests)

    @property
    def last(self) -> Recorded:
        """The latest request."""
        with self._changed:
            return self._requests[-1]

    def wait_for(self, count: int, *, path: str | None = None, timeout: float = WAIT) -> list[Recorded]:
        """Block until ``count`` requests have arrived (of one path, or of any) and return them."""

        def seen() -> list[Recorded]:
            return [request for request in self._requests if path is None or request.path == path]

        with self._changed:
            if not self._changed.wait_for(lambda: len(seen()) >= count, timeout):
                raise TimeoutError(f"{len(seen())} of {count} requests arrived within {timeout} s")
            return seen()

    def client_tls(self) -> ssl.SSLContext:
        """A client's TLS context that trusts this server."""
        assert self._tls is not None, "the server was not made with tls=True"
        return self._tls.client()

    # -------------------------------------------------------------------------------------------------- living

    def start(self) -> None:
        """Listen; after `stop` again on the same port."""
        started: Future[None] = Future()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(started),), name="recording-server")
        self._thread.start()
        started.result()

    def stop(self) -> None:
        """Close the port and every connection. What was recorded stays."""
        with contextlib.suppress(RuntimeError):  # it has stopped already
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    async def _serve(self, started: Future[None]) -> None:
        self._loop, self._stopping, self._open = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        self._open.set()
        runner = web.ServerRunner(web.Server(self._handle, auto_decompress=False), shutdown_timeout=1.0)
        try:
            await runner.setup()
            context = self._tls.server() if self._tls else None
            await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=context).start()
            self.port = runner.addresses[0][1]
            started.set_result(None)
            await self._stopping.wait()
        except OSError as error:
            started.set_exception(error)
        finally:
            self._open.set()
            await runner.cleanup()

    # ----------------------------------------------------------------------------------------------- answering

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = self._next(request.path)
        if isinstance(answer, Answer) and answer.fault is Fault.RESET_BEFORE:
            return _reset(request)
        port = request.get_extra_info("peername")[1]  # asked before the client can have gone
        recorded = self._record(request, port, await request.content.read())
        return await self._give(request, answer if isinstance(answer, Answer) else answer(recorded))

    async def _give(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        await self._open.wait()
        if answer.delay:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), answer.delay)
        if answer.raw is not None and request.transport is not None:
            request.transport.write(answer.raw)
            request.transport.close()
        elif answer.fault is Fault.TRICKLE:
            return await self._trickle(request)
        elif answer.fault is not None:
            if answer.fault is Fault.BLACK_HOLE:
                await self._stopping.wait()
            return _reset(request)
        return answer.response()

    def _next(self, path: str) -> Answer | Script:
        with self._changed:
            for key in (path, None):
                if self._queues[key]:
                    return self._queues[key].popleft()
            return self._scripts.get(path) or self._scripts[None]

    def _record(self, request: web.BaseRequest, connection: int, raw: bytes) -> Recorded:
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._changed:
            recorded = Recorded(
                order=len(self._requests),
                connection=connection,
                method=request.method,
                target=request.raw_path,
                path=request.path,
                query=dict(request.query),
                headers=headers,
                raw=raw,
            )
            self._requests.append(recorded)
            self._changed.notify_all()
        return recorded

    async def _trickle(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/plain"})
        await response.prepare(request)
        while not self._stopping.is_set():
            await response.write(b".")
            await asyncio.sleep(TRICKLE_PAUSE)
        return response


def unused_url() -> str:
    """An address of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class _Certificate:
    """A certificate for 127.0.0.1 and the authority that signed it."""

    def __init__(self) -> None:
        import trustme  # of the development tools: servers without TLS do without it

        self._authority = trustme.CA()
        self._leaf = self._authority.issue_cert("127.0.0.1", "localhost")

    def server(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._leaf.configure_cert(context)
        return context

    def client(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context


def _reset(request: web.BaseRequest) -> web.Response:
    """Cut the connection at once: RST, nothing flushed. The response goes nowhere."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


def _encoded(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else orjson.dumps(body)


@cache
def _zeros(size: int) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    block = bytes(1 << 20)
    return b"".join([*(packer.compress(block) for _ in range(size >> 20)), packer.flush()])
