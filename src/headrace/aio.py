"""Blocking work behind one helper: a call, or a stream, in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """Run blocking ``work`` in a thread and wait for it, even when cancelled: its effects must be known."""
    # `asyncio.to_thread` without its task: a small run goes through here two dozen times.
    called = functools.partial(contextvars.copy_context().run, work, *args)
    done = asyncio.get_running_loop().run_in_executor(None, called)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        with contextlib.suppress(BaseException):
            await done
        raise


async def first(*work: Coroutine[Any, Any, Any]) -> None:
    """Wait until the first of several waits is over; give the others up."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def stream(
    start: Callable[[], Iterator[T]], *, depth: int = 2, interrupt: Callable[[], object] | None = None
) -> AsyncGenerator[T, None]:
    """Iterate ``start()`` in a thread of its own and yield its items here, at most ``depth`` ahead.

    When the consumer stops early, ``interrupt`` is called (it must make a blocked driver return), the iterator
    is closed in its thread, and the thread is waited for.
    """
    pump: _Pump[T] = _Pump(start, depth)
    try:
        while (item := await pump.get()) is not None:
            yield item[0]
    finally:
        await pump.stop(interrupt)


class _Pump(Generic[T]):
    """A thread that iterates, and a queue of what it found. Items are wrapped, since None may be one."""

    def __init__(self, start: Callable[[], Iterator[T]], depth: int) -> None:
        self._start = start
        self._loop = asyncio.get_running_loop()
        self._items: queue.Queue[tuple[T] | None] = queue.Queue()
        self._room = threading.Semaphore(depth)
        self._arrived = asyncio.Event()
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="headrace-stream", daemon=True)
        self._thread.start()

    async def get(self) -> tuple[T] | None:
        """The next item; None at the end. Raises what ended the iteration."""
        while self._items.empty():
            self._arrived.clear()
            if self._items.empty():
                await self._arrived.wait()
        item = self._items.get_nowait()
        if item is None:
            self._ended = True
            if self._error is not None:
                raise self._error
        self._room.release()
        return item

    async def stop(self, interrupt: Callable[[], object] | None) -> None:
        """End the thread, with force if it is in the middle of something, and wait for it."""
        if not self._ended:
            self._stopping.set()
            self._room.release()
            if interrupt is not None:
                with contextlib.suppress(Exception):
                    await asyncio.shield(asyncio.to_thread(interrupt))
        if self._ended:  # it has nothing left to do
            self._thread.join()
        else:
            await asyncio.shield(asyncio.to_thread(self._thread.join))

    def _run(self) -> None:
        iterator: Iterator[T] | None = None
        try:
            iterator = self._start()
            for item in iterator:
                self._room.acquire()
                if self._stopping.is_set():
                    break
                self._put((item,))
        except BaseException as error:  # noqa: BLE001  handed to the consumer, whatever it is; drivers can panic
            self._error = error
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                with contextlib.suppress(Exception):
                    close()
            self._put(None)

    def _put(self, item: tuple[T] | None) -> None:
        self._items.put(item)
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            self._loop.call_soon_threadsafe(self._arrived.set)
