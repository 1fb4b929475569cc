"""An HTTP client that sends nothing: it takes down each request, so that it can be looked at before it ever goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.exchange import hidden, shown
from headrace.model import Secret
from headrace.net.http import PLAIN_HEADERS
from headrace.ports import HttpReply

_DOTS = "•••"


@dataclass(frozen=True, slots=True)
class Request:
    """A request that would have gone. Nothing in it is secret but what may stand in ``body``.

    Of a compressed request ``body`` is the text before. ``secrets`` are what was left out of the address, which the
    body may repeat.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: str
    secrets: tuple[str, ...]


class RehearsalHttp:
    """`headrace.ports.Http` that answers 200 to all, and keeps what was asked in ``requests``."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: Sequence[bytes | memoryview] = (),
        headers: Mapping[str, str] | None = None,
        auth: tuple[Secret, Secret] | None = None,
        gzip: bool = False,
        timeout: float = 60.0,
    ) -> HttpReply:
        sent = {name: value if name.lower() in PLAIN_HEADERS else _DOTS for name, value in (headers or {}).items()}
        if auth is not None:
            sent["Authorization"] = f"Basic {_DOTS}"
        if gzip:
            sent["Content-Encoding"] = "gzip"
        text = b"".join(body).decode("utf-8", "replace")
        self.requests.append(Request(method, shown(url), sent, text, tuple(hidden(url))))
        return HttpReply(200, {"content-type": "application/json"}, b'{"code": 200, "status": 1}')
