"""The Snowflake source, through its real driver, against a stand-in (fakesnow, and what `snowflake_server.py` adds)."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import socket
import ssl
import threading
import urllib.request
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import trustme
from adbc_driver_manager.dbapi import Cursor
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from headrace.calls.batch import JSON_FIELD
from headrace.connector import Spec
from headrace.errors import SourceError
from headrace.model import Check, Secret
from headrace.ports import Source
from headrace.sources import snowflake_connection
from headrace.sources.snowflake import SPEC
from headrace.testing.server_contract import ServerContract
from headrace.testing.source_contract import Typed
from tests.emulators.process import Emulator

Make = Callable[[Spec, Mapping[str, Any]], Source]
PASSWORD = "correct horse"
SERIES = (
    'select row_number() over (order by seq8()) as "n", \'row \' || "n" as "label" '
    "from table(generator(rowcount => {rows}))"
)
FIRST, LAST = (dt.datetime.fromisoformat(text) for text in ("0001-01-01T00:00:00", "9999-12-31T23:59:59"))
NO_ZONE = dt.datetime.fromisoformat("2026-01-02T03:04:05.678901")


class Folded:
    """A source whose upper-case names are folded to lower case.

    Snowflake folds names without quotes to upper case, and the queries of the contract are written for databases that
    fold to lower case.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.notes: Mapping[str, int] = {}

    async def check(self) -> Check:
        return await self._source.check()

    async def now(self) -> dt.datetime:
        return await self._source.now()

    async def preview(self, sql: str, limit: int) -> pa.Table:
        table = await self._source.preview(sql, limit)
        return table.rename_columns([_folded(name) for name in table.schema.names])

    async def read(self, sql: str) -> AsyncGenerator[pa.RecordBatch, None]:
        batches = self._source.read(sql)
        try:
            async for batch in batches:
                yield batch.rename_columns([_folded(name) for name in batch.schema.names])
        finally:
            await batches.aclose()
            self.notes = self._source.notes

    async def close(self) -> None:
        await self._source.close()


def _folded(name: str) -> str:
    return name.lower() if name.isupper() else name


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@contextmanager
def handshakes(certificate: trustme.LeafCert) -> Iterator[int]:
    """A port where only the TLS handshake is answered, with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    context.wrap_socket(connection, server_side=True).close()

        threading.Thread(target=answer, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory, key: rsa.RSAPrivateKey) -> Iterator[Emulator]:
    public = tmp_path_factory.mktemp("keys") / "public.pem"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with Emulator("snowflake", str(public)) as emulator:
        ask(emulator, "execute", "create table people (id int, name varchar)")
        ask(emulator, "execute", "insert into people values (1, 'Ada'), (2, 'Bo')")
        yield emulator


@pytest.fixture(scope="module")
def bad_certificates() -> Iterator[Mapping[str, int]]:
    """Ports whose certificates have a fault, by its name."""
    authority = trustme.CA()
    certificates = {
        "expired": authority.issue_cert("127.0.0.1", not_after=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        "unknown": authority.issue_cert("127.0.0.1"),
        "other name": authority.issue_cert("other.example.com"),
    }
    with ExitStack() as stack:
        yield {name: stack.enter_context(handshakes(one)) for name, one in certificates.items()}


def ask(emulator: Emulator, what: str, body: str = "") -> Any:
    """Ask the stand-in itself, beside Snowflake's protocol."""
    address = f"http://{emulator.host}:{emulator.port}/stand-in/{what}"
    with urllib.request.urlopen(urllib.request.Request(address, body.encode(), method="POST")) as answer:
        return json.load(answer)


def settings_for(emulator: Emulator, **changed: Any) -> dict[str, Any]:
    return {
        "account": "acme-main", "user": "reader", "password": Secret(PASSWORD), "role": "READER",
        "warehouse": "READING", "database": "SHOP", "schema": "PUBLIC",
        "host": emulator.host, "port": emulator.port, "protocol": "http", **changed,
    }  # fmt: skip


