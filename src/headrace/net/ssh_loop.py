"""The event loop of SSH, in a thread of its own: one for all tunnels of a process.

A driver that holds a thread, or a busy main loop, must not hold up the tunnel that the driver reads through.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from headrace.errors import SourceError

T = TypeVar("T")


class SshLoop:
    """Starts with the first use. `wait` and `close` may be called from any thread but its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop = asyncio.Event()
        self._closed = False

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` there and wait for it."""
        with self._lock:  # so that whatever is taken is taken before the end, which cancels it
            if self._closed:
                work.close()
                raise _stopping()
            future = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise _stopping() from None

    def close(self) -> None:
        """End the thread; what still runs there is cancelled. May come twice."""
        with self._lock:
            first, self._closed = not self._closed, True
            if first and self._loop is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            ready: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
            self._thread = threading.Thread(target=self._run, args=[ready], name="headrace-ssh", daemon=True)
            self._thread.start()
            self._loop = ready.result()
        return self._loop

    def _run(self, ready: concurrent.futures.Future[asyncio.AbstractEventLoop]) -> None:
        async def until_stopped() -> None:
            ready.set_result(asyncio.get_running_loop())
            await self._stop.wait()

        asyncio.run(until_stopped())


def _stopping() -> SourceError:
    return SourceError("Headrace is stopping: no SSH tunnel is opened any more. Try again.", code="ssh")
