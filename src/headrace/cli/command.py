"""What commands share: the option --json, and running asynchronous work to its end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
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
