"""Texts that prove something by being known: cookies, API tokens, codes that work once.

They are random and long, so a SHA-256 is enough to keep them by: nobody finds the text from it, and looking a hash up
tells by its time nothing about the text.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o, u: nobody mistypes them
_GROUPS, _GROUP = 5, 4
_TOKEN = re.compile(r"(hdr_[0-9a-z]{8})_[0-9A-Za-z_-]{43}")


def digest(text: str) -> str:
    """The SHA-256 of a text, in hex: as which it is kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def same(text: str, kept: str) -> bool:
    """Whether a text has the digest that was kept, in constant time."""
    return hmac.compare_digest(digest(text), kept)


def new_secret() -> str:
    """256 random bits in 43 characters: a cookie, the code of an invitation."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """100 random bits that can be typed: ``7k2m-9qxa-…``."""
    return "-".join(letters(_GROUP) for _ in range(_GROUPS))


def typed_code(text: str) -> str:
    """A code as `new_code` writes it, however it was typed."""
    plain = "".join(text.split()).replace("-", "").lower()
    return "-".join(plain[start : start + _GROUP] for start in range(0, len(plain), _GROUP))


def new_token() -> str:
    """An API token: ``hdr_``, eight characters that name it, and 256 random bits."""
    return f"hdr_{letters(8)}_{new_secret()}"


def token_id(text: str) -> str | None:
    """The part of an API token that names it and is shown; None where the text is no token."""
    found = _TOKEN.fullmatch(text)
    return found[1] if found else None


def holds_token(text: str) -> bool:
    """Whether there is an API token somewhere in a text."""
    return _TOKEN.search(text) is not None


def letters(count: int) -> str:
    """Random letters and digits, five bits each."""
    return "".join(secrets.choice(_LETTERS) for _ in range(count))
