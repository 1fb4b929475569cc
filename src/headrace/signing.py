"""How a request is signed that Headrace sends to an endpoint of the user's own."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from headrace.model import Secret


def signed(secret: Secret, now: datetime, body: Sequence[bytes | memoryview]) -> dict[str, str]:
    """The headers that prove who sent ``body``, and when: HMAC-SHA-256 of ``{timestamp}.{body}``, in hex."""
    stamp = str(int(now.timestamp()))
    mac = hmac.new(secret.reveal().encode(), f"{stamp}.".encode(), hashlib.sha256)
    for buffer in body:
        mac.update(buffer)
    return {"X-Headrace-Timestamp": stamp, "X-Headrace-Signature": f"v1={mac.hexdigest()}"}
