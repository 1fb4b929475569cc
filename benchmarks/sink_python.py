"""The sink in Python: slower than sink.c, but it looks inside and counts the calls that arrive.

Same options, same answers, same ``/stats``; used to prove that every contender delivers every call, and in place of
sink.c where there is no C compiler.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CALL = b'"type":"identify"'


class Counts:
    """What arrived so far. Handlers run in threads of their own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests = self.errors = self.bytes = self.connections = self.calls = 0

    def as_json(self) -> bytes:
        facts = {name: value for name, value in vars(self).items() if name != "lock"}
        return json.dumps({**facts, "cpu_seconds": round(time.process_time(), 3)}).encode()


def handler(options: argparse.Namespace, counts: Counts) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with counts.lock:
                counts.connections += 1

        def do_GET(self) -> None:
            self.reply(200, counts.as_json())

        def do_POST(self) -> None:
            body = self.body()
            plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            calls = plain.replace(b'": ', b'":').count(CALL)
            with counts.lock:
                counts.requests += 1
                counts.bytes += len(body)
                refused = options.error_every > 0 and counts.requests % options.error_every == 0
                counts.errors += refused
                counts.calls += 0 if refused else calls
            if options.delay_ms:
                time.sleep(options.delay_ms / 1000)
            if refused:
                self.reply(options.error_status, b'{"error":"as asked"}')
            else:
                self.reply(200, b'{"success":true}')

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(chunks)

        def reply(self, status: int, body: bytes) -> None:
            self.send_response_only(status)
            if status != 200 and options.retry_after >= 0:
                self.send_header("Retry-After", str(options.retry_after))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


class Server(ThreadingHTTPServer):
    request_queue_size = 1024

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in its own way is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # typeshed: socket or a pair


def main() -> None:
    """Serve on a free port of 127.0.0.1, which is printed, until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay-ms", type=int, default=0)
    parser.add_argument("--error-every", type=int, default=0)
    parser.add_argument("--error-status", type=int, default=500)
    parser.add_argument("--retry-after", type=int, default=-1)
    server = Server(("127.0.0.1", 0), handler(parser.parse_args(), Counts()))
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
