"""The SQL Server source, through its real driver, against a stand-in that speaks the server's protocol."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import trustme

from headrace.connector import Spec
from headrace.errors import QueryError, SourceError
from headrace.model import Secret
from headrace.ports import Source
from headrace.sources.sqlserver import SPEC
from headrace.testing.server_contract import ServerContract
from headrace.testing.source_contract import Typed
from tests.emulators.process import Emulator

pytest.importorskip("mssql_python", reason="the extra `sqlserver` is not installed")
try:
    ctypes.CDLL("libltdl.so.7")
except OSError:
    pytest.skip("libltdl7, which the driver for SQL Server loads, is not installed", allow_module_level=True)

Make = Callable[[Spec, Mapping[str, Any]], Source]
PASSWORD = "reader's {secret};"
MOMENT = datetime.fromisoformat("2026-01-02T03:04:05.678901")


class StandIn(Emulator):
    """The stand-in, and the orders it takes."""

    def __init__(self, *files: str) -> None:
        super().__init__("sqlserver", *files)

    def order(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def running(self) -> int:
        self.order("running")
        assert self.process.stdout is not None
        return int(self.process.stdout.readline().split()[1])


class Certificates:
    """An authority, and a stand-in for each thing that can be wrong with a certificate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.authority = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.authority))

    def stand_in(self, name: str, **fault: Any) -> StandIn:
        """One with a certificate for ``name``."""
        issued = self._authority.issue_cert(name, **fault)
        certificate, key = self._folder / f"{name}{len(fault)}.pem", self._folder / f"{name}{len(fault)}.key"
        certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return StandIn(str(certificate), str(key))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(certificates: Certificates) -> Iterator[StandIn]:
    """A stand-in with a good certificate for localhost."""
    with certificates.stand_in("localhost") as server:
        yield server


@pytest.fixture(scope="module")
def faulty(certificates: Certificates) -> Iterator[Mapping[str, StandIn]]:
    """Stand-ins with bad certificates."""
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    with (
        certificates.stand_in("localhost", not_before=long_ago - timedelta(1), not_after=long_ago) as expired,
        certificates.stand_in("elsewhere.example") as other,
    ):
        yield {"expired": expired, "other": other}


def settings_for(server: StandIn, **settings: Any) -> dict[str, Any]:
    return {
        "host": server.host,
        "port": server.port,
        "database": "shop",
        "user": "reader",
        "password": Secret(PASSWORD),
        **settings,
    }


