"""What commands share: the option --json, running asynchronous work to its end, and asking a person."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from headrace.cli.guard import ReaderGone

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


@contextmanager
def asking() -> Iterator[None]:
    """Let Ctrl-C end a prompt at once. ``asyncio.run`` would only take note of it, and the prompt wait on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
