"""What a request brings: its body within bounds, unpacked, and the keys in its headers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import zlib
from collections.abc import Mapping

from starlette.types import Message, Receive

from headrace.calls.received_intake import Wrong

_DRAINED = 16 << 20  # bytes that are read from a client before it is answered that this is too much
_SLOWEST = 60.0  # seconds in which a body must have arrived


class Gone(Exception):
    """The client is not there any more."""


async def read_body(receive: Receive, most: int) -> tuple[bytes, int]:
    """The first ``most`` + 1 bytes of the body, and how many came. Raises `Gone`."""
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        body: bytes = message.get("body", b"")
        return body[: most + 1], len(body)
    try:
        async with asyncio.timeout(_SLOWEST):
            return await _pieces(message, receive, most)
    except TimeoutError:
        raise Gone from None


async def _pieces(message: Message, receive: Receive, most: int) -> tuple[bytes, int]:
    pieces, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise Gone
        piece = message.get("body", b"")
        pieces.append(piece[: max(0, most + 1 - size)])
        size += len(piece)
        if not message.get("more_body") or size > _DRAINED:
            return b"".join(pieces), size
        message = await receive()


def unpacked(body: bytes, size: int, encoding: bytes, most: int, what: str) -> bytes:
    """The body as JSON text. Raises `Wrong` for one of more than ``most`` bytes, packed or not."""
    if size > most:
        raise too_large(what, f"{size:,}", most)
    name = encoding.decode("latin-1").strip().lower()
    if name in ("", "identity"):
        return body
    if name not in ("gzip", "x-gzip"):
        raise Wrong("bad_encoding", f"The Content-Encoding {name[:40]!r} is not known. Send gzip, or no encoding.")
    inflating = zlib.decompressobj(31)
    try:
        text = inflating.decompress(body, most + 1)
    except zlib.error as error:
        raise Wrong("bad_encoding", f"The body is no gzip: {error}. Send what Content-Encoding says.") from None
    if len(text) > most:
        raise too_large(what, f"more than {most:,}", most)
    if not inflating.eof:
        raise Wrong("bad_encoding", "The body is cut-off gzip. Send it whole.")
    return text


def too_large(what: str, size: str, most: int) -> Wrong:
    """``what``: call or batch."""
    return Wrong(
        f"{what}_too_large", f"The {what} takes {size} bytes of JSON; at most {most:,} are taken. Send less at once."
    )


def header_keys(headers: Mapping[bytes, bytes]) -> list[str]:
    """The keys of the Authorization header: the user name of Basic, or the token of Bearer."""
    scheme, _, rest = headers.get(b"authorization", b"").partition(b" ")
    rest = rest.strip()
    match scheme.lower():
        case b"bearer":
            return [rest.decode("utf-8", "replace")]
        case b"basic":
            try:
                return [base64.b64decode(rest, validate=True).decode().partition(":")[0]]
            except (binascii.Error, UnicodeDecodeError):
                return []
    return []