class TestSqlServer(ServerContract):
    catalog = SPEC.catalog_query({}), ("dbo", "people", "id BIGINT, name VARCHAR")
    series = "select value as n, cast(concat('row ', value) as varchar(20)) as label from generate_series(1, {rows})"
    slow = "select count(*) as n from generate_series(1, 1000000000000)"
    fails_late = (
        "select cast(case when value < 100000 then '1' else 'x' end as int) as n from generate_series(1, 200000)"
    )
    many = 300_000  # the stand-in writes its rows in Python
    wrong = (
        ("select nope as a from people", 1, 8, "Invalid column name 'nope'"),
        ("select 1 as a,\n  'ü😀' as b, nope as c\nfrom people", 2, 14, "nope"),
        ("select 1 as n from nobody", 1, 20, "Invalid object name 'nobody'"),
        ("select 1 as n from dbo.nobody", 1, 24, "nobody"),
        ("select id as n from people where where id = 1", None, None, "Incorrect syntax near 'where'"),
        ("select nope as a, nope as b from people", None, None, "nope"),
    )
    writes = (
        "insert into people values (11, 'x')",
        "insert into people output inserted.id values (11, 'x')",
        "update people set name = 'x'",
        "delete from people",
        "merge people using people as p on 1 = 0 when not matched then insert values (11, 'x');",
        "truncate table people",
        "create table more (n int)",
        "select * into more from people",
        "select id into #more from people",
        "drop table people",
        "select 1 as n delete from people",
        "select 1delete from people",
        "select 1e5delete from people",
        "select 1 as n /* a /* b */ */ delete from people",
        "select 1 as n -- '\ndelete from people",
        "select ']' as n delete from people",
        "select 'it''s' as n delete from people",
        "select 1 as [a]]] delete from people",
        "with a as (select 1 as n) delete from people",
        "with a as (select 1 as n) insert into people select n, 'x' from a",
        "select * from (delete from people output deleted.id) as d",
        "select * from openquery(other, 'delete from people')",
        "select * from openrowset('MSOLEDBSQL', 'x', 'delete from people')",
        "select next value for numbers as n",
        "exec sp_who",
        "sp_who",
        "{call sp_who}",
        "select 1 as n {call sp_who}",
        "declare @n int = 1 select @n as n",
        "begin transaction",
        "select 1 as n commit",
        "rollback",
        "set rowcount 1",
        "use master",
        "waitfor delay '00:00:01'",
        "kill 51",
        "\uff44\uff45\uff4c\uff45\uff54\uff45 from people",
        "select 1 as n éDELETE from people",
        "select 1 as n --\rdelete from people",
        "select 1 as n --\u2028delete from people",
        "select 1 as n\0delete from people",
    )
    types = (
        Typed("cast(255 as tinyint)", pa.uint8(), 255),
        Typed("cast(-32768 as smallint)", pa.int16(), -32768),
        Typed("2147483647", pa.int32(), 2147483647),
        Typed("cast(9223372036854775807 as bigint)", pa.int64(), 9223372036854775807),
        Typed("cast(1 as bit)", pa.bool_(), True),
        Typed("cast(1.5 as real)", pa.float64(), 1.5),
        Typed("cast(0.1 as float)", pa.float64(), 0.1),
        Typed("cast('1.10' as decimal(12, 2))", pa.decimal128(12, 2), Decimal("1.10")),
        Typed("cast('-0.01' as decimal(38, 2))", pa.decimal128(38, 2), Decimal("-0.01")),
        Typed(
            "cast('123456789012345678901234567890.12345678' as decimal(38, 8))",
            pa.decimal128(38, 8),
            Decimal("123456789012345678901234567890.12345678"),
        ),
        Typed("cast('-12.34' as money)", pa.decimal128(19, 4), Decimal("-12.3400")),
        Typed("cast('12.34' as smallmoney)", pa.decimal128(10, 4), Decimal("12.3400")),
        Typed("cast('0001-01-01' as date)", pa.date32(), date(1, 1, 1)),
        Typed("cast('9999-12-31' as date)", pa.date32(), date(9999, 12, 31)),
        Typed("cast('23:59:59.999999' as time(7))", pa.time64("ns"), time(23, 59, 59, 999999)),
        Typed("cast('2026-01-02 03:04:05.678901' as datetime2(7))", pa.timestamp("us"), MOMENT),
        Typed("cast('2026-01-02 03:04:05.67' as datetime)", pa.timestamp("us"), MOMENT.replace(microsecond=670_000)),
        Typed(
            "cast('2026-01-02 03:04:00' as smalldatetime)",
            pa.timestamp("us"),
            datetime.fromisoformat("2026-01-02 03:04"),
        ),
        Typed(
            "cast('2026-01-02 05:04:05.678901+02:00' as datetimeoffset(7))",
            pa.timestamp("us", "UTC"),
            MOMENT.replace(tzinfo=UTC),
        ),
        Typed(
            "cast('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' as uniqueidentifier)",
            pa.large_string(),
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        ),
        Typed("cast('é' as varchar(9))", pa.large_string(), "é"),
        Typed("cast('ab' as char(3))", pa.large_string(), "ab "),
        Typed("cast(N'名😀' as nvarchar(9))", pa.large_string(), "名😀"),
        Typed("cast(N'名😀' as nvarchar(max))", pa.large_string(), "名😀"),
        Typed("cast('ab' as nchar(3))", pa.large_string(), "ab "),
        Typed("cast('<a/>' as xml)", pa.large_string(), "<a/>"),
        Typed("cast(0x00ff as varbinary(9))", pa.large_binary(), b"\x00\xff"),
        Typed("cast(0x00ff as varbinary(max))", pa.large_binary(), b"\x00\xff"),
    )

    @pytest.fixture(autouse=True)
    def _given(
        self,
        server: StandIn,
        faulty: Mapping[str, StandIn],
        certificates: Certificates,
        make: Make,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.server, self.faulty, self.certificates, self.make = server, faulty, certificates, make
        # The driver tries a host for as long as it may, even one that is not there.
        monkeypatch.setattr("headrace.sources.sqlserver_connection.LOGIN_TIMEOUT", 1)

    def source(self, **settings: Any) -> Source:
        return self.make(SPEC, settings_for(self.server, **settings))

    def direct(self, sql: str) -> list[tuple[Any, ...]]:
        """A statement past the source, as an account that may write."""
        import mssql_python

        words = f"Server=tcp:127.0.0.1,{self.server.port};Database=shop;Uid=admin;Pwd=admin;TrustServerCertificate=yes"
        with mssql_python.connect(words, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def contents(self) -> object:
        tables = self.direct("select cast(table_name as varchar(99)) as n from information_schema.tables order by n")
        return tables, self.direct("select id, name from people order by id")

    def running(self) -> int:
        return self.server.running()

    def literal(self, text: str) -> str:
        return "N'" + text.replace("'", "''") + "'"

    def faults(self) -> Mapping[str, tuple[Mapping[str, Any], str]]:
        trusted = {"host": "localhost", "tls": "verify-full", "tls_ca": str(self.certificates.authority)}
        return {
            "wrong password": ({"password": Secret("guess-9313")}, "refused the password of the login 'reader'"),
            "unknown login": ({"user": "nobody"}, "knows no such login"),
            "unknown database": ({"database": "nowhere"}, "no database 'nowhere'"),
            "unknown host": ({"host": "no-such-host.invalid"}, "'no-such-host.invalid' is unknown"),
            "nothing listens": ({"port": 1}, "Nothing answers at 127.0.0.1:1"),
            "expired certificate": ({**trusted, "port": self.faulty["expired"].port}, "has expired"),
            "certificate of an unknown authority": (
                {"host": "localhost", "tls": "verify-full"},
                "not signed by an authority that we trust",
            ),
            "certificate for another name": ({**trusted, "port": self.faulty["other"].port}, "is for another name"),
            "strict with an unknown authority": ({"host": "localhost", "tls": "strict"}, "authority that we trust"),
            "no such authority": ({**trusted, "tls_ca": "nowhere.pem"}, "There is no file 'nowhere.pem'"),
        }

    def writer(self) -> Mapping[str, Any]:
        return {"user": "writer", "password": Secret("writer")}

    def sever(self) -> None:
        self.server.order("sever")

    async def test_the_stand_in_would_write(self) -> None:
        """What is refused would change something if it were sent: the proof above can fail."""
        before = self.contents()
        self.direct("insert into people values (99, 'x')")
        assert self.contents() != before
        self.direct("delete from people where id = 99")
        assert self.contents() == before

    async def test_a_type_that_cannot_be_read_is_told(self) -> None:
        """The message names the column and says what to write."""
        async with self.opened() as source:
            with pytest.raises(QueryError, match=r"CAST\(\[v\] AS nvarchar\(4000\)\) AS \[v\]"):
                await source.preview("select 1 as n, cast(1 as sql_variant) as v", 5)

    async def test_the_snapshot_is_taken_where_it_is_allowed(self) -> None:
        """The check tells the isolation; a database without snapshots is read as it is committed, or as it is set."""
        for settings, isolation in (
            ({}, "snapshot"),
            ({"database": "plain"}, "read-committed"),
            ({"isolation": "read-committed"}, "read-committed"),
        ):
            async with self.opened(**settings) as source:
                assert (await source.check()).facts["isolation"] == isolation

    async def test_the_encryption_is_told(self) -> None:
        """Off only where it is switched off; on by default, and proven with the authority's certificate."""
        trusted = {"host": "localhost", "tls_ca": str(self.certificates.authority)}
        for settings, tls in (
            ({"tls": "disable"}, "off"),
            ({}, "on"),
            ({"tls": "require"}, "on"),
            ({**trusted, "tls": "verify-full"}, "on"),
            ({**trusted, "tls": "strict"}, "on"),
            ({**trusted, "tls": "strict", "host": "127.0.0.1", "tls_name": "localhost"}, "on"),
        ):
            async with self.opened(**settings) as source:
                check = await source.check()
            assert check.ok, (settings, check.problems)
            assert check.facts["tls"] == tls

    async def test_an_address_needs_the_certificate_s_name(self) -> None:
        """Through a tunnel too: a certificate for another name than the wanted one is refused."""
        trusted = {"tls_ca": str(self.certificates.authority), "tls": "verify-full"}
        async with self.opened(**trusted, tls_name="elsewhere.example") as source:
            with pytest.raises(SourceError, match="is for another name"):
                await source.now()

    @pytest.mark.parametrize(
        ("user", "database", "words"),
        [
            ("admin", "shop", "is a sysadmin"),
            ("writer", "shop", "ALTER ROLE db_datawriter DROP MEMBER [writer];"),
            ("granted", "shop", "REVOKE INSERT, UPDATE, DELETE, ALTER ON SCHEMA::[dbo] FROM [granted];"),
            ("granted", "plain", "REVOKE CREATE TABLE FROM [granted];"),
        ],
    )
    async def test_what_could_write_is_told_with_its_mending(self, user: str, database: str, words: str) -> None:
        """Roles and rights that write are warned of, with the statement that takes them away."""
        async with self.opened(user=user, password=Secret(user), database=database) as source:
            assert words in (await source.check()).warnings[0]

    async def test_a_login_that_reads_nothing_is_told(self) -> None:
        """The grant it lacks stands in the problem."""
        async with self.opened(user="blind", password=Secret("blind")) as source:
            assert "GRANT SELECT ON SCHEMA::[dbo] TO [blind];" in (await source.check()).problems[0]
