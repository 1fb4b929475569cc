"""The SSH keys of one source: made here, kept encrypted, shown in their public half only, replaced in two phases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from headrace.access import Keep
from headrace.aio import in_thread
from headrace.errors import HeadraceError
from headrace.model import Secret
from headrace.net.ssh_host_key import HostKey, known_hosts_name

KeyKind = Literal["ed25519", "rsa"]

_ACTIVE, _PENDING, _HOST_KEY = "ssh_key", "ssh_key_pending", "ssh_host_key"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key to log in with. Only `private` is secret; `public` is the line for the server, with a comment."""

    private: Secret  # OpenSSH's format
    public: str  # ssh-ed25519 AAAA… headrace-shop
    fingerprint: str  # SHA256:…

    @classmethod
    def make(cls, kind: KeyKind, comment: str) -> KeyPair:
        """A new key: Ed25519, or RSA of 4096 bits for servers that are too old for that. RSA takes seconds."""
        import asyncssh

        if kind == "rsa":
            key = asyncssh.generate_private_key("ssh-rsa", comment, key_size=4096)
        else:
            key = asyncssh.generate_private_key("ssh-ed25519", comment)
        return cls.of(Secret(key.export_private_key().decode()))

    @classmethod
    def of(cls, private: Secret) -> KeyPair:
        """The pair of a private key that was made here. Raises `HeadraceError`, without the key, for other text."""
        import asyncssh

        try:
            key = asyncssh.import_private_key(private.reveal())
        except asyncssh.KeyImportError:
            raise HeadraceError(
                "What is kept as SSH key cannot be read. Make a new one with: headrace ssh-key new SOURCE",
                code="ssh_key",
            ) from None
        return cls(private, key.export_public_key().decode().strip(), key.get_fingerprint())

    def authorized_key(self, host: str, port: int) -> str:
        """The line for ``authorized_keys`` that lets the key reach ``host:port`` and do nothing else."""
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return f'restrict,port-forwarding,permitopen="{target}" {self.public}'


class SshKeys:
    """The keys of one source, in `Keep`.

    A key is first *pending*: made, and not used by any run. `save` makes it the *active* one, once a connection
    with it has been proven. Until then the old one stays.
    """

    def __init__(self, keep: Keep, source: str) -> None:
        self.source = source
        self._keep = keep
        self._record = f"source/{source}"

    async def active(self) -> KeyPair | None:
        """The key that runs use."""
        return await self._pair(_ACTIVE)

    async def pending(self) -> KeyPair | None:
        """The key that is made and not saved yet."""
        pending = await self._keep.get(self._record, _PENDING)
        if pending is None or pending == await self._keep.get(self._record, _ACTIVE):
            return None  # a save that was killed between its two steps: the key is active already
        return await in_thread(KeyPair.of, pending)

    async def new(self, kind: KeyKind = "ed25519", *, replace: bool = False) -> KeyPair:
        """Make a pending key. Raises `HeadraceError` where there is one, unless it may be replaced."""
        if not replace and await self.pending() is not None:
            raise HeadraceError(
                f"There is a new key of {self.source!r} already that is not saved. Go on with: "
                f"headrace ssh-key save {self.source}, or drop it with: headrace ssh-key discard {self.source}",
                code="ssh_key",
            )
        pair = await in_thread(KeyPair.make, kind, f"headrace-{self.source}")
        await self._keep.put(self._record, _PENDING, pair.private)
        return pair

    async def save(self, prove: Callable[[KeyPair], Awaitable[object]]) -> KeyPair:
        """Make the pending key the active one, after ``prove`` connected with it. What it raises leaves all as it was.

        The old key is forgotten. Saving what is saved already does nothing.
        """
        pair = await self.pending()
        if pair is None:
            return await self._saved_already()
        await prove(pair)
        if await self._keep.get(self._record, _PENDING) != pair.private:
            raise HeadraceError(
                f"The new key of {self.source!r} was replaced while it was tried. Save again.", code="ssh_key"
            )
        # Killed after the first step, the key is active and pending at once, which `pending` and `save` understand.
        await self._keep.put(self._record, _ACTIVE, pair.private)
        await self._keep.delete(self._record, _PENDING)
        return pair

    async def _saved_already(self) -> KeyPair:
        active = await self.active()
        if active is None or await self._keep.get(self._record, _PENDING) is None:
            raise HeadraceError(
                f"There is no new key of {self.source!r} to save. Make one with: headrace ssh-key new {self.source}",
                code="ssh_key",
            )
        await self._keep.delete(self._record, _PENDING)
        return active

    async def discard(self) -> bool:
        """Drop the pending key; False if there was none. The active one stays."""
        found = await self.pending() is not None
        await self._keep.delete(self._record, _PENDING)
        return found

    async def forget(self) -> None:
        """Drop every key of the source and of its SSH server, also those that cannot be opened any more."""
        for slot in (_ACTIVE, _PENDING, _HOST_KEY):
            await self._keep.delete(self._record, slot)

    async def host_key(self, host: str, port: int) -> HostKey | None:
        """The key that was confirmed for the SSH server at ``host:port``."""
        line = await self._keep.get(self._record, _HOST_KEY)
        if line is None or line.reveal().split()[0] != known_hosts_name(host, port):
            return None
        return HostKey.parse(line.reveal())

    async def trust(self, host: str, port: int, public: str) -> None:
        """Keep the key of the SSH server at ``host:port``: the only one that connections accept from then on.

        ``public`` is a public key: its algorithm, and the key in base64.
        """
        await self._keep.put(self._record, _HOST_KEY, Secret(f"{known_hosts_name(host, port)} {public}"))

    async def _pair(self, slot: str) -> KeyPair | None:
        private = await self._keep.get(self._record, slot)
        return None if private is None else await in_thread(KeyPair.of, private)
