"""The ClickHouse source, against ClickHouse's engine behind an HTTP interface made for the tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pytest
from urllib3.exceptions import ProtocolError

from headrace.access import Tunnel
from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.connector import Spec
from headrace.errors import QueryError, SourceError
from headrace.model import Secret
from headrace.ports import Source, Tools
from headrace.sources.clickhouse import SPEC
from headrace.sources.clickhouse_errors import query_refusal
from headrace.sources.clickhouse_http import ArrowBody, ClickHouseError, where
from headrace.testing.server_contract import ServerContract
from headrace.testing.source_contract import Typed
from tests.emulators.process import Emulator
from tests.emulators.tls import Certificates, TlsServer

Make = Callable[[Spec, Mapping[str, Any]], Source]
PASSWORD = "correct horse"


def settings_for(server: Emulator, user: str = "reader", **settings: Any) -> dict[str, Any]:
    login = {"host": server.host, "port": server.port, "database": "shop", "user": user}
    return {**login, "password": Secret(PASSWORD), **settings}


def ask(server: Emulator, sql: str, **parameters: str) -> list[Any]:
    """A statement as the writer, past Headrace."""
    connection = HTTPConnection(server.host, server.port, timeout=10)
    query = urlencode({"default_format": "JSONCompact", **parameters})
    connection.request("POST", f"/?{query}", sql, {"X-ClickHouse-User": "writer", "X-ClickHouse-Key": PASSWORD})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    assert answer.status == 200, data
    return list(json.loads(data)["data"])


@pytest.fixture(scope="session")
def clickhouse() -> Iterator[Emulator]:
    """A server without TLS."""
    with Emulator("clickhouse") as server:
        yield server


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def showing(certificates: Certificates) -> Iterator[Mapping[str, int]]:
    """Ports of servers with a faulty certificate, by the fault."""
    with ExitStack() as stack:
        yield {
            fault: stack.enter_context(TlsServer(getattr(certificates, fault))).port
            for fault in ("expired", "unknown", "other_name")
        }


class TestClickHouse(ServerContract):
    catalog = SPEC.catalog_query({}), ("shop", "people", "id Int32, name String")
    series = "select toInt64(number + 1) as n, concat('row ', toString(number + 1)) as label from numbers({rows})"
    slow = "select count() from numbers(1000000000000) where not ignore(rand())"
    fails_late = "select throwIf(number = 1900000) as bad from numbers(2000000)"
    names = ("cart.items.0", 'say "hi"', "it's", " a b ", "{}", "UserId", "straße 名前 😀", "a`b", "back`slash")
    equal_names = False
    wrong = (
        ("select nope from people", None, None, "nope"),
        ("select 1,\n  'ü😀', nope nope2 nope3\nfrom people", 2, 20, "nope3"),
        ("selec 1", 1, 1, "selec"),
        ("select 1\nfrom people\nwher id = 1", 3, 6, "id"),
        ("select * from nobody", None, None, "nobody"),
        ("select 1 as a, 'x'::Int32 as b", None, None, "Cannot parse"),
        ("select sumState(number) as s from numbers(3)", None, None, "finalizeAggregation"),
    )
    writes = (
        "insert into people values (11, 'x')",
        "insert into people select 11, 'x'",
        "insert into function null('n UInt8') select 1",
        "insert into function file('/tmp/headrace-was-here', 'CSV', 'n UInt8') select 1",
        "alter table people delete where id = 1",
        "alter table people update name = 'x' where id = 1",
        "delete from people where id = 1",
        "truncate table people",
        "drop table people",
        "create table more (n Int32) engine = Memory",
        "create temporary table more (n Int32)",
        "create view more as select 1",
        "rename table people to persons",
        "optimize table people final",
        "set readonly = 0",
        "select * from url('http://127.0.0.1:1/', 'LineAsString') settings readonly = 0",
        "select 1 into outfile '/tmp/headrace-was-here'",
        "select 1) into outfile '/tmp/headrace-was-here' --",
        "select 1 format CSV",
        "select * from file('/etc/hostname', 'LineAsString')",
        "select * from url('http://127.0.0.1:1/', 'LineAsString')",
        "system drop mark cache",
        "kill query where 1 = 1",
        "grant select on shop.* to writer",
        "use system",
    )
    types = (
        Typed("toInt8(-128)", pa.int8(), -128),
        Typed("toInt16(-32768)", pa.int16(), -32768),
        Typed("toInt32(2147483647)", pa.int32(), 2147483647),
        Typed("toInt64(-9223372036854775808)", pa.int64(), -9223372036854775808),
        Typed("toUInt8(255)", pa.uint8(), 255),
        Typed("toUInt64(18446744073709551615)", pa.uint64(), 18446744073709551615),
        Typed("toNullable(toUInt32(4294967295))", pa.uint32(), 4294967295),
        Typed("-toInt128('170141183460469231731687303715884105727')", pa.string(),
              "-170141183460469231731687303715884105727", NUMERIC_FIELD),
        Typed("toUInt128('340282366920938463463374607431768211455')", pa.string(),
              "340282366920938463463374607431768211455", NUMERIC_FIELD),
        Typed("toInt256('-57896044618658097711785492504343953926634992332820282019728792003956564819968')", pa.string(),
              "-57896044618658097711785492504343953926634992332820282019728792003956564819968", NUMERIC_FIELD),
        Typed("toFloat32(1.5)", pa.float32(), 1.5),
        Typed("0.1", pa.float64(), 0.1),
        Typed("nan", pa.float64(), float("nan")),
        Typed("-inf", pa.float64(), float("-inf")),
        Typed("toBFloat16(1.5)", pa.float32(), 1.5),
        Typed("toDecimal32('1.10', 2)", pa.decimal128(9, 2), Decimal("1.10")),
        Typed("toDecimal128('12345678901234567890.12345678901234567', 17)", pa.decimal128(38, 17),
              Decimal("12345678901234567890.12345678901234567")),
        Typed("toDecimal256('1234567890123456789012345678901234567890.5', 1)", pa.string(),
              "1234567890123456789012345678901234567890.5", NUMERIC_FIELD),
        Typed("true", pa.bool_(), True),
        Typed("'text'", pa.string(), "text"),
        Typed("toLowCardinality('x')", pa.string(), "x"),
        Typed("toLowCardinality(toNullable('x'))", pa.string(), "x"),
        Typed("toFixedString('ab', 4)", pa.string(), "ab"),
        Typed("cast('glad' as Enum8('glad' = 1, 'sad' = 2))", pa.string(), "glad"),
        Typed("cast('a)b' as Nullable(Enum16('a)b' = 1000)))", pa.string(), "a)b"),
        Typed("toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')", pa.string(), "61f0c404-5cb3-11e7-907b-a6006ad3dba0"),
        Typed("toIPv4('192.0.2.1')", pa.string(), "192.0.2.1"),
        Typed("toIPv6('2001:db8::1')", pa.string(), "2001:db8::1"),
        Typed("toDate('2149-06-06')", pa.date32(), date(2149, 6, 6)),
        Typed("toDate32('1900-01-01')", pa.date32(), date(1900, 1, 1)),
        Typed("toDateTime('2026-01-02 03:04:05', 'Europe/Berlin')", pa.timestamp("s", "UTC"),
              datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)),
        Typed("toDateTime64('2026-01-02 03:04:05.678901', 6, 'UTC')", pa.timestamp("us", "UTC"),
              datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)),
        Typed("toDateTime64('1900-01-01 00:00:00.5', 1, 'UTC')", pa.timestamp("ms", "UTC"),
              datetime(1900, 1, 1, 0, 0, 0, 500000, UTC)),
        Typed("toTime64('100:34:56.789', 3)", pa.string(), "100:34:56.789"),
        Typed("toIntervalDay(3)", pa.string(), "P3D"),
        Typed("toIntervalQuarter(3)", pa.string(), "3"),
        Typed("[1, 2]", pa.string(), "[1,2]", JSON_FIELD),
        Typed("['a', null, 'b,c']", pa.string(), '["a",null,"b,c"]', JSON_FIELD),
        Typed("[nan, 1.5]", pa.string(), "[null,1.5]", JSON_FIELD),
        Typed("[toUInt64(18446744073709551615)]", pa.string(), "[18446744073709551615]", JSON_FIELD),
        Typed("[toDateTime('2026-01-02 03:04:05', 'Europe/Berlin')]", pa.string(),
              '["2026-01-02T02:04:05Z"]', JSON_FIELD),
        Typed("cast((1, 'x') as Tuple(a UInt64, b Enum8('x' = 1)))", pa.string(), '{"a":1,"b":"x"}', JSON_FIELD),
        Typed("(1, 'x')", pa.string(), '[1,"x"]', JSON_FIELD),
        Typed("map('a', 1)", pa.string(), '{"a":1}', JSON_FIELD),
        Typed("cast([(1, 'a')] as Nested(x UInt8, y String))", pa.string(), '[{"x":1,"y":"a"}]', JSON_FIELD),
        Typed("""cast('{"a":{"b":[1,null]}}' as JSON)""", pa.string(), '{"a":{"b":[1,null]}}', JSON_FIELD),
        Typed("cast(42 as Dynamic)", pa.string(), "42", JSON_FIELD),
        Typed("cast(toUInt64(42) as Variant(UInt64, String))", pa.string(), "42", JSON_FIELD),
        Typed("(1.0, 2.0)::Point", pa.string(), "[1,2]", JSON_FIELD),
        Typed("null", pa.string(), None),
    )  # fmt: skip

    @pytest.fixture(autouse=True)
    def _given(
        self, clickhouse: Emulator, make: Make, certificates: Certificates, showing: Mapping[str, int]
    ) -> Iterator[None]:
        self.server, self.make, self.certificates, self.showing = clickhouse, make, certificates, showing
        yield
        assert not Path("/tmp/headrace-was-here").exists()

    def source(self, **settings: Any) -> Source:
        return self.make(SPEC, settings_for(self.server, **settings))

    def literal(self, text: str) -> str:
        return super().literal(text.replace("\\", "\\\\"))

    def contents(self) -> object:
        people = ask(self.server, "select * from shop.people order by id")
        return people, ask(self.server, "select database, name from system.tables where database = 'shop'")

    def running(self) -> int:
        [(running,)] = ask(self.server, "select count() from system.processes where Settings['log_comment'] != ''")
        return int(running)

    def faults(self) -> Mapping[str, tuple[Mapping[str, Any], str]]:
        trusted = {"tls": "verify-full", "tls_ca": str(self.certificates.authority)}
        return {
            "wrong password": ({"password": Secret("wrong secret")}, "refused the password of the user 'reader'"),
            "no password": ({"password": None}, "refused the password"),
            "unknown user": ({"user": "nobody"}, "or knows no such user"),
            "unknown host": ({"host": "no-such-host.invalid"}, "The host name 'no-such-host.invalid' is unknown here"),
            "nothing listens": ({"port": 1}, "Nothing answers at 127.0.0.1:1"),
            "unknown database": ({"database": "missing"}, "has no database 'missing'"),
            "unknown setting": ({"options": {"nonsense": 1}}, "nonsense"),
            "no TLS there": ({"tls": "require"}, "could not agree on TLS"),
            "no such file": ({"tls": "verify-full", "tls_ca": "nope.pem"}, "There is no file 'nope.pem'"),
            "expired certificate": ({**trusted, "port": self.showing["expired"]}, "has expired"),
            "certificate of an unknown authority": (
                {**trusted, "port": self.showing["unknown"]}, "not signed by an authority that we trust",
            ),
            "certificate for another name": ({**trusted, "port": self.showing["other_name"]}, "is for another name"),
        }  # fmt: skip

    def writer(self) -> Mapping[str, Any]:
        return {"user": "writer"}

    def sever(self) -> None:
        connection = HTTPConnection(self.server.host, self.server.port, timeout=10)
        connection.request("POST", "/sever")
        connection.getresponse().read()
        connection.close()

    @pytest.mark.parametrize("user", ["reader", "careful", "locked"])
    async def test_an_account_s_own_read_only_mode_does_no_harm(self, user: str) -> None:
        """Accounts with readonly 0, 1 and 2 all read; where it can be set, every statement runs with readonly = 1."""
        async with self.opened(user=user, statement_timeout=0) as source:
            [row] = (await source.preview("select getSetting('readonly') as mode, [1] as list", 1)).to_pylist()
        assert row == {"mode": {"reader": 1, "careful": 2, "locked": 1}[user], "list": "[1]"}

    async def test_an_account_that_cannot_change_settings_is_told_so(self) -> None:
        """With readonly = 1 in its profile no option can be set, and the error names them."""
        async with self.opened(user="locked", options={"join_use_nulls": 1}) as source:
            with pytest.raises(SourceError, match="cannot change the settings join_use_nulls") as caught:
                await source.now()
        assert caught.value.code == "options"

    async def test_options_reach_the_server(self) -> None:
        """What stands in `options` holds for the query."""
        async with self.opened(options={"join_use_nulls": True}) as source:
            [row] = (await source.preview("select getSetting('join_use_nulls') as o", 1)).to_pylist()
        assert row == {"o": True}

    async def test_a_profile_cannot_cut_a_result_short(self) -> None:
        """Where the account's profile would end a large result, there is an error or all; `options` cannot do it."""
        async with self.opened(user="careful", options={"max_result_rows": 100_000}) as source:
            with pytest.raises(QueryError, match="Limit for result exceeded"):
                assert [batch async for batch in source.read(self.series.format(rows=1_000_000))] == []
        async with self.opened(user="limited") as source:
            assert sum([batch.num_rows async for batch in source.read("select * from people")]) == 10
        for options in ({"limit": 10}, {"timeout_overflow_mode": "break"}):
            assert SPEC.validate is not None
            assert [field for field, _ in SPEC.validate({"options": options})] == ["options"]

    async def test_a_failure_after_rows_were_given_is_told_in_the_server_s_words(self) -> None:
        """Rows that came before an exception are no result: the reading ends with the exception, not with an end."""
        async with self.opened() as source:
            batches = source.read(self.fails_late)
            count = (await anext(batches)).num_rows
            with pytest.raises(QueryError, match="throwIf"):
                assert [batch async for batch in batches] == []
        assert 0 < count < 1_900_000

    async def test_text_that_is_no_text_is_mended_and_counted(self) -> None:
        """Bytes that are not UTF-8 become replacement characters; a note says in which column, and how often."""
        async with self.opened() as source:
            table = await source.preview("select unhex('61ff62') as s, toFixedString('ab', 4) as f, 'é' as t", 1)
        assert table.to_pylist() == [{"s": "a\N{REPLACEMENT CHARACTER}b", "f": "ab", "t": "é"}]
        [(note, count)] = source.notes.items()
        assert "Column 's'" in note
        assert count == 1

    async def test_rights_to_write_are_warned_of(self) -> None:
        """SELECT, also of single columns, is no reason to warn; each further right is named with its REVOKE."""
        async with self.opened() as source:
            assert (await source.check()).warnings == ()
        async with self.opened(user="careful") as source:
            warnings = (await source.check()).warnings
        assert "Run: REVOKE INSERT(id) ON shop.* FROM careful;" in warnings[0]

    async def test_tls_with_a_good_certificate(self) -> None:
        """The authority's certificate makes verify-full work; without it the server is refused."""
        with Emulator("clickhouse", *map(str, self.certificates.good)) as server:
            for settings, ok in (
                ({"tls": "verify-full", "tls_ca": str(self.certificates.authority)}, True),
                ({"tls": "verify-ca", "tls_ca": str(self.certificates.authority)}, True),
                ({"tls": "require"}, True),
                ({"tls": "verify-full"}, False),
            ):
                async with self.opened(port=server.port, **settings) as source:
                    check = await source.check()
                assert check.ok is ok, (settings, check)
            async with self.opened(
                port=server.port, tls="verify-ca", tls_ca=str(self.certificates.authority)
            ) as source:
                assert (await source.preview("select 1 as n", 1)).to_pylist() == [{"n": 1}]

    async def test_through_a_tunnel_the_server_s_own_name_is_verified(self, tmp_path: Path) -> None:
        """With ssh_tunnel the connection goes to the tunnel's end, and the certificate must be for `host`."""
        nothing: Any = None
        tunnels = Tunnels()
        tools = Tools(http=nothing, clock=nothing, home=tmp_path, base=tmp_path, tunnels=tunnels)
        trusted: dict[str, Any] = {"tls": "verify-full", "tls_ca": str(self.certificates.authority)}
        trusted["ssh_tunnel"] = {"host": "bastion"}
        assert SPEC.source is not None
        with Emulator("clickhouse", *map(str, self.certificates.other_name)) as server:
            tunnels.host, tunnels.port = server.host, server.port
            for host, problems in (("elsewhere.example", 0), ("nearby.example", 1)):
                source = SPEC.source(settings_for(server, **trusted, host=host, port=8443), tools)
                assert len((await source.check()).problems) == problems
                await source.close()
        assert tunnels.opened == [("elsewhere.example", 8443), ("nearby.example", 8443)]
        assert tunnels.closed == 2


