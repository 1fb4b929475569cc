"""One store, one state folder: what the ledger says of parts and journals is true of one folder only.

Each state folder has a number in its file ``folder``, and the store remembers which one it belongs to. A process that
has the store and another folder would take up runs whose parts it does not have.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from headrace.errors import HeadraceError
from headrace.stage import durable
from headrace.store_port import Store

FILE = "folder"


async def require_own_folder(store: Store, home: Path) -> None:
    """Raises `HeadraceError` (``other_folder``) where the store belongs to another state folder."""
    mine = number_of(home)
    if await store.state_folder(mine) != mine:
        raise HeadraceError(
            f"The store belongs to another state folder than {str(home)!r}. All processes on one store share one "
            "folder: set HEADRACE_HOME to it. If it is gone for good, give up what was in it: headrace adopt",
            code="other_folder",
        )


def number_of(home: Path) -> int:
    """The folder's number; it gets one where it has none. Raises `StageFull`."""
    path = home / FILE
    made = secrets.randbits(62)
    try:
        aside = home / f"{FILE}.{made}.tmp"
        if not path.exists():
            durable.write(aside, [f"{made}\n".encode()])
            try:
                os.link(aside, path)  # of two that try at once, one wins
            except FileExistsError:
                pass
            finally:
                aside.unlink(missing_ok=True)
        return int(path.read_text())
    except (OSError, ValueError) as error:
        raise durable.unreadable(path, error) from error
