"""The HTTP client: `headrace.ports.Http` over aiohttp. No redirects, no cookies, no retries, bounded answers."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter
from isal import isal_zlib

from headrace import __version__, answers
from headrace.aio import in_thread
from headrace.errors import Unreachable
from headrace.exchange import Exchange, hidden, note, noting, shown
from headrace.model import Secret
from headrace.ports import HttpReply

ANSWER_CAP = 1 << 20  # bytes of an answer that are kept, after decompression
GZIP_LEVEL = 1  # of isal: three times smaller at memory speed; higher levels gain little
GZIP_IN_THREAD = 16 * 1024  # bytes from which on compressing would hold the loop up
PLAIN_HEADERS = frozenset({"accept", "content-encoding", "content-type", "idempotency-key", "user-agent"})
_SHORTEST_SECRET = 4  # characters; a shorter text stands everywhere
KEEP_ALIVE = 30.0  # seconds that an idle connection stays open

Buffers = Sequence[bytes | memoryview]


class AiohttpClient:
    """One session for all destinations: connections are kept alive and never limited here, for the engine does that.

    ``tls`` is the context for HTTPS (default: the system's authorities), ``resolver`` finds addresses (default: the
    system's), ``trust_env`` takes proxies from the environment. Belongs to the loop of its first request.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        trust_env: bool = False,
    ) -> None:
        self._tls = tls
        self._resolver = resolver
        self._trust_env = trust_env
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: Buffers = (),
        headers: Mapping[str, str] | None = None,
        auth: tuple[Secret, Secret] | None = None,
        gzip: bool = False,
        timeout: float = 60.0,
    ) -> HttpReply:
        """One exchange. Raises `Unreachable` with a sentence that names host, port and cause, and nothing secret."""
        sent = {} if headers is None else dict(headers)
        if auth is not None:
            sent["Authorization"] = _basic(*auth)
        if gzip:
            body = await _gzipped(body)
            sent["Content-Encoding"] = "gzip"
        try:
            async with self._opened().request(
                method,
                url,
                data=_Body(body) if body else None,
                headers=sent,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                content = await _capped(response)
                named = {name.lower(): _printable(value) for name, value in response.headers.items()}
                reply = HttpReply(response.status, named, content)
        except (aiohttp.ClientError, OSError) as error:
            problem = f"{_place(url)} {_cause(error, timeout)}"
            if noting():
                note(Exchange(method, shown(url), _now(), problem=problem))
            # Without its origin: aiohttp's errors print the whole address, and that may hold secrets.
            raise Unreachable(problem) from None
        if noting():
            note(Exchange(method, shown(url), _now(), reply))
            answers.discreet(reply, *_secrets(url, sent, auth))  # in the note; who asked gets the answer as it is
        return reply

    async def download(self, url: str, file: IO[Any], headers: Mapping[str, str], timeout: float = 3600.0) -> HttpReply:
        """GET a large answer into a file, where its status is 200. Raises `Unreachable`."""
        limit = aiohttp.ClientTimeout(total=timeout)
        try:
            async with self._opened().get(url, headers=headers, allow_redirects=False, timeout=limit) as response:
                if response.status != 200:
                    return HttpReply(response.status, {}, await _capped(response))
                async for piece in response.content.iter_any():
                    file.write(piece)
                return HttpReply(response.status, {}, b"")
        except aiohttp.ClientError as error:
            raise Unreachable(f"{_place(url)} {_cause(error, timeout)}") from None

    async def close(self) -> None:
        """Close all connections. Harmless when nothing was requested."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=KEEP_ALIVE,
                ssl=self._tls or True,
                resolver=self._resolver or aiohttp.ThreadedResolver(),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"headrace/{__version__}"},
                trust_env=self._trust_env,
            )
            # By itself aiohttp sends PUT and its like again when a kept connection is cut; the engine decides that.
            self._session._retry_connection = False  # noqa: SLF001  there is no public switch
        return self._session


class _Body(aiohttp.Payload):
    """A request body of several buffers, written one after the other and never joined."""

    _autoclose = True  # nothing to close: buffers in memory

    def __init__(self, buffers: Buffers) -> None:
        super().__init__(buffers)
        self._buffers = buffers
        self._size = sum(memoryview(buffer).nbytes for buffer in buffers)

    async def write(self, writer: AbstractStreamWriter) -> None:
        for buffer in self._buffers:
            await writer.write(buffer)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._buffers).decode(encoding, errors)


async def _gzipped(body: Buffers) -> list[bytes]:
    if sum(memoryview(buffer).nbytes for buffer in body) > GZIP_IN_THREAD:
        return await in_thread(_gzip, body)
    return _gzip(body)


def _gzip(body: Buffers) -> list[bytes]:
    packer = isal_zlib.compressobj(GZIP_LEVEL, wbits=31)
    return [*filter(None, map(packer.compress, body)), packer.flush()]


def _basic(user: Secret, password: Secret) -> str:
    return f"Basic {b64encode(f'{user.reveal()}:{password.reveal()}'.encode()).decode()}"


def _secrets(url: str, headers: Mapping[str, str], auth: tuple[Secret, Secret] | None) -> list[str]:
    """What of a request an answer may not repeat to people: credentials, and all that could be some."""
    found = hidden(url)
    for name, value in headers.items():
        if name.lower() not in PLAIN_HEADERS:
            found += [value, value.partition(" ")[2]]  # the token of "Bearer token", too
    if auth is not None:
        found += [part.reveal() for part in auth]
    return sorted({text for text in found if len(text) >= _SHORTEST_SECRET}, key=len, reverse=True)


def _now() -> datetime:
    return datetime.now(UTC)


async def _capped(response: aiohttp.ClientResponse) -> bytes:
    """The body up to `ANSWER_CAP`; a longer one is left unread and its connection closed."""
    kept = bytearray()
    async for chunk in response.content.iter_any():
        kept += chunk
        if len(kept) > ANSWER_CAP:
            response.close()
            break
    return bytes(kept[:ANSWER_CAP])


def _printable(value: str) -> str:
    """A header's value without what could disturb a terminal or cannot be encoded."""
    return "".join(character if character.isprintable() else "�" for character in value)


def _place(url: str) -> str:
    """Host and port only: an address may hold secrets in its path, its query and its user."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "The address"
    return f"{parts.hostname}:{port}" if parts.hostname else "The address"


def _cause(error: Exception, timeout: float) -> str:
    """What went wrong and what to do, as the rest of a sentence that begins with host and port."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "has no address: its name was not found. Check the spelling of the host and the DNS of this machine."
        case aiohttp.ClientConnectorCertificateError():
            words = _tls_words(error.certificate_error)
            return f"shows a certificate that is not trusted ({words}). Check the host, or trust who signed it."
        case aiohttp.ClientSSLError():
            words = _tls_words(error.os_error)
            return f"does not complete the TLS handshake ({words}). Check that this port speaks HTTPS."
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return "refused the connection: nobody listens there. Check host and port, and that the system is running."
        case aiohttp.ClientConnectorError():
            return f"cannot be reached ({error.strerror or 'no route'}). Check host, port and network."
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return "is not a valid http:// or https:// address. Check url."
        case TimeoutError():
            return f"did not answer within {timeout:g} s. Check that the system is up, or allow a longer timeout."
        case aiohttp.ClientHttpProxyError():
            return f"cannot be reached: the proxy answered with status {error.status}. Check the proxy."
        case aiohttp.ClientResponseError():
            return "answered with something that is not HTTP. Check host and port."
        case _:
            return "cut the connection before its answer was complete: the request may or may not have been received."


def _tls_words(error: BaseException | None) -> str:
    """OpenSSL's own reason, without its file and line."""
    words = getattr(error, "verify_message", None) or getattr(error, "reason", None) or "no reason given"
    return str(words).replace("_", " ").lower()