class Tunnels:
    """Tunnels that lead to ``host`` and ``port``, and count."""

    def __init__(self) -> None:
        self.host, self.port = "", 0
        self.opened: list[tuple[str, int]] = []
        self.closed = 0

    def open(self, settings: Mapping[str, Any], host: str, port: int) -> Tunnel:
        self.opened.append((host, port))
        return self

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"host": "localhost"}, "localhost:8123"),
        ({"host": "localhost", "tls": "verify-full"}, "localhost:8443"),
        ({"host": "db.internal"}, "db.internal:8443"),
        ({"host": "db.internal", "tls": "disable"}, "db.internal:8123"),
        ({"host": "localhost", "ssh_tunnel": {"host": "bastion"}}, "localhost:8443"),
        ({"host": "db.internal", "port": 443}, "db.internal:443"),
    ],
)
def test_the_port_follows_from_tls(settings: dict[str, Any], place: str) -> None:
    """Without a setting, only a server on this machine is spoken to in the clear, and on the port for that."""
    assert where(settings) == place


class Cut:
    """A response whose body is ``parts``, and which breaks where a part is an error."""

    def __init__(self, *parts: bytes | Exception) -> None:
        self._parts = list(parts)

    def read(self, size: int | None) -> bytes:
        part = self._parts.pop(0) if self._parts else b""
        if isinstance(part, Exception):
            raise part
        return part


