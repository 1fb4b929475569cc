"""Write keys of `http` sources: ``hdw_``, eight characters that name the key, and 160 random bits.

Whoever accepts calls finds a key by its digest among those of the store, which it reads again when the store's
generation has grown: making and deleting a key make it grow.
"""

from __future__ import annotations

from headrace.keep.codes import digest, letters

__all__ = ["digest", "key_id", "new_key"]

_SECRET = 32  # characters
_ID = len("hdw_") + 8


def new_key() -> str:
    """A new write key, to be shown once."""
    return f"hdw_{letters(8)}_{letters(_SECRET)}"


def key_id(key: str) -> str:
    """The part of a write key that names it and is shown."""
    return key[:_ID]
