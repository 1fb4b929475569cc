"""What the tests of the PostgreSQL source read, the faults they make, and a tunnel without SSH."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from headrace.model import Secret
from headrace.testing.postgres import PostgresServer

SCHEMA = """
create type mood as enum ('glad', 'sad');
create type pair as (a int, b text);
create domain positive as int check (value > 0);
create extension citext;
create extension hstore;
create sequence numbers;
create table people (id bigint primary key, name text);
insert into people select i, 'name ' || i from generate_series(1, 10) as i;
create function insert_one() returns int language sql as 'insert into people values (99, ''x'') returning 1';
create role reader login password 'reader';
create role writer login password 'writer';
grant usage on schema public to reader, writer;
grant select on all tables in schema public to reader, writer;
grant insert on people to writer;
"""


def settings_for(server: PostgresServer, **settings: Any) -> dict[str, Any]:
    return {
        "host": server.host,
        "port": server.port,
        "database": "postgres",
        "user": server.user,
        "password": Secret(server.password),
        **settings,
    }


def faults(
    plain: PostgresServer, tls: PostgresServer, expired: PostgresServer
) -> dict[str, tuple[dict[str, Any], str]]:
    """The faults of `headrace.testing.source_contract.ServerContract`, for sources that use libpq."""
    proven = {"database": "postgres", "user": "postgres", "password": Secret(plain.password), "tls": "verify-full"}
    return {
        "wrong password": ({"password": Secret("not this one")}, "refused the password of the role"),
        "unknown host": ({"host": "no-such-host.invalid"}, "The host name 'no-such-host.invalid' is unknown here"),
        "nothing listens": ({"port": 1}, "Nothing answers at 127.0.0.1:1"),
        "expired certificate": (
            {**proven, "port": expired.port, "tls_ca": str(expired.ca_file)},
            "or it has expired",
        ),
        "certificate of an unknown authority": (
            {**proven, "port": tls.port},
            "not signed by an authority that we trust",
        ),
        "certificate for another name": (
            {**proven, "port": tls.port, "tls_ca": str(tls.ca_file), "host": "localhost"},
            "is for another name",
        ),
    }


class Forwarder:
    """`headrace.ports.Tunnels` whose tunnels lead to ``port`` of this machine, wherever they are meant to lead."""

    host = "127.0.0.1"

    def __init__(self, port: int) -> None:
        self.target = port
        self.asked: list[tuple[Mapping[str, Any], str, int]] = []
        self.closed = 0

    def open(self, settings: Mapping[str, Any], host: str, port: int) -> Forwarder:
        self.asked.append((settings, host, port))
        self.listener = socket.create_server((self.host, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def close(self) -> None:
        self.closed += 1
        self.listener.close()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection((self.host, self.target))
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=ends, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError), source, sink:
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)
