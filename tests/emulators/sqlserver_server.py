"""A stand-in for SQL Server: the TDS 7.4 and 8.0 protocols, spoken by hand, before DuckDB.

What it is: logins with a password, TLS inside TDS and around it, batches, results of the types that T-SQL has, errors
with SQL Server's numbers, attentions that stop a running query, connections that break. So the real driver runs
against it. What it is not: SQL Server. T-SQL is translated by sqlglot and answered by DuckDB; the questions about the
server and about rights are answered from a table (`sqlserver_answers.py`); locks and isolation do not exist.

    python sqlserver_server.py [CERTIFICATE KEY]

Without a certificate it offers no TLS. Lines on its input are orders: `sever` cuts every connection, `running` asks
how many statements run.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import struct
import sys
from collections.abc import Generator

from sqlserver_answers import DATABASES, LOGINS
from sqlserver_engine import Engine, Refused, Session
from sqlserver_types import column_metadata, words

BATCH, RPC, ATTENTION, TRANSACTION, LOGIN, PRELOGIN, REPLY = 1, 3, 6, 14, 16, 18, 4
OFF, ON, NOT_SUPPORTED, REQUIRED = 0, 1, 2, 3
PACKET = 4_096
TLS_RECORDS = 0x14, 0x15, 0x16, 0x17
MORE, FAILED, COUNTED, STOPPED = 0x01, 0x02, 0x10, 0x20  # flags of DONE


class Wire:
    """Packets over a stream, in the clear, in TLS, or TLS whose handshake travels in packets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._clear = bytearray()  # decrypted, not yet read

    async def secure(self, context: ssl.SSLContext, *, wrapped: bool) -> None:
        """The server's side of the handshake; ``wrapped``: in packets of PRELOGIN."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush(wrapped)
                data = (await self.packet())[1] if wrapped else await self._reader.read(65_536)
                if not data:
                    raise ConnectionError("gone in the handshake") from None
                self._incoming.write(data)
        await self._flush(wrapped)
        self._tls = tls

    def unsecure(self) -> None:
        self._tls = None

    async def _flush(self, wrapped: bool) -> None:
        data = self._outgoing.read()
        if data:
            self._writer.write(struct.pack(">BBHHBB", PRELOGIN, 1, len(data) + 8, 0, 0, 0) + data if wrapped else data)
            await self._writer.drain()

    async def _exactly(self, count: int) -> bytes:
        if self._tls is None:
            return await self._reader.readexactly(count)
        while len(self._clear) < count:
            try:
                self._clear += self._tls.read(65_536)
            except ssl.SSLWantReadError:
                data = await self._reader.read(65_536)
                if not data:
                    raise ConnectionError("gone") from None
                self._incoming.write(data)
            except ssl.SSLError as error:
                raise ConnectionError(str(error)) from error
        data = bytes(self._clear[:count])
        del self._clear[:count]
        return data

    async def packet(self) -> tuple[int, bytes, bool]:
        """Kind, contents, and whether it is the message's last."""
        kind, status, length = struct.unpack(">BBH", (await self._exactly(8))[:4])
        return kind, await self._exactly(length - 8), bool(status & 1)

    async def message(self) -> tuple[int, bytes]:
        kind, data, last = await self.packet()
        parts = [data]
        while not last:
            _, data, last = await self.packet()
            parts.append(data)
        return kind, b"".join(parts)

    async def send(self, data: bytes, *, last: bool) -> bytes:
        """Send whole packets; what is left over comes back, unless it is the ``last``."""
        size = PACKET - 8
        whole = len(data) if last else len(data) // size * size
        for start in range(0, whole, size):
            part = data[start : start + size]
            end = last and start + size >= whole
            self._write(struct.pack(">BBHHBB", REPLY, int(end), len(part) + 8, 0, 1, 0) + part)
        await self._writer.drain()
        return data[whole:]

    def _write(self, data: bytes) -> None:
        if self._tls is None:
            self._writer.write(data)
        else:
            self._tls.write(data)
            self._writer.write(self._outgoing.read())

    def abort(self) -> None:
        self._writer.transport.abort()


