"""What the tests of the MySQL source share: servers, the things in them, and a stand-in for an SSH tunnel."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from headrace.access import Tunnel
from headrace.model import Secret
from headrace.ports import Source, Tools
from headrace.sources.mysql import SPEC
from headrace.testing.mariadb import MariadbServer, mariadb_binaries

ACCOUNT = (
    "create database shop character set utf8mb4",
    "create user reader@'127.0.0.1' identified by 'reader'",
    "grant select on shop.* to reader@'127.0.0.1'",
)
SCHEMA = (
    *ACCOUNT,
    "create user writer@'127.0.0.1' identified by 'writer'",
    # a writer with every right but those over accounts, so that nothing else than Headrace holds it back
    "grant all on *.* to writer@'127.0.0.1'",
    "use shop",
    "create table people (id bigint primary key, name text)",
    "create table old (id int) engine = myisam",
    "insert into people select seq, concat('name ', seq) from seq_1_to_10",
    "create sequence numbers",
    "create function insert_one() returns int begin insert into people values (99, 'x'); return 1; end",
    "create function insert_old() returns int begin insert into old values (99); return 1; end",
    "create procedure insert_two() insert into people values (98, 'x')",
    """create table kinds (tiny tinyint, tiny_u tinyint unsigned, flag boolean, small smallint,
        medium mediumint unsigned,
        filled int(10) unsigned zerofill, big bigint, big_u bigint unsigned, amount decimal(65,30), price decimal(12,2),
        filled_price decimal(8,2) zerofill, ratio float, exact double, bit1 bit(1), bit8 bit(8), bit64 bit(64), d date,
        t time(6), dt datetime(6), ts timestamp(3) null, y year, c char(3), vc varchar(5), b binary(3), vb varbinary(5),
        tx text, bl blob, js json, en enum('glad', 'sad'), se set('a', 'b'), geo point, uid uuid, ip inet6,
        latin text character set latin1, bin_text varchar(9) collate utf8mb4_bin)""",
    """insert into kinds values (-128, 255, 1, -32768, 16777215, 42, -9223372036854775808, 18446744073709551615,
        12345678901234567890123456789012345.123456789012345678901234567890, -1.10, 5.5, 1.5, 0.1, 1, b'10000001',
        0xffffffffffffffff, '9999-12-31', '-838:59:59.000001', '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05.678',
        2026, 'ab', 'ab', 'a', 'ab', 'té 😀', 0x00ff, '{"b": [1, null, "é"], "n": 1.10}', 'glad', 'a,b', point(1, 2),
        'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2001:db8::1', 'é', '007')""",
)


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariadbServer]:
    """A server without TLS, with the database shop; tests do not change it."""
    with _installed() as server:
        server.execute(*SCHEMA)
        yield server


@pytest.fixture(scope="module")
def mariadb_tls() -> Iterator[MariadbServer]:
    """A server with a good certificate."""
    with _installed(tls="good") as server:
        server.execute(*SCHEMA, "create user certified@'127.0.0.1' identified by 'certified' require x509")
        server.execute("grant select on shop.* to certified@'127.0.0.1'")
        yield server


@pytest.fixture(scope="module")
def mariadb_expired() -> Iterator[MariadbServer]:
    """A server with an empty database whose certificate has expired."""
    with _installed(tls="expired") as server:
        server.execute(*ACCOUNT)
        yield server


@pytest.fixture(scope="module")
def mariadb_elsewhere() -> Iterator[MariadbServer]:
    """A server with an empty database whose certificate is for db.example.com."""
    with _installed(tls="other name") as server:
        server.execute(*ACCOUNT)
        yield server


def _installed(**how: Any) -> MariadbServer:
    if mariadb_binaries() is None:
        pytest.skip("no MariaDB server installed")
    return MariadbServer(**how)


def settings_for(server: MariadbServer, user: str = "reader", **settings: Any) -> dict[str, Any]:
    login = {"host": server.host, "port": server.port, "database": "shop", "user": user, "password": Secret(user)}
    return {**{field.name: field.default for field in SPEC.fields}, **login, **settings}


def source_for(server: MariadbServer, base: Path, tunnels: Any = None, **settings: Any) -> Source:
    nothing: Any = None  # a source has no business with HTTP and the clock
    more = {} if tunnels is None else {"tunnels": tunnels}
    assert SPEC.source is not None
    tools = Tools(http=nothing, clock=nothing, home=base / "home", base=base, **more)
    return SPEC.source(settings_for(server, **settings), tools)


class Forwarder:
    """`Tunnel` and `Tunnels` at once: what connects to its port reaches the server on this machine.

    ``asked`` are the addresses that tunnels were opened to, ``closed`` whether the last one was closed.
    """

    host = "127.0.0.1"

    def __init__(self, server: MariadbServer) -> None:
        self._far = server.port
        self.asked: list[tuple[str, int]] = []
        self.closed = False

    def open(self, settings: Mapping[str, Any], host: str, port: int) -> Tunnel:
        self.asked.append((host, port))
        self._listener = socket.create_server((self.host, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def close(self) -> None:
        self.closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(near,), daemon=True).start()

    def _forward(self, near: socket.socket) -> None:
        with near, socket.create_connection((self.host, self._far)) as far:
            back = threading.Thread(target=_pump, args=(far, near), daemon=True)
            back.start()
            _pump(near, far)
            back.join()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)
