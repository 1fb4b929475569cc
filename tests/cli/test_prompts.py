"""Questions to a person, on a terminal of its own."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

from tests.cli.conftest import Headrace

_MAIN = [sys.executable, "-c", "from headrace.cli.main import main; main()"]
_PROMPT = b"Value of SHOP_PASSWORD: "


def _typed(folder: Path, *args: str, keys: bytes) -> tuple[int, bytes]:
    """Type the keys when the command has asked; its exit code, and what the terminal showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(_MAIN[0], [*_MAIN, "-C", str(folder), *args])
    shown, waiting = b"", True
    with open(terminal, "r+b", buffering=0) as screen:
        while True:
            try:
                shown += screen.read(4096)
            except OSError:  # the command has ended
                break
            if waiting and _PROMPT in shown:
                waiting = False
                screen.write(keys)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def test_ctrl_c_ends_a_prompt(headrace: Headrace) -> None:
    """The first Ctrl-C is enough, and nothing is kept."""
    code, shown = _typed(headrace.folder, "secret", "set", "SHOP_PASSWORD", keys=b"\x03")
    assert code == 130
    assert b"headrace: Stopped." in shown
    assert headrace("secret", "list", "--json").json == {"secrets": []}


def test_a_typed_secret_is_not_shown(headrace: Headrace) -> None:
    """The terminal echoes nothing of it."""
    code, shown = _typed(headrace.folder, "secret", "set", "SHOP_PASSWORD", keys=b"let me in\n")
    assert code == 0
    assert b"let me in" not in shown
    assert headrace("secret", "list", "--json").json == {"secrets": ["SHOP_PASSWORD"]}
