"""Connections to SSH servers: one pinned host key, one login key, and nothing of this machine's own SSH settings."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from dataclasses import dataclass

import asyncssh

from headrace.errors import SourceError
from headrace.net.ssh_host_key import ALL_SIGNATURES, HostKey
from headrace.net.ssh_keys import KeyPair

_TIMEOUT = 15  # seconds, until logged in
_MISSED = 3  # keep-alives without an answer until the connection counts as lost
# The fastest first. With processors of this decade AES-GCM beats ChaCha20 by half.
_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes256-ctr",
)

logging.getLogger("asyncssh").setLevel(logging.ERROR)  # it tells of each channel; errors are ours to word


@dataclass(frozen=True, slots=True)
class Server:
    """An SSH server, and the source that is reached through it."""

    source: str
    host: str
    port: int
    user: str

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


class _Client(asyncssh.SSHClient):
    """Accepts one host key, and remembers what the server showed."""

    def __init__(self, pin: HostKey) -> None:
        self._pin = pin
        self.shown: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.shown = key
        return key.get_fingerprint() == self._pin.fingerprint


async def connect(
    server: Server, key: KeyPair, pin: HostKey, *, line: str, keepalive: float
) -> asyncssh.SSHClientConnection:
    """Log in. Raises `SourceError`.

    ``line`` is what the server's ``authorized_keys`` should hold, ``keepalive`` the seconds between signs of life.
    """
    shown: dict[str, str] = {}  # what the server has instead: fingerprint → algorithm
    for signatures in pin.signatures():
        client = _Client(pin)
        try:
            return await asyncssh.connect(
                server.host,
                server.port,
                username=server.user,
                client_keys=[asyncssh.import_private_key(key.private.reveal())],
                client_factory=lambda client=client: client,
                known_hosts=([], [], []),  # none but what the client accepts; None would accept all
                server_host_key_algs=list(signatures),
                config=None,
                agent_path=None,
                preferred_auth="publickey",
                encryption_algs=list(_CIPHERS),
                compression_algs=["none"],
                connect_timeout=_TIMEOUT,
                login_timeout=_TIMEOUT,
                keepalive_interval=keepalive,
                keepalive_count_max=_MISSED,
            )
        except asyncssh.HostKeyNotVerifiable as error:
            if client.shown is None:  # it is no key at all
                raise _no_connection(server, error) from None
            shown[client.shown.get_fingerprint()] = client.shown.get_algorithm()
        except asyncssh.PermissionDenied:
            raise _login_refused(server, line) from None
        except (OSError, UnicodeError, asyncssh.Error) as error:
            raise _no_connection(server, error) from None
    raise _other_host_key(server, pin, shown)


async def host_key(server: Server, wanted: HostKey | None = None) -> asyncssh.SSHKey:
    """The key that a server shows; of several, the ``wanted`` one if it is among them. Raises `SourceError`."""
    first: asyncssh.SSHKey | None = None
    for signatures in wanted.signatures() if wanted else [ALL_SIGNATURES]:
        try:
            async with asyncio.timeout(_TIMEOUT):
                found = await asyncssh.get_server_host_key(
                    server.host, server.port, server_host_key_algs=list(signatures), config=None
                )
        except (OSError, UnicodeError, asyncssh.Error) as error:
            raise _no_connection(server, error) from None
        assert found is not None  # only GSSAPI does without, and that is not tried
        if wanted is None or found.get_fingerprint() == wanted.fingerprint:
            return found
        first = first or found
    assert first is not None
    return first


def _no_connection(server: Server, error: Exception) -> SourceError:
    if isinstance(error, socket.gaierror | UnicodeError):
        return SourceError(
            f"The SSH server's name {server.host!r} is unknown here. Check `host` of `ssh_tunnel`, "
            "and that this machine can look the name up.",
            code="unknown_host",
        )
    unanswered = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT)
    late = isinstance(error, TimeoutError) or (isinstance(error, asyncssh.Error) and "timeout" in str(error).lower())
    if late or (isinstance(error, OSError) and error.errno in unanswered):
        return SourceError(
            f"No answer from the SSH server {server.where}. Check `host` and `port` of `ssh_tunnel`, "
            "and that its firewall lets this machine's address in.",
            code="no_answer",
        )
    if isinstance(error, OSError) and not isinstance(error, ConnectionResetError):
        return SourceError(
            f"Nothing answers at {server.where}. Check `host` and `port` of `ssh_tunnel`, "
            "and that the SSH server runs there.",
            code="refused",
        )
    return SourceError(
        f"The connection to the SSH server {server.where} broke off: {words(error)}. "
        "Check `host` and `port` of `ssh_tunnel`, and the server's log.",
        code="ssh",
    )


def _login_refused(server: Server, line: str) -> SourceError:
    return SourceError(
        f"The SSH server {server.where} refused the key of {server.source!r} for the user {server.user!r}. "
        f"Add this line to ~{server.user}/.ssh/authorized_keys there: {line}",
        code="ssh_login",
    )


def _other_host_key(server: Server, pin: HostKey, shown: dict[str, str]) -> SourceError:
    now = ", ".join(f"{fingerprint} ({algorithm})" for fingerprint, algorithm in shown.items())
    return SourceError(
        f"The SSH server {server.where} shows another key than the trusted one: expected {pin.fingerprint}, "
        f"got {now}. Somebody may be in between. If the server was set up anew, compare the fingerprint there "
        f"(ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub) and confirm it: headrace ssh-key trust {server.source} "
        "(or mend `host_key`).",
        code="ssh_host_key",
    )


def words(error: Exception) -> str:
    """What the other side, or the system, says: printable, on one line."""
    said = error.reason if isinstance(error, asyncssh.ChannelOpenError | asyncssh.DisconnectError) else str(error)
    text = "".join(c if c.isprintable() else " " for c in said)[:300]
    return " ".join(text.split()).rstrip(".") or type(error).__name__
