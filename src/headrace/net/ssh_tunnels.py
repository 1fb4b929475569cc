"""SSH tunnels of one source: with the key kept for it, to a server whose own key is known."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from headrace.errors import SourceError
from headrace.net.ssh_host_key import HostKey
from headrace.net.ssh_keys import KeyPair, SshKeys
from headrace.net.ssh_loop import SshLoop

if TYPE_CHECKING:  # asyncssh is loaded when the first tunnel is opened
    import asyncssh

    from headrace.net.ssh_client import Server
    from headrace.net.ssh_forward import Forward

T = TypeVar("T")

_FAREWELL = 1.0  # seconds a server gets to take leave


class SshTunnel:
    """`headrace.ports.Tunnel`: a port of 127.0.0.1, and what holds it open on the loop of SSH."""

    host = "127.0.0.1"

    def __init__(self, loop: SshLoop, port: int, held: asyncio.Task[None]) -> None:
        self.port = port
        self._loop, self._held = loop, held
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                with suppress(SourceError):  # the loop has ended, and the tunnel with it
                    self._loop.wait(_let_go(self._held))


class SshTunnels:
    """`headrace.ports.Tunnels` of one source. Make it on the main loop, where ``keys`` are read.

    Its methods block, and are for other threads than the main loop's. Each `open` connects anew.
    """

    def __init__(self, keys: SshKeys, loop: SshLoop, *, keepalive: float = 5.0) -> None:
        self._keys, self._loop, self._keepalive = keys, loop, keepalive
        self._main = asyncio.get_running_loop()

    def open(self, settings: Mapping[str, Any], host: str, port: int) -> SshTunnel:
        """A tunnel with the active key, to the server whose key is pinned."""
        key = self._kept(self._keys.active())
        if key is None:
            raise self._no_key(pending=self._kept(self._keys.pending()) is not None)
        return self._open(key, settings, host, port)

    def prove(self, key: KeyPair, settings: Mapping[str, Any], host: str, port: int) -> None:
        """Log in with ``key`` and reach ``host:port``. Raises `SourceError` that says what is in the way."""
        self._open(key, settings, host, port).close()

    def shown_host_key(self, settings: Mapping[str, Any], wanted: HostKey | None = None) -> str:
        """The public key that the SSH server shows now; of its several, the ``wanted`` one if it has that."""
        from headrace.net.ssh_client import host_key

        key = self._loop.wait(host_key(self._server(settings), wanted))
        return " ".join(key.export_public_key().decode().split()[:2])

    def _open(self, key: KeyPair, settings: Mapping[str, Any], host: str, port: int) -> SshTunnel:
        if host.startswith("/"):
            raise SourceError(
                f"An SSH tunnel leads to a host and port, not to the Unix socket {host!r}. Set `host` to a name.",
                code="ssh_forward",
            )
        server, pin = self._server(settings), self._pin(settings)
        return SshTunnel(self._loop, *self._loop.wait(_connected(server, key, pin, self._keepalive, host, port)))

    def _server(self, settings: Mapping[str, Any]) -> Server:
        from headrace.net.ssh_client import Server

        return Server(self._keys.source, settings["host"], settings["port"], settings["user"])

    def _pin(self, settings: Mapping[str, Any]) -> HostKey:
        """The key the server must show: the configured one, or else the confirmed one."""
        if settings.get("host_key"):
            return HostKey.parse(settings["host_key"])
        pin = self._kept(self._keys.host_key(settings["host"], settings["port"]))
        if pin is None:
            shown = HostKey.parse(self.shown_host_key(settings))
            raise SourceError(
                f"The SSH server {settings['host']}:{settings['port']} is not known yet. It shows the key "
                f"{shown.fingerprint} ({shown.algorithm}). Compare it with the server's own (there: ssh-keygen -lf "
                "/etc/ssh/ssh_host_ed25519_key.pub), and confirm it with: "
                f"headrace ssh-key trust {self._keys.source}",
                code="ssh_host_key",
            )
        return pin

    def _no_key(self, *, pending: bool) -> SourceError:
        name = self._keys.source
        if pending:
            told = f"The new SSH key of {name!r} is not saved yet. Save it with: headrace ssh-key save {name}"
        else:
            told = f"There is no SSH key of {name!r} yet. Make one with: headrace ssh-key new {name}"
        return SourceError(told, code="ssh_key")

    def _kept(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._main).result()


async def _connected(
    server: Server, key: KeyPair, pin: HostKey, keepalive: float, host: str, port: int
) -> tuple[int, asyncio.Task[None]]:
    """The local port, and the task that holds the tunnel until it is cancelled."""
    from headrace.net.ssh_client import connect
    from headrace.net.ssh_forward import Forward

    connection = await connect(server, key, pin, line=key.authorized_key(host, port), keepalive=keepalive)
    forward = Forward(connection, host, port)
    try:
        local = await forward.start(server)
    except BaseException:
        await _leave(connection)
        raise
    return local, asyncio.ensure_future(_hold(connection, forward))


async def _hold(connection: asyncssh.SSHClientConnection, forward: Forward) -> None:
    """Until the connection dies, or this is cancelled: by the tunnel's close, or by the end of the loop."""
    try:
        await connection.wait_closed()
    finally:
        forward.close()
        await _leave(connection)


async def _let_go(held: asyncio.Task[None]) -> None:
    held.cancel()
    await asyncio.wait([held])


async def _leave(connection: asyncssh.SSHClientConnection) -> None:
    connection.close()
    try:
        async with asyncio.timeout(_FAREWELL):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()
