"""A real, throw-away MariaDB server for tests: Debian's binaries, a free port of 127.0.0.1, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from headrace.testing.machine import free_port, give, server_user

_USER = "mysql"
_TRIES = 5  # another process may take the free port between our look and the server's start
_START = 60  # seconds

Certificate = Literal["good", "expired", "other name"]


def mariadb_binaries() -> tuple[Path, Path] | None:
    """``mariadb-install-db`` and ``mariadbd``, or None where they are not installed."""
    found = [shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") for name in _PROGRAMS]
    return (Path(found[0]), Path(found[1])) if found[0] and found[1] else None


_PROGRAMS = ("mariadb-install-db", "mariadbd")


class MariadbServer:
    """A server of one's own, for the length of a ``with``.

    Over TCP every account needs its password. With ``tls`` the server offers TLS with that certificate, signed by
    ``ca_file``: a good one is for ``localhost`` and 127.0.0.1. ``settings`` are server variables. Durability is off.
    """

    host = "127.0.0.1"
    user = "admin"
    password = "let me in"

    def __init__(self, *, tls: Certificate | None = None, settings: Mapping[str, str] | None = None) -> None:
        self.port = 0
        self.tls = tls
        self._settings = dict(settings or {})
        self._folder = Path()
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> str:
        """The server's Unix socket."""
        return str(self._folder / "socket")

    @property
    def ca_file(self) -> Path:
        """The authority that signed the server's certificate; with ``tls`` only."""
        return self._folder / "ca.pem"

    @property
    def client_certificate(self) -> tuple[Path, Path]:
        """Certificate and key of a client that the same authority signed; with ``tls`` only."""
        return self._folder / "client.pem", self._folder / "client.key"

    def execute(self, *statements: str, database: str = "") -> list[tuple[Any, ...]]:
        """Run statements as the administrator, over the Unix socket; the rows of the last one, if it has any."""
        from MySQLdb import connect  # it ships no types

        login = {"unix_socket": self.socket, "user": self.user, "password": self.password, "charset": "utf8mb4"}
        connection = connect(**login, database=database, autocommit=True)
        try:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())
        finally:
            connection.close()

    def __enter__(self) -> MariadbServer:
        binaries = mariadb_binaries()
        if binaries is None:
            raise RuntimeError("No MariaDB server here: mariadbd was not found. Install mariadb-server (apt).")
        self._folder = Path(tempfile.mkdtemp(prefix="headrace-mariadb-"))
        try:
            give(self._folder, server_user(_USER))
            if self.tls:
                self._certify(self.tls)
            self._initialise(binaries[0])
            self._start(binaries[1])
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _initialise(self, program: Path) -> None:
        setup = self._folder / "setup.sql"
        setup.write_text(
            f"create user {self.user}@localhost identified by '{self.password}';\n"
            f"grant all on *.* to {self.user}@localhost with grant option;\n"
        )
        give(setup, server_user(_USER))
        # In /tmp two that are made at the same moment would take each other's tables for their own.
        places = [f"--datadir={self._folder / 'data'}", f"--tmpdir={self._folder}"]
        # the folder of the programs' own messages is found beside them
        done = subprocess.run(
            [program, "--no-defaults", *places, "--skip-test-db", *_as_user()],
            capture_output=True,
            cwd="/",
        )
        if done.returncode:
            raise RuntimeError(f"{program.name} failed: {done.stdout + done.stderr!r}")

    def _start(self, program: Path) -> None:
        settings = {
            "datadir": str(self._folder / "data"),
            "socket": self.socket,
            "pid-file": str(self._folder / "pid"),
            "init-file": str(self._folder / "setup.sql"),
            "tmpdir": str(self._folder),
            "bind-address": self.host,
            "innodb-flush-log-at-trx-commit": "0",
            "innodb-buffer-pool-size": "64M",
            "skip-name-resolve": "on",
            **self._settings,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        log = self._folder / "log"
        for _ in range(_TRIES):
            self.port = free_port()
            with log.open("ab") as output:
                self._server = subprocess.Popen(
                    [program, "--no-defaults", *options, f"--port={self.port}", *_as_user()],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd="/",
                )
            if self._answers():
                return
        raise RuntimeError(f"mariadbd did not start:\n{log.read_text(errors='replace')[-4000:]}")

    def _answers(self) -> bool:
        """Wait until the administrator can log in; False if the server ends before."""
        import MySQLdb

        assert self._server is not None
        end = time.monotonic() + _START
        while self._server.poll() is None and time.monotonic() < end:
            try:
                self.execute("select 1")
            except MySQLdb.Error:
                time.sleep(0.05)
            else:
                return True
        return False

    def _certify(self, kind: Certificate) -> None:
        import trustme  # a dependency of tests with TLS alone

        authority = trustme.CA()
        names = ["db.example.com"] if kind == "other name" else [self.host, "localhost"]
        yesterday = datetime.now(UTC) - timedelta(days=1)
        server = authority.issue_cert(*names, not_after=yesterday if kind == "expired" else None)
        client = authority.issue_cert(common_name="client")
        authority.cert_pem.write_to_path(str(self.ca_file))
        for name, certificate in (("server", server), ("client", client)):
            chain, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
            chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
            key.write_bytes(certificate.private_key_pem.bytes())
            if name == "server":
                give(key, server_user(_USER))
            key.chmod(0o600)
        files = {"ssl-cert": "server.pem", "ssl-key": "server.key", "ssl-ca": "ca.pem"}
        self._settings |= {name: str(self._folder / file) for name, file in files.items()}

    def _stop(self) -> None:
        if self._server is not None:
            self._server.kill()  # what it knew is thrown away in any case
            self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _as_user() -> Sequence[str]:
    user = server_user(_USER)
    return () if user is None else (f"--user={user}",)
