"""The last line of defence: no traceback reaches a user."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping

import click

from headrace.errors import ConfigError, HeadraceError, UsageError


class ReaderGone(Exception):
    """Nobody reads our output any more, as after ``| head -1``. Under its own name click would exit with 1."""


def guarded(work: Callable[[], object], env: Mapping[str, str]) -> None:
    """Run the command line; print any error as a sentence and exit with its code."""
    try:
        work()
        code = 0
    except SystemExit as end:
        raise end from None
    except ConfigError as error:
        alone = error.findings[0].message if error.findings[0].code == "no_configuration" else None
        code = _say(alone or error.message, 3)
    except UsageError as error:
        code = _say(f"{error.message} [{error.code}]", 2)
    except HeadraceError as error:
        code = _say(f"{error.message} [{error.code}]", 1)
    except click.exceptions.NoArgsIsHelpError as error:
        code = _show(error.format_message(), 2)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "headrace"
        code = _say(f"{error.format_message()}\nTry: {where} --help", 2)
    except click.ClickException as error:
        code = _say(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        code = _say("Stopped.", 130)
    except ReaderGone:
        _mute_stdout()
        code = 0
    except Exception as error:
        if env.get("HEADRACE_DEBUG"):
            raise
        code = _unforeseen(error)
    sys.exit(code)


def _say(sentence: str, code: int) -> int:
    return _show(f"headrace: {sentence}", code)


def _show(text: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{text}\n")
    return code


def _unforeseen(error: Exception) -> int:
    """What the system refuses is no mistake of ours: a folder that may not be read, output that finds no room."""
    if isinstance(error, OSError) and error.strerror:
        what = f"{str(error.filename)!r} cannot be used" if error.filename else "The system refused"
        told = HeadraceError(f"{what}: {error.strerror}. Mend that and try again.", code="system")
        return _say(f"{told.message} [{told.code}]", 1)
    return _say(f"Headrace made a mistake: {type(error).__name__}. {_report()}", 1)


def _report() -> str:
    """Keep what a maintainer needs in a file of its own."""
    try:
        descriptor, path = tempfile.mkstemp(prefix="headrace-", suffix=".txt")
        with os.fdopen(descriptor, "w") as file:
            file.write(traceback.format_exc())
    except OSError:
        return "Set HEADRACE_DEBUG=1 and try again to see where."
    return f"Nothing that was settled is lost. Please report it with the file {path}"


def _mute_stdout() -> None:
    """The reader of our output went away; do not complain about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
