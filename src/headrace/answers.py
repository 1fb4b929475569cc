"""What an HTTP answer means for a batch: the one table that all HTTP destinations share."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial

from headrace import exchange
from headrace.ports import HttpReply, Reply, Verdict

# No answer could be given now; the same request may well succeed later.
RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504, 522, 524})
DENIED = frozenset({401, 403})
ELSEWHERE = frozenset({404, 405, 410})  # there is no such door: the address is wrong, not a call
_DOTS = "•••".encode()
RETRY_AFTER_CAP = 300.0  # seconds, as the vendors' own SDKs do


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a ``Retry-After`` header (seconds or a date); None if absent or unreadable."""
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        seconds = (date - now).total_seconds()
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_CAP)


def discreet(reply: HttpReply, *secrets: str) -> HttpReply:
    """The answer with our secrets struck out, plain or escaped as in an address: its words go into messages.

    Give a secret in every form in which it was sent: of Basic credentials also `basic`'s. They are struck out of what
    was noted of the exchange, too.
    """
    pattern = _pattern(secrets)
    if pattern is None:
        return reply
    exchange.strike(reply, partial(_struck, pattern))
    return _struck(pattern, reply)


def _struck(pattern: re.Pattern[bytes], reply: HttpReply) -> HttpReply:
    headers = {name: pattern.sub(_DOTS, value.encode()).decode() for name, value in reply.headers.items()}
    return HttpReply(reply.status, headers, pattern.sub(_DOTS, reply.body))


def basic(user: str, password: str) -> str:
    """What Basic authentication sends for a user and a password."""
    return b64encode(f"{user}:{password}".encode()).decode()


@lru_cache(maxsize=64)
def _pattern(secrets: tuple[str, ...]) -> re.Pattern[bytes] | None:
    told = [secret for secret in secrets if secret]
    return re.compile(b"|".join(map(_spellings, told))) if told else None


def _spellings(secret: str) -> bytes:
    """A pattern for a text with each byte as it is or escaped as in an address, where a blank may be a plus."""
    plain = ((b"[ +]" if byte == ord(" ") else re.escape(bytes([byte])), byte) for byte in secret.encode())
    return b"".join(b"(?:%b|%%(?i:%02X))" % pair for pair in plain)


def judge(reply: HttpReply, now: datetime) -> Reply:
    """The verdict on a whole batch by status alone. A destination that knows more looks into the body first."""
    status, words = reply.status, reply.text()
    reason = f"HTTP {status}" + (f": {words}" if words else "")
    if 200 <= status < 300:
        return Reply()
    if status in RETRYABLE or status >= 500:
        after = retry_after(reply.headers.get("retry-after"), now)
        return Reply(Verdict.RETRY, after=after, code=f"http_{status}", reason=reason)
    if status in DENIED:
        return Reply(Verdict.DENIED, code=f"http_{status}", reason=reason)
    if status in ELSEWHERE:
        return Reply(Verdict.DENIED, code=f"http_{status}", reason=f"{reason}; is its url right?")
    if 300 <= status < 400:
        where = reply.headers.get("location", "elsewhere")[:200]
        reason = f"HTTP {status}: it redirects to {where}, and redirects are not followed; set url to that address"
        return Reply(Verdict.DENIED, code=f"http_{status}", reason=reason)
    return Reply(Verdict.REFUSED, code=f"http_{status}", reason=reason)
