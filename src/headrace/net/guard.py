"""The guarded HTTP client, for addresses that were given in the page or by the API: it reaches nothing inside.

A name is looked up once, every answer is judged, and a judged address is dialled. Redirects are not followed, and
proxies of the environment are not used, so that nobody else looks a name up for us.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from headrace.egress import Address, Egress, literal
from headrace.errors import DestinationDenied
from headrace.model import Secret
from headrace.net.http import AiohttpClient
from headrace.ports import HttpReply

REFUSED = "egress_refused"


class GuardedHttp:
    """`headrace.ports.Http` that raises `DestinationDenied` (``egress_refused``) for what may not be called.

    ``allow`` gives the networks that are allowed now, as `headrace.service.Service.egress_allow` has them. When they
    change, connections are made anew. ``tls`` and ``resolver`` are those of `headrace.net.http.AiohttpClient`.
    """

    def __init__(
        self,
        allow: Callable[[], Sequence[str]],
        *,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._allow, self._tls, self._resolver = allow, tls, resolver
        self._line: _Line | None = None

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
        """One request, as the port says; what may not be called is refused before anything leaves."""
        line = await self._now()
        plain = _require_sound(url, line.egress)
        line.users += 1
        try:
            client = line.plain if plain else line.tls
            return await client.request(method, url, body=body, headers=headers, auth=auth, gzip=gzip, timeout=timeout)
        finally:
            line.users -= 1
            if line is not self._line and not line.users:
                await line.close()

    async def close(self) -> None:
        """Close all connections."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def _now(self) -> _Line:
        """The clients for what is allowed now; connections that were made under other rules are used no more."""
        try:
            egress, old = Egress.of(self._allow()), self._line
        except ValueError as error:
            raise _refused(f"The setting service.egress_allow cannot be read: {error}") from None
        if old is not None and old.egress == egress:
            return old
        line = self._line = _Line(egress, self._tls, self._resolver)
        if old is not None and not old.users:
            await old.close()
        return line


class _Line:
    """Two clients that share their rules: one for https, and a stricter one for http."""

    def __init__(self, egress: Egress, tls: ssl.SSLContext | None, resolver: AbstractResolver | None) -> None:
        self.egress, self.users = egress, 0
        self.tls = _JudgedClient(_Judge(egress, plain=False), tls, resolver)
        self.plain = _JudgedClient(_Judge(egress, plain=True), tls, resolver)

    async def close(self) -> None:
        await self.tls.close()
        await self.plain.close()


class _Judge:
    """Judges addresses; without TLS only those in allowed networks pass."""

    def __init__(self, egress: Egress, *, plain: bool) -> None:
        self._egress, self._plain = egress, plain

    def require(self, place: str, addresses: Sequence[Address]) -> None:
        """Raise `DestinationDenied` where one of them may not be called."""
        for address in addresses:
            reason = self._egress.judge(address)
            if reason is not None:
                raise _refused(
                    f"{place} leads to {address}, {reason}, and may not be called from here. If it is meant, an owner "
                    f"allows it in the settings: service.egress_allow: [{address}]"
                )
        for address in addresses:
            if self._plain and not self._egress.allows(address):
                raise _refused(
                    f"{place} is to be called without TLS, which is for allowed networks only. Write https://, or an "
                    f"owner allows it in the settings: service.egress_allow: [{address}]"
                )


class _JudgedClient(AiohttpClient):
    """A client all of whose connections are judged: by name when it is looked up, by address when it is dialled."""

    def __init__(self, judge: _Judge, tls: ssl.SSLContext | None, resolver: AbstractResolver | None) -> None:
        super().__init__(tls=tls, resolver=_JudgingResolver(judge, resolver))
        self._judge = judge

    def _opened(self) -> aiohttp.ClientSession:
        new, session = self._session is None, super()._opened()
        if new:  # what is dialled is judged once more, whatever way it took through the library to get there
            session.connector._socket_factory = self._socket  # type: ignore[union-attr]  # noqa: SLF001
        return session

    def _socket(self, found: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, (host, port, *_rest) = found
        try:
            self._judge.require(f"{host}:{port}", [_address(host)])
        except DestinationDenied as error:
            raise OSError(errno.EACCES, error.message) from None
        return socket.socket(family, kind, protocol)


class _JudgingResolver(AbstractResolver):
    """Asks another resolver, and passes its answer on when every address in it is allowed."""

    def __init__(self, judge: _Judge, inner: AbstractResolver | None) -> None:
        self._judge, self._inner = judge, inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if self._inner is None:
            self._inner = aiohttp.ThreadedResolver()
        answers = await self._inner.resolve(host, port, family)
        self._judge.require(f"{host}:{port}", [_address(answer["host"]) for answer in answers])
        return answers

    async def close(self) -> None:
        """The inner one is whoever's gave it."""


def _require_sound(url: str, egress: Egress) -> bool:
    """Whether the URL is without TLS. Raises `DestinationDenied` for an odd one, and for a refused literal address.

    Judged is what `yarl` makes of it, as the client itself does; what it may understand otherwise than others do is
    refused.
    """
    try:
        parsed = URL(url)
        host, port, authority = parsed.raw_host, parsed.port, urlsplit(url).netloc
    except ValueError:
        raise _refused("The address cannot be read. Write one like https://hooks.example.com/path.") from None
    if parsed.scheme not in ("http", "https") or not host or not port:
        raise _refused("The address is no URL of http or https. Write one like https://hooks.example.com/path.")
    if not url.isprintable() or " " in url or "\\" in url:
        raise _refused("The address has a blank, a control character or a backslash in it. Take it out.")
    if "@" in authority:
        raise _refused("The address names a user before its host. Take it out, and use the settings for credentials.")
    try:
        address = literal(host)
    except ValueError as error:
        raise _refused(f"The host of the address cannot be called: {error}. Write its name, or its address.") from None
    plain = parsed.scheme == "http"
    if address is not None:
        _Judge(egress, plain=plain).require(f"{host}:{port}", [address])
    return plain


def _address(host: str) -> Address:
    """A resolver's answer, or what is about to be dialled. Raises `DestinationDenied` for anything but an address."""
    try:
        address = literal(host)
    except ValueError:
        address = None
    if address is None:
        raise _refused(f"The host leads to {host!r}, which is no address of the internet. Check its name.")
    return address


def _refused(message: str) -> DestinationDenied:
    return DestinationDenied(message, code=REFUSED)
