"""The entry as a process: started, stopped, killed; and what is in its journals."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import headrace
from headrace.calls.received import Received, as_call, from_lines, intact

_SERVER = Path(__file__).parent / "server.py"
_ROOT = Path(headrace.__file__).parent.parent


class Service:
    """``python tests/ingest/server.py`` on a port, while the context lasts."""

    def __init__(self, home: Path, port: int, **settings: str) -> None:
        self.home, self.port = home, port
        self._environment = os.environ | {"PYTHONPATH": str(_ROOT)} | settings
        self._process: subprocess.Popen[bytes] | None = None
        self._before: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, str(_SERVER), str(self.home), str(self.port)]
        self._process = subprocess.Popen(command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the service did not start"

    def kill(self) -> None:
        """End it with SIGKILL, at whatever it was."""
        assert self._process is not None
        self._process.kill()
        self._ended()

    def stop(self) -> None:
        """Let it end in order."""
        assert self._process is not None
        self._process.terminate()
        self._ended()

    def _ended(self) -> None:
        assert self._process is not None
        self._process.wait(30)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            self.stop()

    def forget(self) -> None:
        """Leave out of all that follows what was received until now."""
        self._before = {}
        self._before = {source: len(self.received(source)) for source in ("web", "exact")}

    def received(self, source: str = "web") -> list[Received]:
        """All that is in the journals of a source, open ones too, in the order of their names."""
        found: list[Received] = []
        for path in sorted((self.home / "journal" / source).glob("*")):
            lines = _read(path)
            found += from_lines(lines[: intact(lines)])
        return found[self._before.get(source, 0) :]

    def calls(self, source: str = "web") -> list[dict[str, Any]]:
        """The same in the spelling of the Pipelines API."""
        return [as_call(call) for call in self.received(source)]

    def ids(self, source: str = "web") -> Counter[str]:
        """How often each messageId was written down."""
        return Counter(call.message_id for call in self.received(source))


def _read(journal: Path) -> bytes:
    """A journal that may be given another ending while we look."""
    for ending in (journal.suffix, ".open", ".jsonl"):
        with contextlib.suppress(FileNotFoundError):
            return journal.with_suffix(ending).read_bytes()
    raise FileNotFoundError(journal)


def without(call: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A call without fields that differ from run to run."""
    return {name: value for name, value in json.loads(json.dumps(call)).items() if name not in names}
