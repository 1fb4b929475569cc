"""A real, throw-away PostgreSQL server for tests: Debian's binaries, a free port of 127.0.0.1, gone afterwards."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import psycopg

from headrace.testing.machine import free_port, give, server_user

_USER = "postgres"
_TRIES = 5  # another process may take the free port between our look and the server's start


def postgres_binaries() -> Path | None:
    """The folder with ``initdb`` and ``postgres`` of the newest installed version, or None."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class PostgresServer:
    """A server of one's own, for the length of a ``with``.

    Over TCP every role needs its password (SCRAM). With ``tls`` the server offers TLS with a certificate for 127.0.0.1
    and ``name``, signed by ``ca_file``, and refuses connections without it; with ``expired`` that certificate is of
    the past. ``hba`` are lines put before the others in ``pg_hba.conf``, ``settings`` server settings. Durability is
    off: it is fast, and forgets.
    """

    host = "127.0.0.1"
    name = "db.example.com"  # in the certificate; nothing resolves it
    user = "postgres"
    password = "let me in"

    def __init__(
        self,
        *,
        tls: bool = False,
        expired: bool = False,
        hba: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.port = 0
        self.tls = tls
        self._expired = expired
        self._hba = tuple(hba)
        self._settings = dict(settings or {})
        self._folder = Path()
        self._numbers = itertools.count(1)

    @property
    def socket_folder(self) -> str:
        """Where the server's Unix socket is: a ``host`` that needs no password."""
        return str(self._folder)

    @property
    def ca_file(self) -> Path:
        """The authority that signed the server's certificate; with ``tls`` only."""
        return self._folder / "ca.pem"

    @property
    def client_certificate(self) -> tuple[Path, Path]:
        """Certificate and key of a client that the same authority signed; with ``tls`` only."""
        return self._folder / "client.pem", self._folder / "client.key"

    def url(self, database: str = "postgres") -> str:
        """A libpq URL that logs in as the superuser."""
        base = f"postgresql://{self.user}:{quote(self.password)}@{self.host}:{self.port}/{quote(database)}"
        return base + (f"?sslmode=verify-full&sslrootcert={quote(str(self.ca_file))}" if self.tls else "")

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the superuser, in autocommit."""
        return psycopg.connect(self.url(database), autocommit=True)

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements as the superuser; the rows of the last one, if it has any."""
        with self.connect(database) as connection:
            cursor = connection.execute(sql.encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def create_database(self, sql: str = "") -> str:
        """A fresh database, filled by ``sql``; its name."""
        name = f"database_{next(self._numbers)}"
        self.execute(f"create database {name}")
        if sql:
            self.execute(sql, name)
        return name

    @contextmanager
    def away(self) -> Iterator[None]:
        """Inside the block the server is gone, as after a crash; then it is back on the same port."""
        binaries = postgres_binaries()
        assert binaries is not None
        self._halt(binaries)
        try:
            yield
        finally:
            self._start(binaries, self.port)

    def __enter__(self) -> PostgresServer:
        binaries = postgres_binaries()
        if binaries is None:
            raise RuntimeError("No PostgreSQL server here: initdb was not found. Install postgresql (apt).")
        self._folder = Path(tempfile.mkdtemp(prefix="headrace-pg-"))
        try:
            give(self._folder, server_user(_USER))
            self._initialise(binaries)
            self._start(binaries)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _initialise(self, binaries: Path) -> None:
        password = self._write("password", self.password)
        whose: list[str | Path] = ["--pgdata", self._data, "--username", self.user, "--pwfile", password]
        how = ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run([binaries / "initdb", *whose, *how])
        kind = "hostssl" if self.tls else "host"
        lines = [*self._hba, "local all all trust", f"{kind} all all 127.0.0.1/32 scram-sha-256"]
        (self._data / "pg_hba.conf").write_text("\n".join(lines) + "\n")
        if self.tls:
            self._certify()

    def _certify(self) -> None:
        import trustme  # a dependency of tests with TLS alone

        authority = trustme.CA()
        start, end = (
            (datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)) if self._expired else (None, None)
        )
        server = authority.issue_cert(self.host, self.name, not_before=start, not_after=end)
        client = authority.issue_cert(common_name=self.user)
        authority.cert_pem.write_to_path(str(self.ca_file))
        for name, certificate in (("server", server), ("client", client)):
            self._write(f"{name}.pem", b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
            self._write(f"{name}.key", certificate.private_key_pem.bytes())
        # libpq refuses a key that belongs to somebody else
        os.chown(self._folder / "client.key", os.getuid(), -1)
        files = {"ssl_cert_file": "server.pem", "ssl_key_file": "server.key", "ssl_ca_file": "ca.pem"}
        self._settings |= {"ssl": "on"} | {name: str(self._folder / file) for name, file in files.items()}

    def _start(self, binaries: Path, port: int = 0) -> None:
        settings = {
            "listen_addresses": self.host,
            "unix_socket_directories": str(self._folder),
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            **self._settings,
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        command: list[str | Path] = [
            binaries / "pg_ctl",
            "--pgdata",
            self._data,
            "--wait",
            "--log",
            self._folder / "log",
        ]
        for attempt in range(1, _TRIES + 1):
            self.port = port or free_port()
            try:
                self._run([*command, "--options", f"{options} -c port={self.port}", "start"])
                return
            except RuntimeError as error:
                if attempt == _TRIES:
                    raise RuntimeError(f"{error}\n{(self._folder / 'log').read_text()}") from error

    def _stop(self) -> None:
        pid_file = self._data / "postmaster.pid"
        if pid_file.exists():
            binaries = postgres_binaries()
            assert binaries is not None
            self._halt(binaries)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _halt(self, binaries: Path) -> None:
        command: list[str | Path] = [binaries / "pg_ctl", "--pgdata", self._data, "--mode=immediate", "stop"]
        subprocess.run(command, user=server_user(_USER), capture_output=True, cwd="/")

    def _write(self, name: str, content: str | bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o600)
        give(path, server_user(_USER))
        return path

    def _run(self, command: Sequence[str | Path]) -> None:
        # pg_ctl's child inherits its streams: without a file of its own for them we would wait for its end
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(command, user=server_user(_USER), stdout=output, stderr=output, cwd="/")
            if done.returncode:
                output.seek(0)
                raise RuntimeError(f"{Path(command[0]).name} failed: {output.read().decode(errors='replace')}")
