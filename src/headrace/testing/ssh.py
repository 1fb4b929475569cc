"""A real, throw-away OpenSSH server for tests: Debian's sshd on a free port of 127.0.0.1, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import asyncssh

from headrace.testing.machine import free_port

_TRIES = 5  # another process may take the free port between our look and the server's start
_PATIENCE = 20.0  # seconds
_KINDS = ("ssh-ed25519", "ssh-rsa")


def sshd_binary() -> str | None:
    """Where ``sshd`` is installed, or None. It insists on being started by its full path."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class SshServer:
    """An SSH server of one's own, for the length of a ``with``; one logs in as the user that runs the test.

    It has an Ed25519 and an RSA host key. ``settings`` are lines put before the others of ``sshd_config``.
    """

    host = "127.0.0.1"

    def __init__(self, settings: Sequence[str] = ()) -> None:
        self.port = 0
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self._settings = tuple(settings)
        self._folder = Path()
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread()
        self._log: list[str] = []
        self._told = threading.Condition()

    @property
    def authorized_keys(self) -> Path:
        """Who may log in, as the server reads it at each login; empty at first."""
        return self._folder / "authorized_keys"

    @property
    def log(self) -> str:
        """What the server has said so far."""
        with self._told:
            return "\n".join(self._log)

    def host_key(self, kind: str = "ssh-ed25519") -> str:
        """The public half of a host key: its kind, and the key in base64."""
        return " ".join((self._folder / f"{kind}.pub").read_text().split()[:2])

    def fingerprint(self, kind: str = "ssh-ed25519") -> str:
        return asyncssh.import_public_key(self.host_key(kind)).get_fingerprint()

    def install(self, *lines: str) -> None:
        """Let the keys of these lines in, and no others."""
        self.authorized_keys.write_text("".join(f"{line}\n" for line in lines))

    def make_host_keys(self) -> None:
        """Other host keys than before, from the next start on."""
        for kind in _KINDS:
            key = asyncssh.generate_private_key(kind)
            private = self._folder / kind
            private.write_bytes(key.export_private_key())
            private.chmod(0o600)
            key.write_public_key(str(private) + ".pub")

    def start(self) -> None:
        """Start the server, on the same port as before if there was one."""
        for attempt in range(1, _TRIES + 1):
            port = self.port or free_port()
            if self._listens_on(port):
                self.port = port
                return
            if attempt == _TRIES:
                raise RuntimeError(f"sshd does not start:\n{self.log}")

    def stop(self) -> None:
        """Kill the server and the processes of its connections."""
        if self._process is None:
            return
        for pid in [*self.sessions(), self._process.pid]:
            _signal(pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        self._process = None

    def sessions(self) -> list[int]:
        """The processes that serve connections."""
        if self._process is None:
            return []
        children: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # ended meanwhile
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
        found = list(children.get(self._process.pid, []))
        for pid in found:
            found += children.get(pid, [])
        return found

    def freeze(self) -> None:
        """Let connections stand still, as when a machine vanishes from the network: nothing is answered any more."""
        for pid in self.sessions():
            _signal(pid, signal.SIGSTOP)

    def wait_for_log(self, words: str, times: int = 1) -> None:
        """Wait until the server has said something so many times."""
        with self._told:
            if not self._told.wait_for(lambda: sum(words in line for line in self._log) >= times, _PATIENCE):
                raise RuntimeError(f"sshd did not say {words!r}:\n" + "\n".join(self._log))

    def __enter__(self) -> SshServer:
        self._folder = Path(tempfile.mkdtemp(prefix="headrace-ssh-"))
        try:
            self.install()
            self.make_host_keys()
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _listens_on(self, port: int) -> bool:
        binary = sshd_binary()
        if binary is None:
            raise RuntimeError("No SSH server here: sshd was not found. Install openssh-server (apt).")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it locks itself up before a login
        config = self._folder / "sshd_config"
        config.write_text("\n".join([*self._settings, *self._lines(port)]) + "\n")
        self._process = subprocess.Popen(
            [binary, "-D", "-e", "-f", str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/",
        )  # fmt: skip
        begun = len(self._log)
        self._reader = threading.Thread(target=self._read, args=[self._process], daemon=True)
        self._reader.start()
        with self._told:
            self._told.wait_for(lambda: self._said(begun, "Server listening", "sshd ended"), _PATIENCE)
            if self._said(begun, "Server listening"):
                return True
        self.stop()
        return False

    def _said(self, begun: int, *words: str) -> bool:
        return any(word in line for line in self._log[begun:] for word in words)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self._tell(line.rstrip())
        self._tell("sshd ended")

    def _tell(self, line: str) -> None:
        with self._told:
            self._log.append(line)
            self._told.notify_all()

    def _lines(self, port: int) -> list[str]:
        return [
            f"Port {port}",
            f"ListenAddress {self.host}",
            *(f"HostKey {self._folder / kind}" for kind in _KINDS),
            f"AuthorizedKeysFile {self.authorized_keys}",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "UseDNS no",
            "PermitRootLogin prohibit-password",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "LogLevel VERBOSE",
            "MaxStartups 100",
        ]


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # ended by itself
        os.kill(pid, number)
