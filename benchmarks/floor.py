"""The floor: no tool that compresses and posts can be faster than ready bodies, compressed and posted.

floor.py DUCKDB ROWS URL CONNECTIONS makes bodies of at most 500 KB from the first rows, then compresses (igzip, level
1) and posts them round and round until ROWS are sent, on kept connections with a thread each. Prints, as JSON, seconds
and CPU seconds of that second half alone.
"""

from __future__ import annotations

import itertools
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import duckdb
from isal import igzip

from benchmarks.generate import duckdb_file
from benchmarks.measure import Command, Finished
from benchmarks.places import HERE

BODY_BYTES = 500_000
SAMPLE = 131_072  # rows
CALLS = """
SELECT to_json({{type: 'identify', userId: user_id::VARCHAR, context: {{ip: ip}}, traits: {{email: email, name: name,
    address: {{city: city}}, balance: balance, active: active, updated_at: updated_at, score: score,
    profile: profile}}}})::VARCHAR
FROM people LIMIT {rows}"""

Body = tuple[int, bytes]  # calls in it, and its text


def bodies(database: str, rows: int) -> Iterator[Body]:
    """The first rows as bodies of identify calls."""
    with duckdb.connect(database, read_only=True) as connection:
        calls = [row[0].encode() for row in connection.execute(CALLS.format(rows=rows)).fetchall()]
    head, tail = b'{"batch":[', b"]}"
    held: list[bytes] = []
    size = 0
    for call in calls:
        if held and size + len(call) + 1 > BODY_BYTES - len(head) - len(tail):
            yield len(held), head + b",".join(held) + tail
            held, size = [], 0
        held.append(call)
        size += len(call) + 1
    yield len(held), head + b",".join(held) + tail


class Work:
    """Bodies handed out one by one until enough rows are sent."""

    def __init__(self, ready: list[Body], rows: int) -> None:
        self._bodies = itertools.cycle(ready)
        self._left = rows
        self._lock = threading.Lock()
        self.sent = 0

    def next(self) -> bytes | None:
        with self._lock:
            if self._left <= 0:
                return None
            calls, body = next(self._bodies)
            self._left -= calls
            self.sent += calls
            return body


def send(work: Work, host: str, port: int, path: str) -> None:
    """Compress and post until there is no more work."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Encoding: gzip\r\nContent-Length: "
    with socket.create_connection((host, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (body := work.next()) is not None:
            packed = igzip.compress(body, compresslevel=1)
            connection.sendall(f"{head}{len(packed)}\r\n\r\n".encode() + packed)
            answer = connection.recv(4096)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer.decode(errors="replace"))


def main(database: str, rows: int, url: str, connections: int) -> None:
    target = urlsplit(url)
    work = Work(list(bodies(database, min(rows, SAMPLE))), rows)
    place = (target.hostname, target.port, f"{target.path}/batch")
    threads = [threading.Thread(target=send, args=(work, *place)) for _ in range(connections)]
    started, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    facts = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu, "rows": work.sent}
    print(json.dumps(facts))


def command(file_rows: int, rows: int, url: str, *, connections: int) -> Command:
    """Send ``rows`` made of the first rows of the DuckDB file with ``file_rows``."""
    words = [sys.executable, "-m", "benchmarks.floor", duckdb_file(file_rows), rows, url, connections]
    return Command([str(word) for word in words], HERE.parent, {})


def facts(finished: Finished) -> dict[str, float]:
    """Seconds, CPU seconds and rows, of the sending alone."""
    report: dict[str, float] = json.loads(finished.output)
    return report


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
