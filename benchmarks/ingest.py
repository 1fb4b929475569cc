"""How many calls a second the entry accepts, durably: ``python -m benchmarks.ingest [SECONDS]``.

Single calls, and batches of 100, over kept-alive connections from a client in a process of its own; beside a bare route
that reads the body and returns, which is what the web server alone can do. Three rounds, interleaved; medians. Then
calls are sent through five kills, and those that were acknowledged and are not there are counted.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.ingest.senders import Senders, delivered, wait_for
from tests.ingest.server import Telling
from tests.ingest.services import Service

ROUNDS, KILLS = 3, 5
CONNECTIONS = {1: 64, 100: 8}  # by calls in a request


def call(number: int) -> dict[str, object]:
    """A call of about 340 bytes, as SDKs send them."""
    return {
        "type": "track",
        "userId": f"user-{number}",
        "anonymousId": None,
        "event": "Order Completed",
        "properties": {"total": 129.95, "currency": "EUR", "items": [{"sku": "a-1", "n": 2}], "coupon": None},
        "context": {"library": {"name": "analytics-python", "version": "1.1.0"}},
        "integrations": {},
        "messageId": f"6f1b7c1e-4c1f-4c4e-9a42-{number:012d}",
        "timestamp": "2026-11-23T16:10:44.365+00:00",
    }


def request(calls: int) -> bytes:
    path, body = ("track", call(0)) if calls == 1 else ("batch", {"batch": [call(n) for n in range(calls)]})
    text = json.dumps(body).encode()
    head = f"POST /v1/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer k-web\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


# ---------------------------------------------------------------------------------------------------------- processes


async def load(port: int, calls: int, seconds: float) -> float:
    """Calls a second that were answered with 200."""
    sent, done = request(calls), 0
    end = time.monotonic() + seconds

    async def connection() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < end:
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
            done += calls
        writer.close()
        await writer.wait_closed()

    began = time.monotonic()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS[calls])))
    return done / (time.monotonic() - began)


def serve_bare(port: int) -> None:
    """A route that reads and returns."""

    async def read(request: Request) -> Response:
        await request.body()
        return Response(b"{}", media_type="application/json")

    app = Starlette(routes=[Route("/v1/{kind}", read, methods=["POST"])])
    Telling(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", access_log=False)).run()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def measured(port: int, calls: int, seconds: float) -> float:
    """`load` in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.ingest", "load", str(port), str(calls), str(seconds)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


# ------------------------------------------------------------------------------------------------------------ the whole


def speed(seconds: float) -> None:
    """Print calls a second of the entry and of the bare route."""
    found: dict[tuple[str, int], list[float]] = {}
    ports = {"bare": free_port(), "entry": free_port()}
    words = [sys.executable, "-m", "benchmarks.ingest", "bare", str(ports["bare"])]
    with tempfile.TemporaryDirectory() as home, Service(Path(home), ports["entry"]):
        bare = subprocess.Popen(words, stdout=subprocess.PIPE)
        assert bare.stdout is not None
        bare.stdout.readline()
        for _ in range(ROUNDS):
            for calls in CONNECTIONS:
                for name, port in ports.items():
                    found.setdefault((name, calls), []).append(measured(port, calls, seconds))
        bare.terminate()
        bare.wait()
        bare.stdout.close()
    print(f"{'calls in a request':>20} {'entry, calls/s':>16} {'bare, calls/s':>16} {'ratio':>7}")
    for calls in CONNECTIONS:
        entry, plain = (statistics.median(found[name, calls]) for name in ("entry", "bare"))
        print(f"{calls:>20} {entry:>16,.0f} {plain:>16,.0f} {entry / plain:>7.2f}")


def kills() -> None:
    """Print what was lost through five kills."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        with Service(Path(home), port) as service, Senders(port) as senders:
            for _ in range(KILLS):
                wait_for(senders.acknowledged, len(senders.acknowledged) + 500)
                service.kill()
                service.start()
        kept, _ = asyncio.run(delivered(Path(home)))
    lost = len(senders.acknowledged - kept.keys())
    print(f"{KILLS} kills: {len(senders.acknowledged):,} calls acknowledged, {lost} lost")


def main() -> None:
    match sys.argv[1:]:
        case ["load", port, calls, seconds]:
            print(asyncio.run(load(int(port), int(calls), float(seconds))))
        case ["bare", port]:
            serve_bare(int(port))
        case rest:
            speed(float(rest[0]) if rest else 5.0)
            kills()


if __name__ == "__main__":
    main()
