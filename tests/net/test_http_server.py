"""The recording server that all HTTP tests stand on: it records what came, and does what it was told."""

from __future__ import annotations

import gzip
import http.client
import json
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from headrace.testing.http_server import Answer, Fault, RecordingServer, half_answer, redirect, unused_url

Headers = dict[str, str]


def ask(
    server: RecordingServer, body: bytes = b"", path: str = "/", headers: Headers | None = None
) -> tuple[int, bytes]:
    """One POST by a client of another make."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("POST", path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_it_records_requests(server: RecordingServer) -> None:
    """Method, path, query, headers, body and order are all there."""
    assert ask(server, b'{"a":1}', "/v1/x%2Fy?q=1%202", {"X-Key": "value"}) == (200, b"{}")
    ask(server)
    first, second = server.requests
    assert (first.order, second.order) == (0, 1)
    assert (first.method, first.target, first.query) == ("POST", "/v1/x%2Fy?q=1%202", {"q": "1 2"})
    assert first.headers["x-key"] == "value"
    assert (first.raw, first.body, first.json) == (b'{"a":1}', b'{"a":1}', {"a": 1})
    assert server.last == second


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_it_unpacks_bodies(encoding: str, pack: type, server: RecordingServer) -> None:
    """A compressed body is kept as it came and given as it was meant."""
    ask(server, pack(b"[1]"), headers={"Content-Encoding": encoding})
    assert server.last.raw == pack(b"[1]")
    assert server.last.json == [1]


def test_large_bodies_are_whole(server: RecordingServer) -> None:
    """There is no limit on what a request may bring."""
    ask(server, b"x" * 5_000_000)
    assert len(server.last.raw) == 5_000_000


def test_answers_in_order(server: RecordingServer) -> None:
    """Queued answers are given once each; those of a path go first; then comes the standing one."""
    server.answer(Answer(500), Answer(503, body="later"))
    server.answer(Answer(418), path="/tea")
    server.always(Answer(204, body=""))
    server.always(lambda request: Answer(body=[len(request.raw)]), path="/count")
    assert ask(server, path="/tea")[0] == 418
    assert ask(server, path="/tea") == (500, b"{}")
    assert ask(server) == (503, b"later")
    assert ask(server)[0] == 204
    assert ask(server, b"four", "/count") == (200, b"[4]")


def test_clear_forgets(server: RecordingServer) -> None:
    """After clear neither requests nor queued answers are left."""
    server.answer(Answer(500), Answer(500))
    ask(server)
    server.clear()
    assert server.requests == []
    assert ask(server)[0] == 200


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE, Fault.RESET_AFTER])
def test_resets(fault: Fault, server: RecordingServer) -> None:
    """A reset cuts the connection; only the later one has seen the request."""
    server.answer(Answer(fault=fault))
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        ask(server, b"body")
    assert [request.raw for request in server.requests] == ([b"body"] if fault is Fault.RESET_AFTER else [])


def test_half_an_answer(server: RecordingServer) -> None:
    """The answer breaks off in its body."""
    server.answer(half_answer())
    with pytest.raises(http.client.IncompleteRead):
        ask(server)


def test_redirect(server: RecordingServer) -> None:
    """A redirect is an answer like others."""
    server.answer(redirect("/elsewhere", 302))
    assert ask(server)[0] == 302


def test_black_holes_end_with_the_server() -> None:
    """A request that is never answered does not keep the server from stopping."""
    with ThreadPoolExecutor() as pool, RecordingServer() as server:
        server.always(Answer(fault=Fault.BLACK_HOLE))
        client = pool.submit(ask, server)
        server.wait_for(1)
        server.stop()
        assert isinstance(client.exception(timeout=5), OSError)


def test_holding(server: RecordingServer) -> None:
    """Inside holding() requests are seen and unanswered; at its end they are answered."""
    with ThreadPoolExecutor() as pool:
        with server.holding():
            client = pool.submit(ask, server)
            server.wait_for(1)
            assert not client.done()
        assert client.result(timeout=5) == (200, b"{}")


def test_wait_for_says_what_is_missing(server: RecordingServer) -> None:
    """Waiting has an end, and counts one path if told so."""
    ask(server, path="/a")
    assert [request.path for request in server.wait_for(1, path="/a")] == ["/a"]
    with pytest.raises(TimeoutError, match="0 of 1 requests arrived"):
        server.wait_for(1, path="/b", timeout=0.01)


def test_a_child_process_is_a_client_too(server: RecordingServer) -> None:
    """The server answers while the test waits for another process."""
    script = f"import urllib.request; print(urllib.request.urlopen('{server.url}/child', b'[]').status)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "200"
    assert server.last.path == "/child"


def test_stop_and_start_again(server: RecordingServer) -> None:
    """After stop nobody listens; after start the same address answers again, and the record goes on."""
    ask(server)
    url = server.url
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        ask(server)
    server.start()
    assert server.url == url
    ask(server)
    assert len(server.requests) == 2


def test_a_port_that_is_taken(server: RecordingServer) -> None:
    """A port in use is an error in the test, not in its thread."""
    with pytest.raises(OSError, match="in use"):
        RecordingServer(port=server.port).start()


def test_unused_url_is_unused() -> None:
    """Nobody answers there."""
    port = int(unused_url().rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()


def test_tls() -> None:
    """With tls it speaks HTTPS, and its authority is trusted by the context it gives."""
    with RecordingServer(tls=True) as server:
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=10, context=server.client_tls())
        connection.request("POST", "/", json.dumps([1]))
        assert connection.getresponse().status == 200
        connection.close()
    assert server.url.startswith("https://")
