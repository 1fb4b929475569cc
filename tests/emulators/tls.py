"""Certificates, good and faulty, and a server that only shows one."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme


class Certificates:
    """An authority and certificates for 127.0.0.1, as PEM files in ``folder``; each is (certificate, key)."""

    def __init__(self, folder: Path) -> None:
        authority, stranger = trustme.CA(), trustme.CA()
        self._folder = folder
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.authority)
        self.good = self._write("good", authority.issue_cert("127.0.0.1", "localhost"))
        self.other_name = self._write("other_name", authority.issue_cert("elsewhere.example"))
        self.unknown = self._write("unknown", stranger.issue_cert("127.0.0.1"))
        self.expired = self._write(
            "expired", authority.issue_cert("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC))
        )

    def _write(self, name: str, issued: trustme.LeafCert) -> tuple[Path, Path]:
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        key.chmod(0o600)
        return certificate, key


class TlsServer:
    """A server on ``port`` of 127.0.0.1 that shows its certificate and hangs up, while the context lasts."""

    def __init__(self, pair: tuple[Path, Path]) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*pair)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(10)
                with self._context.wrap_socket(connection, server_side=True) as encrypted:
                    encrypted.recv(1)