class Client:
    """One connection, from PRELOGIN to its end."""

    def __init__(self, wire: Wire, server: Server) -> None:
        self.wire = wire
        self._server = server
        self._session: Session | None = None
        self._running: asyncio.Task[None] | None = None
        self._stopping = False

    async def serve(self) -> None:
        try:
            if not await self._login():
                return
            while True:
                kind, data = await self.wire.message()
                if kind == ATTENTION:
                    await self._stop()
                    await self.wire.send(done(STOPPED), last=True)
                elif kind == BATCH:
                    headers = struct.unpack_from("<I", data)[0]
                    self._running = asyncio.ensure_future(self._answer(data[headers:].decode("utf-16-le")))
                else:
                    refusal = Refused(40_000, f"the stand-in does not know messages of kind {kind}")
                    await self.wire.send(problem(refusal) + done(FAILED), last=True)
        finally:
            await self._stop()
            if self._session is not None:
                self._session.close()

    async def _login(self) -> bool:
        kind, data = await self.wire.message()
        assert kind == PRELOGIN
        asked = prelogin_option(data, 1)
        context = self._server.context
        strict = self._server.strict_connections.pop(self, False)
        offered = ON if asked in (ON, REQUIRED) else OFF
        answer = NOT_SUPPORTED if strict or context is None else offered
        await self.wire.send(prelogin_answer(answer), last=True)
        if context is not None and not strict and asked != NOT_SUPPORTED:
            await self.wire.secure(context, wrapped=True)
        kind, data = await self.wire.message()
        if answer == OFF:
            self.wire.unsecure()  # only the login was encrypted
        assert kind == LOGIN
        user, password, database = (login_text(data, at) for at in (40, 44, 68))
        refusal = None
        if LOGINS.get(user) != password:
            refusal = Refused(18_456, f"Login failed for user '{user}'.")
        elif database not in DATABASES:
            refusal = Refused(
                4_060, f'Cannot open database "{database}" requested by the login. The login failed.', severity=11
            )
        if refusal is not None:
            await self.wire.send(problem(refusal) + done(FAILED), last=True)
            return False
        self._session = self._server.engine.session(user, database, encrypted=strict or answer == ON)
        await self.wire.send(welcome(database), last=True)
        return True

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        self._stopping = True
        while not running.done():
            assert self._session is not None
            self._session.interrupt()
            await asyncio.wait([running], timeout=0.02)
        self._stopping = False

    async def _answer(self, sql: str) -> None:
        assert self._session is not None
        rest = b""
        tokens = self._tokens(self._session, sql)
        try:
            while (token := await asyncio.to_thread(next, tokens, None)) is not None and not self._stopping:
                rest = await self.wire.send(rest + token, last=False)
            if not self._stopping:
                await self.wire.send(rest, last=True)
        except ConnectionError:
            pass
        finally:
            await asyncio.to_thread(tokens.close)

    def _tokens(self, session: Session, sql: str) -> Generator[bytes, None, None]:
        """What is sent in answer to a batch."""
        self._server.statements.add(self)
        try:
            columns, batches = session.execute(sql)
            if not columns:
                yield done(0)
                return
            yield column_metadata(columns)
            count = 0
            for rows, data in batches:
                count += rows
                yield data
            yield done(COUNTED, count)
        except Refused as refusal:
            yield problem(refusal) + done(FAILED)
        except Exception as error:  # noqa: BLE001  a client that gets no answer would wait for ever
            yield problem(Refused(50_000, f"the stand-in failed: {error!r}")) + done(FAILED)
        finally:
            self._server.statements.discard(self)


class Server:
    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.context = context
        self.engine = Engine()
        self.statements: set[Client] = set()
        self.clients: set[Client] = set()
        self.strict_connections: dict[Client, bool] = {}

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        client = Client(wire, self)
        self.clients.add(client)
        try:
            first = await reader.readexactly(1)
            reader._buffer[0:0] = first  # type: ignore[attr-defined]  # asyncio has no way to look ahead
            if first[0] in TLS_RECORDS and self.context is not None:
                self.strict_connections[client] = True
                await wire.secure(self.context, wrapped=False)
            await client.serve()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.clients.discard(client)
            writer.close()

    async def obey(self) -> None:
        """Orders from the test, until its end."""
        while line := await asyncio.to_thread(sys.stdin.readline):
            if line.strip() == "sever":
                for client in list(self.clients):
                    client.wire.abort()
            elif line.strip() == "running":
                print("running", len(self.statements), flush=True)


def prelogin_option(data: bytes, wanted: int) -> int:
    at = 0
    while data[at] != 0xFF:
        option, start, _ = struct.unpack_from(">BHH", data, at)
        if option == wanted:
            return data[start]
        at += 5
    return NOT_SUPPORTED


def prelogin_answer(encryption: int) -> bytes:
    values = [(0, bytes([16, 0, 4, 0, 0, 0])), (1, bytes([encryption])), (2, b"\0"), (3, b""), (4, b"\0")]
    start = len(values) * 5 + 1
    head = b""
    for option, value in values:
        head += struct.pack(">BHH", option, start, len(value))
        start += len(value)
    return head + b"\xff" + b"".join(value for _, value in values)


def login_text(data: bytes, at: int) -> str:
    """A text of LOGIN7. The password's nibbles are swapped."""
    start, length = struct.unpack_from("<HH", data, at)
    raw = data[start : start + 2 * length]
    if at == 44:
        raw = bytes((byte ^ 0xA5) >> 4 | ((byte ^ 0xA5) << 4) & 0xF0 for byte in raw)
    return raw.decode("utf-16-le")


def welcome(database: str) -> bytes:
    name = words(database, 1)
    change = b"\x01" + name + words("master", 1)
    size = b"\x04" + words(str(PACKET), 1) + words("4096", 1)
    collation = b"\x07\x05\x09\x04\xd0\x00\x34\x00"
    program = "Microsoft SQL Server"
    ack = b"\x01" + struct.pack(">I", 0x74000004) + words(program, 1) + bytes([16, 0, 4, 0])
    tokens = [b"\xe3" + struct.pack("<H", len(body)) + body for body in (change, collation, size)]
    return b"".join(tokens) + b"\xad" + struct.pack("<H", len(ack)) + ack + done(0)


def problem(refusal: Refused) -> bytes:
    body = struct.pack("<iBB", refusal.number, 1, refusal.severity) + words(refusal.text, 2)
    body += words("stand-in", 1) + words("", 1) + struct.pack("<I", refusal.line)
    return b"\xaa" + struct.pack("<H", len(body)) + body


def done(flags: int, rows: int = 0) -> bytes:
    return struct.pack("<BHHQ", 0xFD, flags, 0xC1, rows)


async def main(files: list[str]) -> None:
    context = None
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        context.set_alpn_protocols(["tds/8.0"])
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # inside TDS 7.4, as SQL Server itself
    server = Server(context)
    listener = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    print("ready", listener.sockets[0].getsockname()[1], flush=True)
    await server.obey()
    os._exit(0)  # whatever still runs


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
