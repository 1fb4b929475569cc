"""The HTTP client: what goes out, what comes back, and what it never does."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from base64 import b64encode
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import Unreachable
from headrace.model import Secret
from headrace.net import http
from headrace.net.http import ANSWER_CAP, GZIP_IN_THREAD, AiohttpClient
from headrace.testing.http_server import Answer, Fault, RecordingServer, gzip_bomb, redirect, unused_url


async def test_buffers_arrive_as_one_body(server: RecordingServer, client: AiohttpClient) -> None:
    """A body of several buffers arrives joined, with its length said in advance."""
    column = memoryview(b"..one,two,...")
    reply = await client.request("POST", server.url + "/a?b=c%20d", body=(b"[", column[2:9], b"", b"]"))
    assert reply.status == 200
    assert (server.last.method, server.last.path, server.last.query) == ("POST", "/a", {"b": "c d"})
    assert server.last.raw == b"[one,two]"
    assert server.last.headers["content-length"] == "9"
    assert "transfer-encoding" not in server.last.headers
    assert server.last.headers["user-agent"].startswith("headrace/")


async def test_wide_memoryviews_are_counted_in_bytes(server: RecordingServer, client: AiohttpClient) -> None:
    """A buffer of wider items is sent byte by byte, and so counted."""
    wide = memoryview(bytes(range(16))).cast("I")
    await client.request("POST", server.url, body=(wide,))
    assert server.last.raw == bytes(range(16))


async def test_no_body(server: RecordingServer, client: AiohttpClient) -> None:
    """Without a body none is announced."""
    await client.request("GET", server.url)
    assert server.last.raw == b""
    assert not {"content-length", "content-type", "transfer-encoding"} & set(server.last.headers)


@pytest.mark.parametrize("size", [0, 1, GZIP_IN_THREAD, GZIP_IN_THREAD + 1, 3_000_000])
async def test_gzip(size: int, server: RecordingServer, client: AiohttpClient) -> None:
    """A compressed body unpacks to what was given, whatever its size, and is smaller where it can be."""
    body = [b'{"userId":"u1"}' * (size // 15), b"." * (size % 15)]
    await client.request("POST", server.url, body=body, gzip=True)
    assert server.last.headers["content-encoding"] == "gzip"
    assert server.last.headers["content-length"] == str(len(server.last.raw))
    assert server.last.body == b"".join(body)
    assert size < 100 or len(server.last.raw) < size / 5


@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(1, 400))
@settings(max_examples=50, deadline=None)
def test_gzip_keeps_every_byte(pieces: list[bytes], times: int) -> None:
    """Compressing any buffers gives one gzip stream of their bytes in order, by another library's judgement."""
    import gzip

    body = [piece * times for piece in pieces]
    assert gzip.decompress(b"".join(http._gzip(body))) == b"".join(body)


