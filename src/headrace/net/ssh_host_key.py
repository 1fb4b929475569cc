"""Which key an SSH server must show, so that nobody in between can pass for it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from itertools import pairwise

from headrace.errors import SourceError

_ALGORITHMS = {  # of a host key → how the server may sign with it, the best first
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
ALL_SIGNATURES = tuple(name for names in _ALGORITHMS.values() for name in names)


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host key by its fingerprint; the algorithm is None where nothing else is known."""

    fingerprint: str  # SHA256:…
    algorithm: str | None = None  # ssh-ed25519, ssh-rsa …

    @classmethod
    def parse(cls, text: str) -> HostKey:
        """A fingerprint, a line of known_hosts, or a public key. Raises `SourceError`."""
        words = text.split()
        if re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}=?", text.strip()):
            return cls(text.strip().rstrip("="))
        found = [pair for pair in pairwise(words) if pair[0] in _ALGORITHMS]
        if len(found) == 1 and not text.lstrip().startswith("@"):
            algorithm, encoded = found[0]
            try:
                blob = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                blob = b""
            if blob.startswith(len(algorithm).to_bytes(4, "big") + algorithm.encode()):
                return cls(fingerprint(blob), algorithm)
        raise SourceError(
            "`host_key` is neither a fingerprint nor one key of known_hosts. "
            "Write it as ssh-keygen -l shows it (SHA256:…), or one line as ssh-keyscan prints it.",
            code="ssh_host_key",
        )

    def signatures(self) -> list[tuple[str, ...]]:
        """What to ask the server for, in turn. A server has a key of each kind, and shows the first one asked for.

        The other kinds follow each time: asked for nothing that it has, a server hangs up without a word.
        """
        wanted = [self.algorithm] if self.algorithm else list(_ALGORITHMS)
        return [
            (*_ALGORITHMS[kind], *(name for name in ALL_SIGNATURES if name not in _ALGORITHMS[kind])) for kind in wanted
        ]


def fingerprint(blob: bytes) -> str:
    """The fingerprint of a public key in SSH's wire format, as ``ssh-keygen -l`` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def known_hosts_name(host: str, port: int) -> str:
    """How known_hosts names a server."""
    return host if port == 22 else f"[{host}]:{port}"
