"""Passwords: what a good one is, and their argon2id hashes."""

from __future__ import annotations

import asyncio
import re
import unicodedata

import argon2

from headrace.aio import in_thread
from headrace.errors import UsageError

SHORTEST = 12  # characters
LONGEST = 1_000
_AT_ONCE = 4  # hashes being made: each takes 19 MiB and a thread
_DIFFERENT = 5  # characters, at least
_COMMON = frozenset({
    "admin", "administrator", "changeme", "correcthorsebatterystaple", "default", "dragon", "football", "headrace",
    "iloveyou", "letmein", "login", "master", "monkey", "password", "passwords", "passwort", "princess", "qwerty",
    "qwertyuiop", "qwertzuiop", "secret", "sunshine", "superman", "test", "welcome",
})  # fmt: skip
_ROWS = ("0123456789" * 3, "9876543210" * 3, "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
_LETTERS = re.compile(r"[^\W\d_]+")


def judge(password: str, email: str) -> None:
    """Raises `UsageError` (``weak_password``), which says what is missing and never repeats the password."""
    plain = _normal(password).casefold()
    words = set(_LETTERS.findall(plain))
    if len(password) < SHORTEST:
        fault = f"it has fewer than {SHORTEST} characters"
    elif len(password) > LONGEST:
        fault = f"it has more than {LONGEST:,} characters"
    elif len(set(plain)) < _DIFFERENT:
        fault = "it repeats a few characters"
    elif email.casefold() in plain or plain in email.casefold():
        fault = "it is the e-mail address"
    elif any(plain in row for row in _ROWS) or (words and words <= _COMMON):
        fault = "it is among the first that anybody would try"
    else:
        return
    raise UsageError(
        f"This password is too easy to guess: {fault}. Choose {SHORTEST} characters or more, such as several words.",
        code="weak_password",
    )


class Passwords:
    """Makes and checks hashes, in threads and a few at a time. The parameters are those that OWASP recommends."""

    def __init__(self, *, time: int = 2, memory: int = 19_456, lanes: int = 1) -> None:
        """``memory`` in KiB."""
        self._hasher = argon2.PasswordHasher(time_cost=time, memory_cost=memory, parallelism=lanes)
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._decoy: str | None = None

    async def hashed(self, password: str) -> str:
        async with self._room:
            return await in_thread(self._hasher.hash, _bytes(password))

    async def fits(self, hashed: str | None, password: str) -> bool:
        """Whether it is the hash of the password; without a hash no, after the time that it would have taken."""
        if self._decoy is None:
            self._decoy = await self.hashed("of nobody")
        async with self._room:
            fitting = await in_thread(self._verify, hashed or self._decoy, password)
        return fitting and hashed is not None

    def outdated(self, hashed: str) -> bool:
        """Whether the hash was made with other parameters, and is to be made anew."""
        return self._hasher.check_needs_rehash(hashed)

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, _bytes(password))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


def _normal(password: str) -> str:
    """The same text however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    return _normal(password[: LONGEST + 1]).encode("utf-8", "surrogatepass")
