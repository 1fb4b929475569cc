"""Port forwarding: connections to a port of this machine go on as channels of an SSH connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

import asyncssh

from headrace.errors import SourceError
from headrace.net.ssh_client import Server, words

_WINDOW = 8 << 20  # bytes the server may send ahead: 80 MB/s at 100 ms
_PACKET = 1 << 17  # bytes; servers send smaller ones if they like
_BUFFER = 1 << 20  # bytes that may wait for the driver before the channel is paused
_UNCLAIMED = 5.0  # seconds after which the first channel is given up
_AT_ONCE = struct.pack("ii", 1, 0)  # linger for no seconds


class Forward:
    """A port of 127.0.0.1 that leads to ``host:port`` as the SSH server sees them."""

    def __init__(self, connection: asyncssh.SSHClientConnection, host: str, port: int) -> None:
        self._connection, self._host, self._port = connection, host, port
        self._tasks: set[asyncio.Task[None]] = set()
        self._nears: set[_Near] = set()
        self._first: _Far | None = None
        self._listener: asyncio.Server | None = None

    async def start(self, server: Server) -> int:
        """Open the way to the far end, then listen; the port. Raises `SourceError`.

        A driver would see a forward that fails as a connection that ends, without a reason. So the first channel is
        opened here, and serves the driver's first connection.
        """
        loop = asyncio.get_running_loop()
        try:
            self._first = await self._channel()
        except (asyncssh.Error, OSError) as error:
            raise _refused(server, self._host, self._port, error) from None
        loop.call_later(_UNCLAIMED, self._give_up_first)
        self._listener = await loop.create_server(lambda: _Near(self), "127.0.0.1", 0)
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        """Stop listening and cut off what still runs."""
        self._give_up_first()
        if self._listener is not None:
            self._listener.close()
        for near in list(self._nears):
            near.abort()

    def join(self, near: _Near) -> None:
        """Find the channel of a new connection."""
        self._nears.add(near)
        task = asyncio.ensure_future(self._join(near))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def left(self, near: _Near) -> None:
        self._nears.discard(near)

    async def _join(self, near: _Near) -> None:
        far, self._first = self._first, None
        try:
            near.meet(far or await self._channel())
        except (asyncssh.Error, OSError):
            near.abort()

    async def _channel(self) -> _Far:
        far = _Far()
        await self._connection.create_connection(
            lambda: far, self._host, self._port, "127.0.0.1", 0, window=_WINDOW, max_pktsize=_PACKET
        )
        return far

    def _give_up_first(self) -> None:
        """A database waits for a login only so long; a later connection gets a channel of its own."""
        if self._first is not None:
            self._first.channel.abort()
            self._first = None


class _Far(asyncssh.SSHTCPSession[bytes]):
    """The channel's side. It reads nothing before it has met its other side.

    Nothing may be raised here: asyncssh would end the whole connection.
    """

    channel: asyncssh.SSHTCPChannel[bytes]
    near: _Near | None = None

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        self.channel = chan
        chan.pause_reading()

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if self.near is not None and not self.near.transport.is_closing():
            self.near.transport.write(data)

    def eof_received(self) -> bool:
        if self.near is not None and not self.near.transport.is_closing():
            with suppress(OSError):  # the driver has hung up, and we are about to hear of it
                self.near.transport.write_eof()
        return True  # the other direction stays open

    def connection_lost(self, exc: Exception | None) -> None:
        if self.near is None:
            return
        if exc is None:
            self.near.transport.close()
        else:
            self.near.abort()

    def pause_writing(self) -> None:
        if self.near is not None:
            self.near.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.near is not None:
            self.near.transport.resume_reading()


class _Near(asyncio.Protocol):
    """The driver's side."""

    transport: asyncio.Transport

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self._far: _Far | None = None
        self._early: list[bytes] = []  # what came before the channel: Python 3.11.2 reads although paused
        self._ended = self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()
        transport.set_write_buffer_limits(_BUFFER)
        self._forward.join(self)

    def meet(self, far: _Far) -> None:
        """Let data flow, both ways."""
        if self._lost:
            far.channel.abort()
            return
        self._far, far.near = far, self
        for data in self._early:
            self.data_received(data)
        self._early.clear()
        if self._ended:
            self.eof_received()
        self.transport.resume_reading()
        far.channel.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._far is None:
            self._early.append(data)
        else:
            with suppress(OSError):  # the far end has hung up, and we are about to hear of it
                self._far.channel.write(data)

    def eof_received(self) -> bool:
        self._ended = True
        if self._far is not None:
            with suppress(OSError):
                self._far.channel.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._forward.left(self)
        if self._far is not None:
            self._far.channel.abort()

    def pause_writing(self) -> None:
        if self._far is not None:
            self._far.channel.pause_reading()

    def resume_writing(self) -> None:
        if self._far is not None:
            self._far.channel.resume_reading()

    def abort(self) -> None:
        """Break the connection off, with a reset: cut off in the middle, it must not look like the end of the data."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()


def _refused(server: Server, host: str, port: int, error: Exception) -> SourceError:
    prohibited = (
        isinstance(error, asyncssh.ChannelOpenError) and error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED
    )
    if prohibited:
        return SourceError(
            f"The SSH server {server.where} does not let the user {server.user!r} reach {host}:{port}. In the key's "
            f'line of authorized_keys, write port-forwarding,permitopen="{host}:{port}", and in its sshd_config '
            "AllowTcpForwarding yes.",
            code="ssh_forward",
        )
    return SourceError(
        f"The SSH server {server.where} cannot reach {host}:{port}: {words(error)}. Check `host` and `port`: they are "
        "looked up from there, not from here.",
        code="ssh_forward",
    )
