"""A stand-in for a ClickHouse server: the engine itself (chdb), behind an HTTP interface as ClickHouse documents it.

Real are the SQL, the types, Arrow, the settings, the read-only modes, KILL QUERY and every message about a query.
Made here are accounts with their grants, the HTTP framing of results and of exceptions amid them, TLS, and
connections that are cut.

Arguments, for TLS: the files of a certificate and its key.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb

PASSWORD = "correct horse"
USERS = {
    "reader": 0,
    "careful": 2,
    "locked": 1,
    "limited": 0,
    "writer": 0,
}  # the account's own setting `readonly`
CUTS = {"careful": "break"}  # what the account's profile does with results that are too large
LIMITS = {"limited": 5}  # rows that the account's profile allows of a result
GRANTS = {
    "reader": ["GRANT SELECT ON shop.* TO reader"],
    "locked": ["GRANT SELECT, SHOW TABLES ON shop.* TO locked"],
    "careful": ["GRANT SELECT(id, name) ON shop.people TO careful", "GRANT SELECT, INSERT(id) ON shop.* TO careful"],
}  # the writer has those of the engine's own user
SETUP = (
    "create database shop",
    "create table shop.people (id Int32, name String) engine = MergeTree order by id",
    "insert into shop.people select number + 1, concat('person ', toString(number + 1)) from numbers(10)",
)
OF_HTTP = {"query", "query_id", "database", "default_format", "user", "password"}  # parameters that are no settings
STREAMED = re.compile(r"(?i)(\s|--.*\n|/\*.*?\*/)*(select|with|\()")
END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
TAG = "PU1FNUFH98WYTNQQ"


def connect() -> Any:
    """A connection as a new HTTP request finds it. The engine as a library also takes a SELECT without the word."""
    connection = chdb.connect(":memory:")
    connection.query("set implicit_select = 0", "CSV")
    return connection


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.context = context
        self.open: set[socket.socket] = set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the play."""

    def sever(self, but: socket.socket) -> None:
        for one in self.open - {but}:
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                socket.socket.shutdown(one, socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        if self.server.context is not None:
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()
        self.server.open.add(self.request)

    def finish(self) -> None:
        self.server.open.discard(self.request)
        super().finish()

    def log_message(self, *words: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        sql = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path == "/sever":
            self.server.sever(self.request)
            return self.answer(200, b"")
        user = self.headers.get("X-ClickHouse-User", "default")
        if user not in USERS or self.headers.get("X-ClickHouse-Key") != PASSWORD:
            return self.refuse(
                f"Code: 516. DB::Exception: {user}: Authentication failed: password is incorrect, or there is no user "
                "with such name. (AUTHENTICATION_FAILED) (version 26.9.2.1)"
            )
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if sql.startswith("SHOW GRANTS") and user in GRANTS:
            lines = ",".join(f'["{line}"]' for line in GRANTS[user])
            return self.answer(200, f'{{"data": [{lines}]}}'.encode())
        # The engine makes up its queries' ids, so ours goes as a setting along with it.
        sql = re.sub(r"(?i)(kill query where )query_id", r"\1Settings['log_comment']", sql)
        try:
            chunks = run(sql, user, parameters)
            first = next(chunks, b"")
        except (RuntimeError, ValueError) as error:
            return self.refuse(words(error))
        return self.stream(first, chunks)

    def stream(self, first: bytes, chunks: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("X-ClickHouse-Exception-Tag", TAG)
        self.end_headers()
        with contextlib.closing(chunks):  # type: ignore[type-var]  # a generator
            try:
                self.chunk(first)
                for chunk in chunks:
                    self.chunk(chunk)
            except RuntimeError as error:
                text = f"{words(error)}\n"
                self.chunk(f"\r\n__exception__\r\n{TAG}\r\n{text}{len(text)} {TAG}\r\n__exception__\r\n".encode())
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    def chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def refuse(self, message: str) -> None:
        code = re.split(r"[:.]", message, maxsplit=2)[1].strip()
        self.answer(403 if code == "516" else 404 if code in ("60", "81") else 500, message.encode(), code)

    def answer(self, status: int, body: bytes, code: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if code:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.end_headers()
        self.wfile.write(body)


def run(sql: str, user: str, parameters: dict[str, str]) -> Iterator[bytes]:
    """The result of a statement as its bytes come. Raises `RuntimeError` in the engine's words."""
    connection = connect()
    try:
        if parameters.get("query_id"):
            connection.query(f"set log_comment = {literal(parameters['query_id'])}", "CSV")
        connection.query(f"use `{parameters.get('database', 'default')}`", "CSV")
        if user in LIMITS:
            connection.query(f"set limit = {LIMITS[user]}", "CSV")
        if USERS[user]:
            connection.query(f"set result_overflow_mode = '{CUTS.get(user, 'throw')}'", "CSV")
            connection.query(f"set readonly = {USERS[user]}", "CSV")
        # All at once, as a server applies those of a request: `readonly` among them forbids no other.
        settings = [f"{name} = {literal(value)}" for name, value in parameters.items() if name not in OF_HTTP]
        if settings:
            connection.query(f"set {', '.join(settings)}", "CSV")
        form = parameters.get("default_format", "TabSeparated")
        if not STREAMED.match(sql):
            yield connection.query(sql, form).bytes()
            return
        with contextlib.closing(connection.send_query(sql, form)) as result:
            chunks = (chunk.bytes() for chunk in result)
            if form != "ArrowStream":
                yield from chunks
                return
            none = True
            for part in one_stream(chunks):
                none = False
                yield part
        if none:
            yield connection.query(sql, form).bytes()
    finally:
        connection.close()


def one_stream(streams: Iterator[bytes]) -> Iterator[bytes]:
    """The engine gives each batch as an Arrow stream of its own; a server gives one schema, batches and one end."""
    schema = 0
    for stream in streams:
        yield stream[schema : -len(END_OF_STREAM)]
        schema = 8 + int.from_bytes(stream[4:8], "little")
    if schema:
        yield END_OF_STREAM


def words(error: Exception) -> str:
    return str(error).removeprefix("Streaming query failed: ")


def literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def main() -> None:
    context = None
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[1:])
    keep = connect()  # the engine lives as long as a connection does
    for statement in SETUP:
        keep.query(statement, "CSV")
    server = Server(context)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"ready {server.server_address[1]}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
