"""A program with everything imported that runs the command line in a child process per order: starting costs nothing.

It reads an order per line, ``{"args": […], "log": path}``, and prints the child's process id and, at its end, its
exit code (negative: the signal that killed it).
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from headrace.app import specs
from headrace.cli import main, runs

READY = "ready"


def child(order: dict[str, Any]) -> None:
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["headrace", *order["args"]]
    main.main()


def say(fact: object) -> None:
    sys.stdout.write(f"{fact}\n")
    sys.stdout.flush()


def serve() -> None:
    list(specs().values())
    say(f"{READY} {runs.__name__}")
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            child(json.loads(line))
        say(pid)
        say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    serve()
