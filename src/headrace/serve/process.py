"""`headrace serve`: one process that keeps syncs on time, carries their runs, and lets people and programs in.

Scheduler ──► runs ──► Dispatcher          loops of this process; any number of processes share one
Receiver  ──► runs ──┘                     PostgreSQL store and one state folder
Front: ingest /v1 · API /api/v1 · health · metrics
Hub: live events · Alarms and Notices: alerts · retention
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import uvicorn

from headrace.aio import first, in_thread
from headrace.app import App
from headrace.errors import HeadraceError
from headrace.net import listen
from headrace.run.dispatcher import GRACE
from headrace.serve import logs
from headrace.serve.parts import Parts, assembled
from headrace.serve.patience import ImpatientProtocol
from headrace.serve.traces import tracing
from headrace.service import Service
from headrace.upkeep import retention
from headrace.upkeep.folder import require_own_folder

log = logging.getLogger(__name__)

Loop = Callable[[asyncio.Event], Coroutine[Any, Any, None]]

_FIRST_TIDY = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says over the section ``service:``."""

    listen: str | None = None
    behind_proxy: bool = False
    log_format: str | None = None


class _Server(uvicorn.Server):
    """uvicorn that leaves the signals to us: runs settle before the process ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: App, options: Options, ready: Callable[[str, str | None], None] = lambda *_: None) -> None:
    """Serve until SIGTERM or SIGINT. Raises `UsageError` for what cannot be served.

    ``ready`` is told the address, and the one-time code where nobody has set the service up yet.
    """
    service = app.project.service
    if app.places.database_url:
        await require_own_folder(app.store, app.places.home)
    host, port = listen.address(options.listen or service.listen)
    listen.require_cover(host, _covered(app, options))
    await in_thread(listen.require_certificate, service)
    logs.set_up(options.log_format or service.log_format, lambda: logs.secrets_of(app.project))
    door = listen.listening(host, port)
    with contextlib.closing(door), tracing(service.trace_to) as app.spans:
        await _serve(app, options, door, ready)


async def _serve(app: App, options: Options, door: listen.Door, ready: Callable[[str, str | None], None]) -> None:
    service = app.project.service
    async with assembled(app) as parts:
        address = listen.shown(door, secure=bool(service.tls_certificate))
        code = await parts.access.set_up.code()
        await _until_told(app, parts, _server(app, parts, options), door, lambda: ready(address, code))


async def _until_told(
    app: App, parts: Parts, server: uvicorn.Server, door: listen.Door, ready: Callable[[], None]
) -> None:
    stop = asyncio.Event()
    with _signals(app, stop):
        loops = [asyncio.create_task(loop(stop), name=name) for name, loop in _loops(app, parts).items()]
        serving = asyncio.create_task(server.serve(sockets=[door]))
        ready()
        for doubt in app.doubts:
            log.warning(str(doubt))
        secure = bool(app.project.service.tls_certificate)
        log.info("serving", extra={"address": listen.shown(door, secure=secure), "syncs": len(app.project.syncs)})
        try:
            await asyncio.wait([*loops, serving, asyncio.ensure_future(stop.wait())], return_when="FIRST_COMPLETED")
        finally:
            log.info("stopping: what is in flight settles")
            parts.front.stopping = True
            stop.set()
            await parts.hub.close()
            server.should_exit = True
            results = await asyncio.gather(serving, *loops, return_exceptions=True)
    for error in results:
        if isinstance(error, BaseException):
            raise error
    log.info("stopped")


def _loops(app: App, parts: Parts) -> Mapping[str, Loop]:
    """What goes on beside the requests, by name."""
    return {
        "reload": _again(app, 1.0, parts.reload),
        "schedule": parts.scheduler.keep_ticking,
        "receive": _again(app, 1.0, parts.receive),
        "journals": _again(app, 60.0, parts.receiver.tidy),
        "carry": parts.dispatcher.keep_carrying,
        "alarms": _again(app, 10.0, parts.alarms.look),
        "notices": _again(app, 2.0, parts.notices.send_due),
        "retention": _again(app, retention.EVERY, lambda: retention.forget(app), first_after=_FIRST_TIDY),
    }


def _again(app: App, seconds: float, work: Callable[[], Awaitable[object]], *, first_after: float = 0.0) -> Loop:
    """Do the work every so many seconds until stopped; trouble is logged, told once, and tried again."""

    async def loop(stop: asyncio.Event) -> None:
        troubled, wait = "", first_after
        while not stop.is_set():
            if wait:
                await first(app.clock.sleep(wait), stop.wait())
            if stop.is_set():
                return
            wait = seconds
            try:
                await work()
            except HeadraceError as error:
                if error.message != troubled:
                    log.warning(error.message, extra={"code": error.code})
                troubled = error.message
            except Exception:  # a mistake of ours in one loop is no reason to stop the others
                log.exception("a mistake of Headrace's own: please report it")
            else:
                if troubled:
                    log.info("it works again")
                troubled = ""

    return loop


def _server(app: App, parts: Parts, options: Options) -> uvicorn.Server:
    service = app.project.service
    proxied = options.behind_proxy or service.behind_proxy
    return _Server(
        uvicorn.Config(
            parts.front,
            http=ImpatientProtocol,
            ws="websockets-sansio",
            lifespan="off",
            loop="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=proxied,
            forwarded_allow_ips=list(service.trusted_proxies) if proxied else None,
            ssl_certfile=service.tls_certificate or None,
            ssl_keyfile=service.tls_key or None,
            timeout_graceful_shutdown=GRACE,
            ws_max_size=64 * 1024,
            ws_per_message_deflate=False,  # each client would compress by itself what is made once for all
        )
    )


@contextlib.contextmanager
def _signals(app: App, stop: asyncio.Event) -> Iterator[None]:
    """SIGTERM and SIGINT stop gently, a second SIGINT at once; SIGHUP reads the files again."""
    loop = asyncio.get_running_loop()
    reloading: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(_reload_files(app))
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    def interrupt() -> None:
        if stop.is_set():
            os._exit(130)  # what was settled is durable; the next start goes on
        stop.set()

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupt)
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def _reload_files(app: App) -> None:
    """What was right before stays in force where the files are wrong now."""
    try:
        await app.reload(files=True)
        log.info("read the files again", extra={"syncs": len(app.project.syncs)})
    except HeadraceError as error:
        log.warning(error.message, extra={"code": error.code})


def _covered(app: App, options: Options) -> Service:
    service = app.project.service
    return replace(service, behind_proxy=True) if options.behind_proxy else service
