"""Connections that bring no request, or bring it too slowly, end; whoever asks in good time notices nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from headrace.net import listen
from headrace.serve import patience
from headrace.serve.patience import HEAD_BYTES, ImpatientProtocol

Dial = Callable[[], Any]
WAIT = 10.0
ASK = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served() -> AsyncIterator[Dial]:
    """The protocol on a free port; gives what connects to it."""
    door = listen.listening("127.0.0.1", 0)
    config = uvicorn.Config(echo, http=ImpatientProtocol, lifespan="off", log_config=None, loop="none")
    server = uvicorn.Server(config)
    work = asyncio.create_task(server._serve([door]))  # without its signal handlers
    try:
        yield lambda: asyncio.open_connection(*door.getsockname()[:2])
    finally:
        server.should_exit = True
        await work
        door.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.2)


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the server hangs up."""
    try:
        return await asyncio.wait_for(reader.read(), WAIT)
    except ConnectionResetError:  # it hung up before it had read all that was sent
        return b""


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("start", [b"", b"\r\n", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"])
async def test_a_head_that_does_not_come(start: bytes) -> None:
    """Silence, blank lines, and the half of a head end with the connection."""
    async with served() as dial:
        reader, writer = await dial()
        writer.write(start)
        assert await rest(reader) == b""
        writer.close()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("start", [b"\r\n", b"GET / HTTP/1.1\r\nhost: x\r\n"])
async def test_a_second_head_that_does_not_come(start: bytes) -> None:
    """The same holds after a request that was answered: some bytes now and then keep no connection."""
    async with served() as dial:
        reader, writer = await dial()
        writer.write(ASK + start)
        answer = await rest(reader)
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"body")
        writer.close()


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nx: "])
async def test_a_head_without_end(start: bytes) -> None:
    """A head of more than 64 KiB is refused while it arrives."""
    async with served() as dial:
        reader, writer = await dial()
        writer.write(start)
        for _ in range(2 * HEAD_BYTES // 1024):
            writer.write(b"a" * 1024)
        assert b" 200 " not in await rest(reader)
        writer.close()


@pytest.mark.usefixtures("hasty")
async def test_a_body_may_take_its_time() -> None:
    """The patience is for the head: bodies have limits of their own; pipelined requests are all answered."""
    async with served() as dial:
        reader, writer = await dial()
        writer.write(ASK[:-1])
        await asyncio.sleep(0.4)  # longer than a head may take
        writer.write(ASK[-1:] + ASK * 3 + ASK.replace(b"host", b"connection: close\r\nhost"))
        assert (await rest(reader)).count(b"HTTP/1.1 200") == 5
        writer.close()
