"""Programs that send numbered calls and count what was acknowledged; and what of it runs would find."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from pathlib import Path

from headrace.calls.received import from_lines
from headrace.clock import SystemClock
from headrace.stage.journals import LocalJournals
from headrace.store import open_store


class Senders:
    """Threads that send numbered calls, one by one or in batches of three, each until it is acknowledged."""

    def __init__(self, port: int) -> None:
        self.acknowledged: set[str] = set()
        self._port = port
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(size,)) for size in (1, 1, 3, 3)]

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, size: int) -> None:
        connection = self._connection()
        while not self._stop.is_set():
            ids = [f"m{next(self._numbers)}" for _ in range(size)]
            calls = [{"type": "track", "userId": "u", "event": "E", "messageId": one} for one in ids]
            path, body = ("track", calls[0]) if size == 1 else ("batch", {"batch": calls})
            while not self._stop.is_set():
                try:
                    connection.request("POST", f"/v1/{path}", json.dumps(body), {"Authorization": "Bearer k-web"})
                    reply = connection.getresponse()
                    reply.read()
                except (OSError, http.client.HTTPException):
                    connection.close()
                    connection = self._connection()
                    time.sleep(0.02)
                    continue
                if reply.status == 200:
                    self.acknowledged.update(ids)
                    break
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)


def wait_for(acknowledged: set[str], enough: int) -> None:
    """Until so many are acknowledged."""
    end = time.monotonic() + 60
    while len(acknowledged) < enough:
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.001)


async def delivered(home: Path) -> tuple[Counter[str], list[int]]:
    """What runs would find: the ids in all numbered journals, and their numbers."""
    store = await open_store(home)
    journals = LocalJournals(home / "journal", store, SystemClock())
    await journals.recover()
    known = await store.journals("web")
    found: Counter[str] = Counter()
    for journal in known:
        calls = from_lines(await journals.read(journal))
        assert len(calls) == journal.calls
        found.update(call.message_id for call in calls)
    await store.close()
    assert not list((home / "journal").glob("*/*.open"))
    return found, [journal.seq for journal in known]
