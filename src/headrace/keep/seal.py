"""Authenticated encryption of one secret, bound to the place where it belongs.

A sealed text is ``v1.KEY.DATA``: KEY names the key (it is no part of it), DATA is a random nonce and AES-256-GCM's
ciphertext in base64. Record and slot are authenticated with it, so that a sealed text that was moved to another
record opens no more than one that was changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
_FORMAT = "v1"


class Unopenable(Exception):
    """A sealed text that is damaged, or was made for another place or with another key."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key and its name. The name is told freely; ``material`` never is."""

    material: bytes = field(repr=False)

    @property
    def name(self) -> str:
        return hashlib.sha256(b"headrace key name\0" + self.material).hexdigest()[:12]

    def text(self) -> str:
        """The key as it stands in a key file or in HEADRACE_KEY: 43 letters."""
        return base64.urlsafe_b64encode(self.material).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Key:
        """The key that `text` gave. Raises `ValueError`, without repeating the text."""
        try:
            material = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            material = b""
        if len(material) != KEY_BYTES:
            raise ValueError("a key is 32 bytes in base64")
        return cls(material)

    @classmethod
    def new(cls) -> Key:
        return cls(secrets.token_bytes(KEY_BYTES))


def seal(key: Key, record: str, slot: str, plain: str) -> str:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(key.material).encrypt(nonce, plain.encode(), _place(key.name, record, slot))
    return f"{_FORMAT}.{key.name}.{base64.b64encode(nonce + sealed).decode()}"


def unseal(key: Key, record: str, slot: str, sealed: str) -> str:
    """Raises `Unopenable`."""
    try:
        data = base64.b64decode(sealed.rpartition(".")[2], validate=True)
        plain = AESGCM(key.material).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _place(key.name, record, slot))
    except (InvalidTag, ValueError) as error:
        raise Unopenable from error
    return plain.decode()


def key_name(sealed: str) -> str:
    """The name of the key that made a sealed text. Raises `Unopenable`."""
    form, _, rest = sealed.partition(".")
    name, dot, _ = rest.partition(".")
    if form != _FORMAT or not dot:
        raise Unopenable
    return name


def _place(key: str, record: str, slot: str) -> bytes:
    return json.dumps([_FORMAT, key, record, slot]).encode()
