"""The HTTP client where no answer comes: each cause has its sentence, with host and port, and without secrets."""

from __future__ import annotations

import socket
import ssl
import traceback

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from headrace.errors import Unreachable
from headrace.net.http import AiohttpClient
from headrace.testing.http_server import Answer, Fault, RecordingServer, half_answer, unused_url

HEADERS = {"X-Key": "hush"}


async def sentence(client: AiohttpClient, url: str, timeout: float = 5.0) -> str:
    """What `Unreachable` says of a POST, with a secret wherever an address can hold one."""
    with pytest.raises(Unreachable) as caught:
        await client.request("POST", url, body=(b"[]",), headers=HEADERS, timeout=timeout)
    message = caught.value.message
    assert caught.value.code == "unreachable"
    assert HEADERS["X-Key"] not in "".join(traceback.format_exception(caught.value))
    assert message.endswith(".")
    assert message.isprintable()
    return message


class NoNames(AbstractResolver):
    """A name server that knows nobody."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} not known")

    async def close(self) -> None:
        """Nothing is open."""


async def test_refused(client: AiohttpClient) -> None:
    """A closed port."""
    url = unused_url()
    assert await sentence(client, f"{url}/hush?key=hush") == (
        f"{url.removeprefix('http://')} refused the connection: nobody listens there. "
        "Check host and port, and that the system is running."
    )


async def test_unknown_name() -> None:
    """A host that has no address."""
    client = AiohttpClient(resolver=NoNames())
    message = await sentence(client, "https://api.nowhere.example/hush")
    assert message.startswith("api.nowhere.example:443 has no address: its name was not found.")
    await client.close()


@pytest.mark.parametrize("fault", [Fault.BLACK_HOLE, Fault.TRICKLE])
async def test_timeout(fault: Fault, server: RecordingServer, client: AiohttpClient) -> None:
    """Silence, or an answer that never ends: the time given is for the whole exchange."""
    server.always(Answer(fault=fault))
    message = await sentence(client, f"{server.url}/hush", timeout=0.25)
    assert message.startswith(f"127.0.0.1:{server.port} did not answer within 0.25 s.")


@pytest.mark.parametrize(
    "answer",
    [Answer(fault=Fault.RESET_BEFORE), Answer(fault=Fault.RESET_AFTER), half_answer(), Answer(raw=b"HTTP/1.1 200 O")],
    ids=["reset before", "reset after", "half answer", "half a line"],
)
async def test_cut(answer: Answer, server: RecordingServer, client: AiohttpClient) -> None:
    """A connection that is cut at any moment leaves it open whether the request was received."""
    server.always(answer)
    message = await sentence(client, f"{server.url}/?key=hush")
    assert message.startswith(f"127.0.0.1:{server.port} cut the connection before its answer was complete")


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-More: and more\r\n" * 20_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip",
    ],
    ids=["another protocol", "endless headers", "endless header", "bad chunks", "bad gzip"],
)
async def test_nonsense(raw: bytes, server: RecordingServer, client: AiohttpClient) -> None:
    """What cannot be read as an answer is none."""
    server.always(Answer(raw=raw))
    assert (await sentence(client, f"{server.url}/?key=hush")).startswith(f"127.0.0.1:{server.port} ")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hush",
        "/hush",
        "http://",
        "http:///hush",
        "ftp://hush@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://[::1/hush",
    ],
)
async def test_no_address(url: str, client: AiohttpClient) -> None:
    """What is no address of HTTP says so."""
    assert "is not a valid http:// or https:// address. Check url." in await sentence(client, url)


async def test_user_in_the_address(client: AiohttpClient) -> None:
    """User and password in an address are not repeated."""
    url = unused_url().replace("://", "://user:hush@")
    assert "user" not in await sentence(client, url)


async def test_tls() -> None:
    """HTTPS works where the context trusts the signer."""
    with RecordingServer(tls=True) as server:
        client = AiohttpClient(tls=server.client_tls())
        assert (await client.request("POST", server.url, body=(b"[]",))).status == 200
        await client.close()


async def test_untrusted_certificate(client: AiohttpClient) -> None:
    """A certificate of an unknown signer is refused, and the sentence says why."""
    with RecordingServer(tls=True) as server:
        message = await sentence(client, f"{server.url}/hush")
        assert message.startswith(f"127.0.0.1:{server.port} shows a certificate that is not trusted (")
        assert "unable to get local issuer certificate" in message
        assert server.requests == []


async def test_certificate_of_another_host() -> None:
    """A certificate for another name is refused."""
    with RecordingServer(tls=True) as server:
        client = AiohttpClient(tls=server.client_tls(), resolver=Loopback())
        message = await sentence(client, f"https://elsewhere.example:{server.port}/")
        assert message.startswith(f"elsewhere.example:{server.port} shows a certificate that is not trusted (")
        await client.close()


async def test_no_tls_at_this_port(server: RecordingServer) -> None:
    """https:// at a port that speaks plain HTTP."""
    client = AiohttpClient(tls=ssl.create_default_context())
    message = await sentence(client, server.url.replace("http://", "https://"))
    assert message.startswith(f"127.0.0.1:{server.port} does not complete the TLS handshake (")
    await client.close()


class Loopback(AbstractResolver):
    """A name server for which every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        here: ResolveResult = {
            "hostname": host,
            "host": "127.0.0.1",
            "port": port,
            "family": socket.AF_INET,
            "proto": 0,
            "flags": 0,
        }
        return [here]

    async def close(self) -> None:
        """Nothing is open."""
