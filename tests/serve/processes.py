"""`headrace serve` as a process: started, asked, stopped, killed."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.promise.processes import PATIENCE, command, environment

_PAUSE = 0.05  # seconds between two looks


class Serving:
    """A service in a folder, on a free port, while the context lasts."""

    def __init__(
        self, folder: Path, *args: str, tls: ssl.SSLContext | None = None, env: Mapping[str, str] | None = None,
        log: str = "service.log",
    ) -> None:  # fmt: skip
        self._folder, self._args, self._env, self._tls = folder, args, dict(env or {}), tls
        self.log = folder / log
        self.url = self.code = self.token = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.gone()

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command("serve", "--listen", "127.0.0.1:0", "--log-format", "json", *self._args),
                cwd=self._folder, env=environment() | self._env, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"serves on (\S+) ", line)
        assert found, line + self.log.read_text()
        self.url = found[1]

    def setup_code(self) -> str:
        """The one-time code that it printed."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rpartition(": ")[2].strip()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop and wait for that; returns its exit code."""
        self.process.send_signal(number)
        return self.gone()

    def gone(self) -> int:
        """Its exit code, once it has ended."""
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON (or text) and headers of an answer."""
        sent = {"Content-Type": "application/json", **headers}
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._tls) as answer:
                return answer.status, _content(answer.read()), dict(answer.headers.items())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _content(error.read()), dict(error.headers.items())

    def get(self, path: str) -> Any:
        status, content, _ = self.ask("GET", path)
        assert status == 200, content
        return content

    def post(self, path: str, body: object = None) -> Any:
        status, content, _ = self.ask("POST", path, body)
        assert status < 300, content
        return content

    def ended(self, run_id: str) -> dict[str, Any]:
        """A run, once it has ended."""
        found: dict[str, Any] = until(lambda: (run := self.get(f"/api/v1/runs/{run_id}"))["ended_at"] and run)
        return found

    def own(self) -> None:
        """Set it up: make the owner, and a token of theirs to go on with."""
        me = {"email": "ada@example.com", "name": "Ada", "password": "a long enough secret"}
        status, content, headers = self.ask("POST", "/api/v1/setup", {"code": self.setup_code(), **me})
        assert status == 201, content
        cookie = headers["set-cookie"].partition(";")[0]
        origin = {"Cookie": cookie, "Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        asked = {"name": "test", "role": "owner", "preview": True}
        status, content, _ = self.ask("POST", "/api/v1/tokens", asked, **origin)
        assert status == 201, content
        self.token = content["text"]


def until(look: Any, seconds: float = PATIENCE) -> Any:
    """What ``look`` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(_PAUSE)
    return found


def _content(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()
