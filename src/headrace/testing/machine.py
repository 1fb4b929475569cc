"""What servers for tests ask of the machine: a port, and a user to run as."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
from pathlib import Path


def free_port() -> int:
    """A port of 127.0.0.1 that is free now; another process may take it before the server does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def server_user(wanted: str) -> str | None:
    """Whom a server runs as that refuses root: ``wanted`` if there is such a user; None where we are not root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return wanted if wanted in names else "nobody"


def give(path: Path, user: str | None) -> None:
    """Make a file or folder the user's, so that the server can use it; files are for that user alone."""
    if user is not None:
        shutil.chown(path, user)
    path.chmod(0o755 if path.is_dir() else 0o600)
