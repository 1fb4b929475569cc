"""A source that is reached through an SSH server: its keys, that server's key, and what is done to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.aio import in_thread
from headrace.errors import HeadraceError, UsageError
from headrace.model import Connection
from headrace.net.ssh_host_key import HostKey
from headrace.net.ssh_keys import KeyPair, SshKeys
from headrace.net.ssh_tunnels import SshTunnels


@dataclass(frozen=True, slots=True)
class SshAccess:
    """The operations of `headrace ssh-key`, for the command line and the API."""

    source: str
    ssh: dict[str, Any]  # the settings of `ssh_tunnel`
    host: str  # of the database, as the SSH server sees it
    port: int
    keys: SshKeys
    tunnels: SshTunnels

    @classmethod
    def of(cls, connection: Connection, keys: SshKeys, tunnels: SshTunnels) -> SshAccess:
        """Raises `UsageError` (``ssh``) for a source that is reached directly."""
        name, settings = connection.name, connection.settings
        if "ssh_tunnel" not in settings:
            raise UsageError(f"The source {name!r} ({connection.type}) is not reached through SSH.", code="ssh")
        if not settings["ssh_tunnel"]:
            raise UsageError(
                f"The source {name!r} has no SSH tunnel. Say first where the SSH server is, in headrace.yaml: "
                "ssh_tunnel: {host: bastion.example.com, user: tunnel}",
                code="ssh",
            )
        return cls(name, settings["ssh_tunnel"], settings["host"], settings["port"], keys, tunnels)

    @property
    def server(self) -> str:
        return f"{self.ssh['host']}:{self.ssh['port']}"

    async def host_key(self) -> HostKey | None:
        """The key that the SSH server must show: the configured one, or else the confirmed one."""
        if self.ssh.get("host_key"):
            return HostKey.parse(self.ssh["host_key"])
        return await self.keys.host_key(self.ssh["host"], self.ssh["port"])

    async def shown(self, wanted: HostKey | None = None) -> str:
        """The public key that the SSH server shows now. Raises `UsageError` where the configuration has it."""
        if self.ssh.get("host_key"):
            raise UsageError(
                f"The source {self.source!r} has the server's key in `host_key` of `ssh_tunnel`. Change it there.",
                code="ssh_host_key",
            )
        return await in_thread(self.tunnels.shown_host_key, self.ssh, wanted)

    async def trust(self, public: str, wanted: HostKey | None = None) -> HostKey:
        """Pin a key that the server showed. Raises `HeadraceError` where it is not the wanted one."""
        key = HostKey.parse(public)
        if wanted is not None and key.fingerprint != wanted.fingerprint:
            raise HeadraceError(
                f"The SSH server {self.server} shows the key {key.fingerprint} and not {wanted.fingerprint}. "
                "Nothing was changed. Compare it again on the server itself.",
                code="ssh_host_key",
            )
        await self.keys.trust(self.ssh["host"], self.ssh["port"], public)
        return key

    async def prove(self, key: KeyPair) -> None:
        """Log in with a key, and reach the database's port. Raises `SourceError`."""
        await in_thread(self.tunnels.prove, key, self.ssh, self.host, self.port)

    async def test(self, *, pending: bool = False) -> KeyPair:
        """Prove the key in use, or the pending one. Raises `HeadraceError` where there is none."""
        key = await (self.keys.pending() if pending else self.keys.active())
        if key is None:
            which = "new key that is not saved" if pending else "SSH key"
            raise HeadraceError(
                f"There is no {which} of {self.source!r}. Make one with: headrace ssh-key new {self.source}",
                code="ssh_key",
            )
        await self.prove(key)
        return key

    async def fact(self) -> dict[str, Any]:
        """The public halves of all that is kept, as `headrace ssh-key show --json` tells it."""
        trusted = await self.host_key()
        return {
            "source": self.source,
            "server": {name: self.ssh[name] for name in ("host", "port", "user")},
            "host_key": {"fingerprint": trusted.fingerprint, "algorithm": trusted.algorithm} if trusted else None,
            "active": self._key_fact(await self.keys.active()),
            "pending": self._key_fact(await self.keys.pending()),
        }

    def _key_fact(self, key: KeyPair | None) -> dict[str, str] | None:
        if key is None:
            return None
        line = key.authorized_key(self.host, self.port)
        return {"fingerprint": key.fingerprint, "public": key.public, "authorized_key": line}
