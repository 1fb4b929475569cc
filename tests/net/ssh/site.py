"""What the tests of SSH share: keys in memory, a database's place, and a source that is reached through a server."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from headrace.aio import in_thread
from headrace.errors import HeadraceError
from headrace.model import Secret
from headrace.net.ssh_keys import KeyPair, SshKeys
from headrace.net.ssh_loop import SshLoop
from headrace.net.ssh_tunnels import SshTunnel, SshTunnels
from headrace.testing.ssh import SshServer

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class MemoryKeep:
    """`headrace.ports.Keep` in a dict."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], Secret] = {}

    async def put(self, record: str, slot: str, secret: Secret) -> None:
        self.held[record, slot] = secret

    async def get(self, record: str, slot: str) -> Secret | None:
        return self.held.get((record, slot))

    async def delete(self, record: str, slot: str) -> None:
        self.held.pop((record, slot), None)

    async def slots(self, record: str) -> list[str]:
        return sorted(slot for held, slot in self.held if held == record)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say back what is heard, to its end."""
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def far_end(handler: Handler = echo) -> AsyncIterator[int]:
    """A server in the database's place; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except ConnectionError:
            pass  # cut off, as some tests want it
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@dataclass
class Site:
    """The source ``shop``, reached through ``server``."""

    server: SshServer
    loop: SshLoop
    port: int  # of the far end
    keepalive: float = 5.0
    keep: MemoryKeep = field(default_factory=MemoryKeep)
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        self.keys = SshKeys(self.keep, "shop")
        self.tunnels = SshTunnels(self.keys, self.loop, keepalive=self.keepalive)
        self.settings: dict[str, Any] = {
            "host": self.server.host,
            "port": self.server.port,
            "user": self.server.user,
            "host_key": None,
        }

    async def ready(self) -> KeyPair:
        """Trust the server, and save a key that it lets in."""
        await self.trust()
        key = await self.keys.new()
        self.server.install(key.authorized_key(self.host, self.port))
        return await self.save()

    async def trust(self) -> None:
        await self.keys.trust(self.server.host, self.server.port, self.server.host_key())

    async def save(self) -> KeyPair:
        return await self.keys.save(lambda key: in_thread(self.tunnels.prove, key, self.settings, self.host, self.port))

    async def open(self) -> SshTunnel:
        return await in_thread(self.tunnels.open, self.settings, self.host, self.port)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[SshTunnel]:
        tunnel = await self.open()
        try:
            yield tunnel
        finally:
            await in_thread(tunnel.close)

    async def refusal(self, work: Awaitable[object] | None = None) -> tuple[str, str]:
        """Code and message of the error that opening a tunnel (or ``work``) ends in; it holds no private key."""
        with pytest.raises(HeadraceError) as caught:
            await (self.open() if work is None else work)
        self.discreet("".join(traceback.format_exception(caught.value)) + repr(caught.value))
        message = caught.value.message
        assert message.isprintable()
        return caught.value.code, message

    def discreet(self, text: str) -> None:
        """Fail where a line of a private key stands in ``text``."""
        for (_, slot), secret in self.keep.held.items():
            if slot != "ssh_host_key":
                for line in secret.reveal().splitlines()[1:-1]:
                    assert line not in text
