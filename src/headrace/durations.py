"""Durations as people write them: ``5 minutes``, ``12h``, ``1 hour 30 minutes``, ``300`` (seconds)."""

from __future__ import annotations

import re

LONGEST = 3660 * 24 * 3600  # seconds: ten years; whoever writes more has mistaken the unit

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_SHORT = {"s": "second", "sec": "second", "m": "minute", "min": "minute", "h": "hour", "d": "day", "w": "week"}
_UNITS = {word: _SECONDS[unit] for unit in _SECONDS for word in (unit, f"{unit}s")}
_UNITS |= {short: _SECONDS[unit] for short, unit in _SHORT.items()}
_TERM = re.compile(r"([0-9]{1,12})\s*([a-z]+)(?:\s*,?\s*(?:and\s+)?|$)", re.ASCII)


def parse(text: str) -> int:
    """Seconds. Raises `ValueError` whose message says how durations are written."""
    words = text.strip().lower()
    if re.fullmatch(r"[0-9]{1,12}", words, re.ASCII):
        return _checked(int(words))
    total, at = 0, 0
    while term := _TERM.match(words, at):
        number, unit = term.groups()
        if unit not in _UNITS:
            raise ValueError(f"The unit {unit!r} is not known. Use seconds, minutes, hours, days or weeks.")
        total, at = total + int(number) * _UNITS[unit], term.end()
    if not words or at != len(words):
        raise ValueError("This is not a duration. Write one like 5 minutes, 12 hours, 90s or 300 (seconds).")
    return _checked(total)


def describe(seconds: int) -> str:
    """The same duration in words that `parse` reads: ``90 minutes``, ``1 day``, ``0 seconds``."""
    unit, size = "second", 1
    for name, length in _SECONDS.items():
        if name != "week" and seconds and seconds % length == 0:
            unit, size = name, length
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _checked(seconds: int) -> int:
    if seconds > LONGEST:
        raise ValueError("This is longer than ten years. Write a shorter duration, like 12 hours.")
    return seconds
