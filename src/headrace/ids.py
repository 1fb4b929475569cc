"""Names that Headrace gives. Pure: time and chance are given."""

from __future__ import annotations

from datetime import UTC, datetime

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o, u: nobody mistypes them


def run_id(now: datetime, chance: float) -> str:
    """A run's name: ``20261123-190000-7k2m9q``. Sorts by time, can be typed, fits 22 characters.

    A messageId made from it (``<run>-<row>``) stays within 36 letters, digits and hyphens, as the narrowest API asks.
    """
    rest = int(chance * len(_LETTERS) ** 6)
    tail = ""
    for _ in range(6):
        rest, letter = divmod(rest, len(_LETTERS))
        tail += _LETTERS[letter]
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{tail}"
