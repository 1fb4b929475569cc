"""Replies of the entry: exactly 200, or an error in the one shape that all official clients understand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from starlette.types import Send

from headrace.model import Failure

_CORS = (b"access-control-allow-origin", b"*")
_JSON = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, send: Send) -> None:
        headers = [_JSON, (b"content-length", str(len(self.body)).encode()), _CORS, *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


OK = Reply(200, b"{}")
_HEADERS = b"Authorization, Content-Encoding, Content-Type, X-Retry-Count, X-Strict-Mode"
PREFLIGHT = Reply(
    200,
    b"{}",
    (
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", _HEADERS),
        (b"access-control-max-age", b"86400"),
    ),
)


def refusal(status: int, code: str, message: str, errors: Sequence[tuple[int | None, Failure]] = ()) -> Reply:
    """An error; each of ``errors`` with the index of its call in the batch, where it was one."""
    told = [
        {"reason": failure.code, "field": failure.column, "message": failure.message, "batch_index": index}
        for index, failure in errors
    ]
    body = {
        "code": code,
        "message": message,
        "meta": {"errors": [failure.message for _, failure in errors] or [message]},
        "errors": told or [{"reason": code, "field": None, "message": message, "batch_index": None}],
    }
    return Reply(status, orjson.dumps(body), ((b"retry-after", b"1"),) if status == 503 else ())
