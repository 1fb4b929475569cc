"""The ports of access: SSH tunnels, and the keep of secrets. Those of the engine are in `headrace.ports`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from headrace.errors import SourceError
from headrace.model import Secret


class Tunnel(Protocol):
    """An open SSH tunnel: what connects to ``host`` and ``port`` here reaches the far end."""

    host: str  # 127.0.0.1
    port: int

    def close(self) -> None:
        """End the tunnel; whatever still runs through it is cut off. May come twice, and from any thread."""
        ...


class Tunnels(Protocol):
    """SSH tunnels of one connection. Its key and the server's pinned key are kept by Headrace, not by the adapter."""

    def open(self, settings: Mapping[str, Any], host: str, port: int) -> Tunnel:
        """Open a tunnel to ``host:port`` as the SSH server sees them; blocks until it stands.

        ``settings`` are those of the field ``ssh_tunnel``. Raises `SourceError` that says what to do.
        """
        ...


class NoTunnels:
    """`Tunnels` of a connector that stands by itself, outside a project."""

    def open(self, settings: Mapping[str, Any], host: str, port: int) -> Tunnel:
        raise SourceError("There are no SSH tunnels here. Configure the source in a project.", code="ssh")


class Keep(Protocol):
    """Secrets at rest: encrypted with a key that the store does not have, bound to the record that they belong to.

    A record is a name such as ``source/shop``, a slot one of its secrets, such as ``ssh_key``.
    """

    async def put(self, record: str, slot: str, secret: Secret) -> None: ...

    async def get(self, record: str, slot: str) -> Secret | None:
        """The secret; None if there is none. Raises `HeadraceError` where no key opens it."""
        ...

    async def delete(self, record: str, slot: str) -> None:
        """Forget it. Not an error if there is nothing."""
        ...

    async def slots(self, record: str) -> list[str]:
        """The slots of a record that hold something, sorted; nothing is decrypted."""
        ...


class SealedStore(Protocol):
    """What the store keeps of secrets: sealed texts, which say nothing to whoever reads the database."""

    async def put_sealed(self, record: str, slot: str, sealed: str) -> None:
        """Keep a sealed secret; it replaces the one that was there."""
        ...

    async def read_sealed(self, record: str, slot: str) -> str | None: ...

    async def all_sealed(self) -> list[tuple[str, str, str]]:
        """Every (record, slot, sealed text), sorted."""
        ...

    async def replace_sealed(self, record: str, slot: str, old: str, new: str) -> bool:
        """Put ``new`` where ``old`` still is; False, and nothing changed, where it is not."""
        ...

    async def delete_sealed(self, record: str, slot: str) -> None: ...
