"""What commands share: the option --json, running asynchronous work to its end, and asking a person."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from headrace.cli.guard import ReaderGone
from headrace.errors import UsageError

T = TypeVar("T")


def as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``--json`` of a command that prints facts."""
    return click.option("--json", "json_output", is_flag=True, help="Print one JSON object instead of words.")(command)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    try:
        result = asyncio.run(work)
        if sys.stdout is not None:  # closed by whoever started us
            sys.stdout.flush()
        return result
    except BrokenPipeError as error:
        raise ReaderGone from error


@dataclass(frozen=True, slots=True)
class Server:
    """Where a service is, and the proof that we may speak to it."""

    url: str
    token: str


Place = Path | Server
"""What a command works on: a project's folder, or a running service."""

_THERE = ("syncs", "preview", "run", "runs", "errors", "cancel", "enable", "disable", "reset", "resend")


def remote(url: str, command: str) -> Server:
    """The service that a command speaks to. Raises `UsageError` for commands that work on a project's folder only."""
    if command not in _THERE:
        raise UsageError(
            f"`headrace {command}` works on a project's folder: leave --server and HEADRACE_SERVER out. A service is "
            f"spoken to by: {', '.join(_THERE)}.",
            code="not_remote",
        )
    if not _is_address(url):
        raise UsageError(
            f"This is no address of a service: {url!r}. Write it like https://headrace.example.com in --server or "
            "HEADRACE_SERVER.",
            code="bad_server",
        )
    return Server(url.rstrip("/"), os.environ.get("HEADRACE_TOKEN", "").strip())


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment


def on(place: Place, room: str) -> Any:
    """The module with what commands do: here, or the same over the API of a service.

    Raises `UsageError` without a token for the service.
    """
    if not isinstance(place, Server):
        return importlib.import_module(f"headrace.cli.{room}")
    if not place.token:
        raise UsageError(
            "There is no token for the service. Make one on its machine, with: headrace token new EMAIL NAME, and set "
            "HEADRACE_TOKEN to it.",
            code="no_token",
        )
    return importlib.import_module("headrace.cli.remote")


@contextmanager
def asking() -> Iterator[None]:
    """Let Ctrl-C end a prompt at once. ``asyncio.run`` would only take note of it, and the prompt wait on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
