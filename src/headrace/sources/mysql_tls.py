"""A first look at a MySQL server, in which its certificate is verified; the driver is then held to that certificate.

The driver's library compares a certificate with the address that it connects to, which through a tunnel is not the
server's name; it knows no verify-ca; and where a server offers no TLS it goes on without. So the handshake is made
here first, by Python's ssl, up to the point where a password would be sent. Then the driver connects and takes no
other certificate than those that were verified, by their fingerprints.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from headrace.sources.network import CONNECT_TIMEOUT, Address, system_authorities

_PROTOCOL_41, _SSL, _SECURE, _LONG_PASSWORD = 0x200, 0x800, 0x8000, 0x1
_UTF8MB4 = 45


class Refusal(Exception):
    """The server's own refusal, before anybody logged in."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(number, message)


class NoTls(Exception):
    """The server offers no TLS, and the settings demand it."""


@dataclass(frozen=True, slots=True)
class Met:
    """What the first look found: the address that answered, and the certificate that it showed over TLS."""

    host: str
    port: int
    certificate: bytes | None  # DER; None: no TLS

    def fingerprint(self, library: str) -> str:
        """The certificate's fingerprint as the driver's library takes it: SHA-1 before its version 3.4."""
        assert self.certificate is not None
        version = tuple(int(part) for part in library.split(".")[:2])
        return (hashlib.sha256 if version >= (3, 4) else hashlib.sha1)(self.certificate).hexdigest()


def meet(address: Address, mode: str, files: Mapping[str, str]) -> Met:
    """Connect, and verify what ``mode`` demands. Raises `OSError`, `ssl.SSLError`, `Refusal` and `NoTls`."""
    context = None if mode == "disable" else _context(mode, files)
    with socket.create_connection((address.host, address.port), CONNECT_TIMEOUT) as connection:
        host, port = connection.getpeername()[:2]
        offers_tls = _greeting(connection)
        if context is None or (mode == "prefer" and not offers_tls):
            return Met(host, port, None)
        if not offers_tls:
            raise NoTls
        flags = _PROTOCOL_41 | _SSL | _SECURE | _LONG_PASSWORD
        connection.sendall(b"\x20\x00\x00\x01" + struct.pack("<IIB23x", flags, 1 << 24, _UTF8MB4))
        with context.wrap_socket(connection, server_hostname=address.name) as encrypted:
            return Met(host, port, encrypted.getpeercert(binary_form=True))


def _context(mode: str, files: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.get("tls_ca"))
    if "tls_ca" not in files and (authorities := system_authorities()):
        context.load_verify_locations(authorities)
    if mode != "verify-full":
        context.check_hostname = False
    if not mode.startswith("verify"):
        context.verify_mode = ssl.CERT_NONE
    if "tls_certificate" in files:
        context.load_cert_chain(files["tls_certificate"], files["tls_key"], password="")
    return context


def _greeting(connection: socket.socket) -> bool:
    """Read the server's first packet; whether it offers TLS."""
    header = _exactly(connection, 4)
    packet = _exactly(connection, int.from_bytes(header[:3], "little"))
    if packet[:1] == b"\xff":
        words = re.sub("^#[0-9A-Z]{5}", "", packet[3:].decode(errors="replace"))
        raise Refusal(int.from_bytes(packet[1:3], "little"), words)
    if packet[:1] != b"\x0a" or b"\x00" not in packet:
        raise OSError("what answers is no MySQL server")
    rest = packet.index(b"\x00") + 1 + 4 + 8 + 1  # after version, connection id, and the first part of the challenge
    return bool(int.from_bytes(packet[rest : rest + 2], "little") & _SSL)


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        more = connection.recv(size - len(received))
        if not more:
            raise ConnectionResetError("the server closed the connection")
        received += more
    return received
