"""Blocking work behind one helper: a call, or a stream, in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """Run blocking ``work`` in a thread and wait for it, even when cancelled: its effects must be known."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(BaseException):
            await task
        raise


async def first(*work: Coroutine[Any, Any, Any]) -> None:
    """Wait until the first of several waits is over; give the others up."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


class _End:
    """Marks the end of a stream; carries the error that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


async def stream(
    start: Callable[[], Iterator[T]], *, depth: int = 2, interrupt: Callable[[], object] | None = None
) -> AsyncIterator[T]:
    """Iterate ``start()`` in a thread of its own and yield its items here, at most ``depth`` ahead.

    When the consumer stops early, ``interrupt`` is called (it must make a blocked driver return), the iterator
    is closed in its thread, and the thread is waited for.
    """
    loop = asyncio.get_running_loop()
    items: queue.Queue[T | _End] = queue.Queue()
    room = threading.Semaphore(depth)
    arrived = asyncio.Event()
    stop = threading.Event()

    def put(item: T | _End) -> None:
        items.put(item)
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            loop.call_soon_threadsafe(arrived.set)

    def pump() -> None:
        error: BaseException | None = None
        iterator: Iterator[T] | None = None
        try:
            iterator = start()
            for item in iterator:
                room.acquire()
                if stop.is_set():
                    break
                put(item)
        except BaseException as caught:  # handed to the consumer, whatever it is
            error = caught
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                with contextlib.suppress(Exception):
                    close()
            put(_End(error))

    thread = threading.Thread(target=pump, name="headrace-stream", daemon=True)
    thread.start()
    ended = False
    try:
        while True:
            while items.empty():
                arrived.clear()
                if items.empty():
                    await arrived.wait()
            item = items.get_nowait()
            if isinstance(item, _End):
                ended = True
                if item.error is not None:
                    raise item.error
                return
            room.release()
            yield item
    finally:
        if not ended:
            stop.set()
            room.release()
            if interrupt is not None:
                with contextlib.suppress(Exception):
                    await asyncio.shield(asyncio.to_thread(interrupt))
        await asyncio.shield(asyncio.to_thread(thread.join))