@pytest.mark.parametrize(("size", "elsewhere"), [(GZIP_IN_THREAD, False), (GZIP_IN_THREAD + 1, True)])
async def test_large_bodies_are_compressed_off_the_loop(
    size: int, elsewhere: bool, server: RecordingServer, client: AiohttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above 16 KB the loop is free for others while the body is compressed."""
    threads: list[int] = []
    real = http._gzip

    def spy(body: Sequence[bytes | memoryview]) -> list[bytes]:
        threads.append(threading.get_ident())
        return real(body)

    monkeypatch.setattr(http, "_gzip", spy)
    await client.request("POST", server.url, body=[b"x" * size], gzip=True)
    assert (threads != [threading.get_ident()]) is elsewhere


async def test_basic_auth(server: RecordingServer, client: AiohttpClient) -> None:
    """User and password go as Basic, in UTF-8."""
    await client.request("POST", server.url, auth=(Secret("zoë"), Secret("p:ß")))
    assert server.last.headers["authorization"] == "Basic " + b64encode("zoë:p:ß".encode()).decode()


async def test_the_answer(server: RecordingServer, client: AiohttpClient) -> None:
    """Status, headers by lower-case names, and the body, unpacked."""
    server.answer(Answer(418, body={"a": 1}, headers={"X-RateLimit-Reset": "7", "X-Odd": "a\u2028b"}))
    reply = await client.request("POST", server.url)
    assert (reply.status, reply.body) == (418, b'{"a":1}')
    assert reply.headers["x-ratelimit-reset"] == "7"
    assert reply.headers["x-odd"].isprintable()


async def test_a_compressed_answer_is_unpacked(server: RecordingServer, client: AiohttpClient) -> None:
    """gzip in an answer is taken off."""
    server.answer(gzip_bomb(1 << 20))
    reply = await client.request("GET", server.url)
    assert reply.body == bytes(1 << 20)


async def test_connections_are_kept_alive(server: RecordingServer, client: AiohttpClient) -> None:
    """Requests one after another share a connection; at the same time each has its own; then these are used again."""
    for _ in range(5):
        await client.request("POST", server.url, body=(b"x" * 1000,), gzip=True)
    assert len({request.connection for request in server.requests}) == 1

    async def at_once(count: int) -> set[int]:
        server.clear()
        with server.holding():
            requests = asyncio.gather(*(client.request("POST", server.url) for _ in range(count)))
            recorded = await asyncio.to_thread(server.wait_for, count)
        await requests
        return {request.connection for request in recorded}

    first = await at_once(20)
    assert len(first) == 20
    assert await at_once(20) == first


async def test_redirects_are_answers(server: RecordingServer, client: AiohttpClient) -> None:
    """A redirect is handed back, not followed: credentials stay where they were meant to go."""
    server.answer(redirect("/elsewhere", 308))
    reply = await client.request("POST", server.url, auth=(Secret("u"), Secret("p")))
    assert (reply.status, reply.headers["location"]) == (308, "/elsewhere")
    assert len(server.requests) == 1


async def test_cookies_are_forgotten(server: RecordingServer, client: AiohttpClient) -> None:
    """One request's cookies never reach the next."""
    server.answer(Answer(headers={"set-cookie": "session=1; path=/"}))
    await client.request("GET", server.url)
    await client.request("GET", server.url)
    assert "cookie" not in server.last.headers


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_nothing_is_sent_twice(method: str, server: RecordingServer, client: AiohttpClient) -> None:
    """A request whose kept connection is cut is not repeated by the client, whatever its method."""
    await client.request(method, server.url, body=(b"first",))
    server.answer(Answer(fault=Fault.RESET_AFTER))
    with pytest.raises(Unreachable, match="may or may not have been received"):
        await client.request(method, server.url, body=(b"second",))
    assert [request.raw for request in server.requests] == [b"first", b"second"]
    assert len({request.connection for request in server.requests}) == 1


async def test_a_failure_leaves_the_client_whole(server: RecordingServer, client: AiohttpClient) -> None:
    """After each kind of failure the next request succeeds."""
    for fault in Fault:
        server.answer(Answer(fault=fault))
        with pytest.raises(Unreachable):
            await client.request("POST", server.url, timeout=0.2)
        assert (await client.request("POST", server.url)).status == 200


@pytest.mark.parametrize(
    ("make", "kept"),
    [
        (lambda: Answer(body=b"x" * (ANSWER_CAP - 1)), ANSWER_CAP - 1),
        (lambda: Answer(body=b"x" * ANSWER_CAP), ANSWER_CAP),
        (lambda: Answer(body=b"x" * (ANSWER_CAP + 1)), ANSWER_CAP),
        (lambda: Answer(body=b"x" * (20 << 20)), ANSWER_CAP),
        (gzip_bomb, ANSWER_CAP),
    ],
    ids=["just below", "exactly", "just above", "20 MiB", "gzip bomb"],
)
async def test_large_answers_are_cut(
    make: Callable[[], Answer], kept: int, server: RecordingServer, client: AiohttpClient
) -> None:
    """At most 1 MiB of an answer is kept, also of one that unpacks to far more; the client goes on."""
    server.answer(make())
    assert len((await client.request("POST", server.url)).body) == kept
    assert (await client.request("POST", server.url)).body == b"{}"


async def test_a_gzip_bomb_takes_no_memory(server: RecordingServer, client: AiohttpClient) -> None:
    """Unpacking stops where the answer is cut: 256 MiB cost a few megabytes."""
    server.answer(gzip_bomb())
    tracemalloc.start()
    try:
        await client.request("POST", server.url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


async def test_cancelling_is_not_a_failure(server: RecordingServer, client: AiohttpClient) -> None:
    """A cancelled request is cancelled; it does not pretend that the network failed."""
    server.answer(Answer(fault=Fault.BLACK_HOLE))
    task = asyncio.create_task(client.request("POST", server.url))
    await asyncio.to_thread(server.wait_for, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await client.request("POST", server.url)).status == 200


async def test_proxies_of_the_environment_are_asked_for(
    server: RecordingServer, client: AiohttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY means nothing unless trust_env is set."""
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    target = unused_url()
    with pytest.raises(Unreachable):
        await client.request("POST", target)
    trusting = AiohttpClient(trust_env=True)
    assert (await trusting.request("POST", target)).status == 200
    await trusting.close()


async def test_close(server: RecordingServer) -> None:
    """close ends all connections, and does no harm when there are none."""
    client = AiohttpClient()
    await client.close()
    await client.request("POST", server.url)
    await client.close()
    await client.close()