def test_a_stream_without_its_mark_is_not_whole() -> None:
    """Whatever breaks off before the end of an Arrow stream is an error, however politely the connection ends."""
    end = b"\xff\xff\xff\xff\x00\x00\x00\x00"
    text = b"\r\n__exception__\r\nTAG\r\nCode: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)\n"
    response: Any = Cut(b"rows", end)
    ArrowBody(response).finish()
    for parts, error in (
        ((b"rows",), ProtocolError),
        ((b"rows", end[:5]), ProtocolError),
        ((b"rows", ProtocolError("cut", IncompleteRead(b""))), ProtocolError),
        ((b"rows", text[:30], text[30:]), ClickHouseError),
        ((b"rows", ProtocolError("cut", IncompleteRead(text))), ClickHouseError),
    ):
        broken: Any = Cut(*parts)
        with pytest.raises(error):
            ArrowBody(broken).finish()


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        (202, 500, "too_many_connections"), (394, 500, "connection_lost"), (497, 403, "grants"),
        (164, 500, "read_only"), (159, 500, "query_timeout"), (241, 500, "query"), (0, 503, "not_ready"),
        (0, 400, "source"),
    ],
)  # fmt: skip
def test_what_the_server_says_has_a_code(code: int, status: int, told: str) -> None:
    """Refusals that a user meets have a code of their own, and never the server's name for it in capitals."""
    refusal = ClickHouseError(code, "Said so. (SOME_NAME) (version 26.9.2.1)", status)
    error = query_refusal(refusal, "select 1", {"host": "db.internal", "user": "reader", "statement_timeout": 5})
    assert error.code == told
    assert "SOME_NAME" not in error.message