class TestSnowflake(ServerContract):
    catalog = SPEC.catalog_query({}), ("PUBLIC", "PEOPLE", "ID NUMBER, NAME TEXT")
    series = SERIES
    slow = "select system$wait(3600)"
    fails_late = "select cast(iff(\"n\" < 150000, '1', 'x') as int) from (" + SERIES.format(rows=200_000) + ")"
    longest_name = 255
    wrong = (
        ("select nope from people", 1, 8, "invalid identifier 'NOPE'"),
        ("select 1,\n  'ü😀', nope\nfrom people", 2, 9, "invalid identifier 'NOPE'"),
        ("select 1\nfrom people\nwher id = 1", 3, 6, "unexpected 'id'"),
        ("select * from nobody", None, None, "'NOBODY' does not exist or not authorized"),
    )
    writes = (
        "insert into people values (11, 'x')",
        "update people set name = 'x'",
        "delete from people",
        "truncate table people",
        "merge into people using (select 1 as i) as o on people.id = o.i when matched then delete",
        "create table more (n int)",
        "create temporary table more (n int)",
        "create table more as select * from people",
        "drop table people",
        "alter session set timezone = 'UTC'",
        "use role writer",
        "call nobody()",
        "begin",
        "show tables",
        "select 1) ->> delete from people ->> select * from (select 1",
        "select 1 ->> delete from people",
        "execute immediate 'delete from people'",
    )
    types = (
        Typed("7::number(9, 0)", pa.int64(), 7),
        Typed("-999999999999999999::number(18, 0)", pa.int64(), -999999999999999999),
        Typed("7", pa.decimal128(38, 0), Decimal(7)),
        Typed("99999999999999999999999999999999999999", pa.decimal128(38, 0), Decimal("9" * 38)),
        Typed("1.10::number(12, 2)", pa.decimal128(12, 2), Decimal("1.10")),
        Typed("0.1::float", pa.float64(), 0.1),
        Typed("'NaN'::float", pa.float64(), float("nan")),
        Typed("'-inf'::float", pa.float64(), float("-inf")),
        Typed("true", pa.bool_(), True),
        Typed("'text'", pa.string(), "text"),
        Typed("'ab'::varchar(5)", pa.string(), "ab"),
        Typed("to_binary('00ff', 'hex')", pa.binary(), b"\x00\xff"),
        Typed("'9999-12-31'::date", pa.date32(), dt.date(9999, 12, 31)),
        Typed("'23:59:59.999999'::time", pa.time64("ns"), dt.time(23, 59, 59, 999999)),
        Typed("'2026-01-02 03:04:05.678901'::timestamp_ntz", pa.timestamp("us"), NO_ZONE),
        Typed("'9999-12-31 23:59:59'::timestamp_ntz", pa.timestamp("us"), LAST),
        Typed("'0001-01-01 00:00:00'::timestamp_ntz", pa.timestamp("us"), FIRST),
        Typed(
            "'2026-01-02 03:04:05.678901 +0200'::timestamp_tz",
            pa.timestamp("us", "UTC"),
            dt.datetime(2026, 1, 2, 1, 4, 5, 678901, dt.UTC),
        ),
        Typed("""parse_json('{"b":[1,null,"é"]}')""", pa.string(), '{"b":[1,null,"é"]}', JSON_FIELD),
        Typed("null", pa.string(), None),
    )  # fmt: skip

    @pytest.fixture(autouse=True)
    def _given(
        self, stand_in: Emulator, bad_certificates: Mapping[str, int], make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.stand_in, self.bad_certificates, self.make = stand_in, bad_certificates, make
        monkeypatch.setattr(snowflake_connection, "LOGIN_TIMEOUT", 1)
        monkeypatch.setattr(snowflake_connection, "RETRY_TIMEOUT", 2)

    def source(self, **settings: Any) -> Source:
        return Folded(self.make(SPEC, settings_for(self.stand_in, **settings)))

    def literal(self, text: str) -> str:
        return super().literal(text.replace("\\", "\\\\"))  # Snowflake's strings have backslash escapes

    def contents(self) -> object:
        return ask(self.stand_in, "execute", "select * from people order by id"), ask(
            self.stand_in, "execute", "select table_name from information_schema.tables order by 1"
        )

    def running(self) -> int:
        running: int = ask(self.stand_in, "running")
        return running

    def writer(self) -> Mapping[str, Any]:
        return {"role": "WRITER"}

    def sever(self) -> None:
        ask(self.stand_in, "sever")

    def faults(self) -> Mapping[str, tuple[Mapping[str, Any], str]]:
        secure = {"protocol": "https", "ocsp": False}  # what asks the Internet stays off in tests
        ports = self.bad_certificates
        return {
            "wrong password": ({"password": Secret("wr0ng-one")}, "refused the password of the user 'reader'"),
            "unknown user": ({"user": "nobody"}, "or knows no such user"),
            "another key": (
                {"password": None, "private_key": Secret(pem(rsa.generate_private_key(65537, 2048)))},
                "ALTER USER reader SET RSA_PUBLIC_KEY",
            ),
            "no key": ({"password": None, "private_key": Secret("n0 key")}, "must be an RSA key in PEM"),
            "no key file": ({"password": None, "private_key_file": "nope.p8"}, "The file 'nope.p8' cannot be read"),
            "unknown role": ({"role": "NOBODY"}, "GRANT ROLE NOBODY TO USER reader;"),
            "unknown database": ({"database": "MISSING"}, "Snowflake has no database 'MISSING'"),
            "unknown host": ({"host": "no-such-host.invalid"}, "The host name 'no-such-host.invalid' is unknown here"),
            "nothing listens": ({"port": 1}, "Nothing answers at 127.0.0.1:1"),
            "no TLS": ({**secure}, "does not speak TLS"),
            "expired certificate": ({**secure, "port": ports["expired"]}, "has expired or is not yet valid"),
            "certificate of an unknown authority": ({**secure, "port": ports["unknown"]}, "SSL_CERT_FILE"),
            "certificate for another name": ({**secure, "port": ports["other name"]}, "is for another name"),
        }

    async def test_a_result_that_ends_too_early_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Snowflake tells how many rows a result has; fewer are no result."""
        monkeypatch.setattr(Cursor, "rowcount", property(lambda _cursor: 11))
        async with self.opened() as source:
            with pytest.raises(SourceError, match="broke off after 10 of 11 rows") as caught:
                assert [batch.num_rows async for batch in source.read(self.series.format(rows=10))] == [10]
        assert caught.value.code == "connection_lost"

    async def test_a_cancel_reaches_the_server(self) -> None:
        """A statement that runs in Snowflake is ended there, not only left alone."""
        async with self.opened() as source, asyncio.timeout(20):
            reading = asyncio.ensure_future(anext(source.read(self.slow)))
            while not await asyncio.to_thread(self.running):
                pass
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert self.running() == 0
