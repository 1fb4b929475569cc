"""The MySQL source, against a real MariaDB server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import aclosing, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import MySQLdb
import pyarrow as pa
import pytest

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.errors import QueryError, SourceError
from headrace.model import Secret
from headrace.ports import Source, Tools
from headrace.sources.mysql import SPEC
from headrace.sources.mysql_connection import Connection
from headrace.testing.mariadb import MariadbServer
from headrace.testing.server_contract import ServerContract
from headrace.testing.source_contract import Typed
from tests.sources import mariadb as servers
from tests.sources.mariadb import settings_for, source_for

mariadb, mariadb_tls = servers.mariadb, servers.mariadb_tls
mariadb_expired, mariadb_elsewhere = servers.mariadb_expired, servers.mariadb_elsewhere


def _kind(column: str) -> str:
    return f"(select {column} from kinds)"


class TestMariadb(ServerContract):
    catalog = SPEC.catalog_query({}), ("shop", "people", "id bigint(20), name text")
    quote = "`"
    names = (
        "cart.items.0", 'say "hi"', "it's", "a b", "{}", "UserId", "`", "straße 名前",
    )  # fmt: skip  # it cuts spaces off at both ends, and knows nothing beyond U+FFFF here
    longest_name = 64
    series = "select seq as n, concat('row ', seq) as label from seq_1_to_{rows}"
    slow = "select count(*) from seq_1_to_1000000000 where seq % 7 = sqrt(-seq)"
    fails_late = "select pow(10, if(seq = 150000, 400, 1)) as n from seq_1_to_200000"
    wrong = (
        ("select nope from people", None, None, "Unknown column 'nope'"),
        ("selec 1", 1, 1, "syntax error near 'selec 1'"),
        ("select 1\nfrom people\nwher id = 1", 3, 6, "near 'id = 1'"),
        ("select 'ü😀',\n  1 1, 2", 2, 5, "near '1, 2'"),
        ("select 1,", 1, 10, "syntax error"),
        ("select * from nobody", None, None, "Table 'shop.nobody' doesn't exist"),
        ("select ? as a", 1, 8, "near '? as a'"),
    )
    writes = (
        "insert into people values (11, 'x')",
        "insert into people values (11, 'x') returning id",
        "update people set name = 'x'",
        "delete from people",
        "delete from people returning id",
        "replace into people values (1, 'x')",
        "truncate people",
        "create table more (n int)",
        "create temporary table more (n int)",
        "create table more as select 1 as n",
        "drop table people",
        "alter table people add more int",
        "rename table people to persons",
        "insert into old values (1)",
        "select nextval(numbers)",
        "select next value for numbers",
        "select setval(numbers, 5)",
        "select insert_one()",
        "select insert_old()",
        "select id from people where insert_one() = 1",
        "call insert_two()",
        "set transaction read write",
        "set session transaction read write",
        "/*!50000 set session transaction read write */",
        "set statement max_statement_time = 1 for select 1",
        "set @@session.tx_read_only = 0",
        "set global general_log = 1",
        "commit",
        "rollback",
        "start transaction read write",
        "begin not atomic insert into people values (12, 'x'); select 1; end",
        "prepare p from 'insert into people values (14, ''x'')'",
        "execute immediate 'insert into people values (14, ''x'')'",
        "select 1 into outfile '/tmp/headrace-was-here'",
        "select 1 into dumpfile '/tmp/headrace-was-here'",
        "select 1 /*!50000 into outfile '/tmp/headrace-was-here' */",
        "select 1 /*M!100000 into outfile '/tmp/headrace-was-here' */",
        "select 1 as a union select 2 into outfile '/tmp/headrace-was-here'",
        "(select 1) into outfile '/tmp/headrace-was-here'",
        "select 1) into outfile '/tmp/headrace-was-here' -- ",
        "select 1) into outfile '/tmp/headrace-was-here' -- (",
        "select 1) or exists (select 2",
        "with a as (select 1) select * from a into outfile '/tmp/headrace-was-here'",
        "select id into @a from people limit 1",
        "select id from people for update",
        "select 1 procedure analyse()",
        "load data infile '/etc/hostname' into table people",
        "load data local infile '/etc/hostname' into table people",
        "lock tables people read",
        "handler people open",
        "analyze table people",
        "optimize table people",
        "analyze insert into people values (13, 'x')",
        "explain insert into people values (13, 'x')",
        "do insert_one()",
        "flush tables",
        "kill 1",
        "xa start 'a'",
        "use mysql",
        "show tables",
        "grant select on shop.* to nobody@'%'",
    )
    types = (
        Typed(_kind("tiny"), pa.int8(), -128),
        Typed(_kind("tiny_u"), pa.uint8(), 255),
        Typed(_kind("small"), pa.int16(), -32768),
        Typed(_kind("medium"), pa.uint32(), 16777215),
        Typed(_kind("filled"), pa.uint32(), 42),
        Typed(_kind("big"), pa.int64(), -9223372036854775808),
        Typed(_kind("big_u"), pa.uint64(), 18446744073709551615),
        Typed("9223372036854775807", pa.int64(), 9223372036854775807),
        Typed("true", pa.int32(), 1),
        Typed(
            _kind("amount"),
            pa.string(),
            "12345678901234567890123456789012345.123456789012345678901234567890",
            NUMERIC_FIELD,
        ),
        Typed(_kind("price"), pa.string(), "-1.10", NUMERIC_FIELD),
        Typed(_kind("filled_price"), pa.string(), "5.50", NUMERIC_FIELD),
        Typed("sum(18446744073709551615)", pa.string(), "18446744073709551615", NUMERIC_FIELD),
        Typed(_kind("ratio"), pa.float32(), 1.5),
        Typed(_kind("exact"), pa.float64(), 0.1),
        Typed("1.7976931348623157e308", pa.float64(), 1.7976931348623157e308),
        Typed(_kind("d"), pa.date32(), date(9999, 12, 31)),
        Typed(_kind("t"), pa.string(), "-838:59:59.000001"),
        Typed("cast('10:00' as time)", pa.string(), "10:00:00"),
        Typed(_kind("dt"), pa.timestamp("us"), datetime.fromisoformat("2026-01-02T03:04:05.678901")),
        Typed(_kind("y"), pa.int16(), 2026),
        Typed(_kind("c"), pa.string(), "ab"),
        Typed(_kind("vc"), pa.string(), "ab"),
        Typed(_kind("b"), pa.binary(), b"a\0\0"),
        Typed(_kind("vb"), pa.binary(), b"ab"),
        Typed(_kind("tx"), pa.string(), "té 😀"),
        Typed(_kind("bl"), pa.binary(), b"\x00\xff"),
        Typed("x'00ff'", pa.binary(), b"\x00\xff"),
        Typed(_kind("js"), pa.string(), '{"b": [1, null, "é"], "n": 1.10}', JSON_FIELD),
        Typed("json_object('a', 1) collate utf8mb4_bin", pa.string(), '{"a": 1}', JSON_FIELD),
        Typed("json_object('a', 1)", pa.string(), '{"a": 1}'),
        Typed(_kind("en"), pa.string(), "glad"),
        Typed(_kind("se"), pa.string(), "a,b"),
        Typed(_kind("latin"), pa.string(), "é"),
        Typed(_kind("bin_text"), pa.string(), '"007"', JSON_FIELD),
        Typed(_kind("geo"), pa.binary(), bytes.fromhex("00000000 0101000000 000000000000f03f 0000000000000040")),
        Typed("null", pa.string(), None),
    )

    @pytest.fixture(autouse=True)
    def _given(
        self,
        mariadb: MariadbServer,
        mariadb_tls: MariadbServer,
        mariadb_expired: MariadbServer,
        mariadb_elsewhere: MariadbServer,
        tmp_path: Path,
    ) -> Iterator[None]:
        self.server, self.folder = mariadb, tmp_path
        self.tls, self.expired, self.elsewhere = mariadb_tls, mariadb_expired, mariadb_elsewhere
        yield
        assert not Path("/tmp/headrace-was-here").exists()

    def source(self, **settings: Any) -> Source:
        return source_for(self.server, self.folder, **{"user": "writer", **settings})

    def literal(self, text: str) -> str:
        return super().literal(text.replace("\\", "\\\\"))

    def contents(self) -> object:
        people = self.server.execute("select * from shop.people order by id")
        old = self.server.execute("select * from shop.old")
        things = self.server.execute("select table_name from information_schema.tables where table_schema = 'shop'")
        number = self.server.execute("select next_not_cached_value from shop.numbers")
        log = self.server.execute("select @@global.general_log")
        return people, old, sorted(things), number, log, Path("/tmp/headrace-was-here").exists()

    def running(self) -> int:
        return len(self._sessions("command in ('Query', 'Execute')"))

    def writer(self) -> Mapping[str, Any]:
        return {"user": "writer"}

    def sever(self) -> None:
        for number in self._sessions("true"):
            with suppress(MySQLdb.OperationalError):  # it has ended by itself
                self.server.execute(f"kill connection {number}")

    def faults(self) -> Mapping[str, tuple[Mapping[str, Any], str]]:
        def tls(server: MariadbServer, **settings: Any) -> dict[str, Any]:
            return {"port": server.port, "tls": "verify-full", "tls_ca": str(server.ca_file), **settings}

        return {
            "wrong password": ({"password": Secret("not-the-one")}, "refused the password of 'writer'"),
            "no password": ({"password": None}, "Check `user` and `password`"),
            "unknown account": ({"user": "nobody"}, "knows no such account"),
            "unknown host": ({"host": "no-such-host.invalid"}, "The host name 'no-such-host.invalid' is unknown here"),
            "nothing listens": ({"port": 1}, "Nothing answers at 127.0.0.1:1"),
            "no socket": ({"host": "/nowhere/socket"}, "no server behind the Unix socket '/nowhere/socket'"),
            "unknown database": ({"database": "missing"}, "The server has no database 'missing'"),
            "closed database": ({"user": "reader", "database": "mysql"}, "GRANT SELECT ON `mysql`.* TO 'reader'@'%';"),
            "no TLS": ({"tls": "require"}, "offers no TLS"),
            "expired certificate": (tls(self.expired), "The certificate of 127.0.0.1:"),
            "certificate of an unknown authority": (tls(self.tls, tls_ca=None), "Set `tls_ca`"),
            "certificate for another name": (tls(self.elsewhere), "is for another name"),
            "missing file": (tls(self.tls, tls_ca="nope.pem"), "There is no file 'nope.pem'. Mend `tls_ca`"),
            "unknown variable": ({"options": {"nonsense": 1}}, "Unknown system variable 'nonsense'"),
            "no variable": ({"options": {"x = 1, autocommit": 1}}, "is no name of a server variable"),
        }

    def _sessions(self, condition: str) -> list[int]:
        found = self.server.execute(
            f"select id from information_schema.processlist where user in ('reader', 'writer') and {condition}"
        )
        return [number for (number,) in found]

    # ------------------------------------------------------------------------------------------- what MySQL adds

    async def test_a_timestamp_is_a_moment_and_a_datetime_is_not(self) -> None:
        """TIMESTAMP comes in UTC whatever the server's time zone; DATETIME has no zone; UUID and INET6 are text."""
        async with self.opened() as source:
            [batch] = [batch async for batch in source.read("select ts, dt, uid, ip from kinds")]
        assert batch.schema.types == [pa.timestamp("us", "UTC"), pa.timestamp("us"), pa.string(), pa.string()]
        assert batch["ts"][0].as_py() == datetime.fromisoformat("2026-01-02T03:04:05.678+00:00")
        assert (batch["uid"][0].as_py(), batch["ip"][0].as_py()) == (
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "2001:db8::1",
        )

    async def test_bits_and_booleans(self) -> None:
        """BIT(1) is a boolean and longer ones a number; TINYINT(1) is a boolean, or a number without `booleans`."""
        sql = "select bit1, bit8, bit64, flag from kinds union all select null, null, null, null"
        assert await self.rows(sql) == [
            {"bit1": True, "bit8": 129, "bit64": 2**64 - 1, "flag": True},
            {"bit1": None, "bit8": None, "bit64": None, "flag": None},
        ]
        async with self.opened(booleans=False) as source:
            assert (await source.preview("select flag from kinds", 1))["flag"].to_pylist() == [1]

    async def test_a_boolean_that_is_a_number_is_noted(self) -> None:
        """A TINYINT(1) with other numbers than 0 and 1 becomes true, and is counted; NULL is not."""
        self.server.execute(
            "create or replace table shop.flags (b boolean)",
            "insert into shop.flags values (0), (1), (5), (-1), (null)",
        )
        async with self.opened() as source:
            [batch] = [batch async for batch in source.read("select b from flags")]
        assert batch["b"].to_pylist() == [False, True, True, True, None]
        [(note, count)] = source.notes.items()
        assert "'b'" in note
        assert count == 2

    async def test_dates_that_no_calendar_has_are_null_and_counted(self) -> None:
        """Zero dates, months without such a day and the year 0 become null; a note names the column."""
        self.server.execute(
            "set sql_mode = 'allow_invalid_dates'",
            "create or replace table shop.dates (d date, dt datetime(6), ts timestamp null)",
            "insert into shop.dates values ('0000-00-00', '0000-00-00', '0000-00-00')",
            "insert into shop.dates values ('2024-00-15', '2024-02-31', null)",
            "insert into shop.dates values ('0000-01-01', '2024-02-29 01:02:03.5', '2024-02-29')",
            "insert into shop.dates values ('2024-02-29', null, null)",
        )
        async with self.opened() as source:
            [batch] = [batch async for batch in source.read("select * from dates")]
        assert batch["d"].to_pylist() == [None, None, None, date(2024, 2, 29)]
        assert batch["dt"].to_pylist() == [None, None, datetime.fromisoformat("2024-02-29T01:02:03.5"), None]
        assert batch["ts"].to_pylist() == [None, None, datetime(2024, 2, 29, tzinfo=UTC), None]
        assert sorted((note.split(":")[0], count) for note, count in source.notes.items()) == [
            ("Column 'd'", 3),
            ("Column 'dt'", 2),
            ("Column 'ts'", 1),
        ]

    async def test_json_columns_hold_json_and_other_text_is_quoted(self) -> None:
        """In a JSON column every JSON value stays as it is; text of the same collation that is no JSON is a string."""
        self.server.execute(
            "create or replace table shop.texts (n int, t longtext, v varchar(20), s text) collate utf8mb4_bin",
            """insert into shop.texts values (1, '5', '5', '5'), (2, '"x"', 'true', 'null'),
            (3, 'say "hi"', '[1', '{'), (4, '[1]', '[1]', '{}')""",
        )
        assert [tuple(row.values()) for row in await self.rows("select t, v, s from texts order by n")] == [
            ("5", '"5"', '"5"'),
            ('"x"', '"true"', '"null"'),
            ('"say \\"hi\\""', '"[1"', '"{"'),
            ("[1]", "[1]", "{}"),
        ]

    async def test_nothing_can_be_written_by_any_statement_of_the_connection(self) -> None:
        """The server itself refuses, not only our reading of the query: its session and transaction only read."""
        nothing: Any = None
        tools = Tools(http=nothing, clock=nothing, home=self.folder, base=self.folder)
        connection = Connection(settings_for(self.server, "writer"), tools)
        before = self.contents()
        for sql in (
            "insert into people values (11, 'x')",
            "insert into old values (11)",
            "create table more (n int)",
            "drop table old",
            "call insert_two()",
        ):
            for begin in (connection.begin, connection.end):
                begin()
                with pytest.raises(MySQLdb.OperationalError, match="1792"):
                    connection.execute(sql)
        connection.close()
        assert self.contents() == before

    async def test_the_query_sees_the_moment_of_now(self) -> None:
        """What is committed after `now` is not seen by the query, so that no run claims it and the next one gets it."""
        self.server.execute("create or replace table shop.fresh (n int)")
        async with self.opened() as source:
            moment = await source.now()
            self.server.execute("insert into shop.fresh values (1)")
            assert (await source.preview("select count(*) as n from fresh", 1)).to_pylist() == [{"n": 0}]
            assert await source.now() > moment
            assert (await source.preview("select count(*) as n from fresh", 1)).to_pylist() == [{"n": 1}]

    async def test_nothing_stays_open_after_reading(self) -> None:
        """When the rows are read the transaction ends: it would keep the server from cleaning up."""
        async with self.opened() as source:
            assert [batch.num_rows async for batch in source.read("select count(*) from people")] == [1]
            assert self.server.execute("select count(*) from information_schema.innodb_trx") == [(0,)]

    async def test_a_source_is_used_again_after_it_was_stopped(self) -> None:
        """A stopped statement costs its connection, and the next one gets a new connection."""
        async with self.opened() as source:
            async with aclosing(source.read(self.series.format(rows=self.plenty))) as batches:
                await anext(batches)
            table = await source.preview("select 1 as n union all select 2", 1)
            assert table["n"].to_pylist() == [1]
            assert (await source.preview("select 7 as n", 1))["n"].to_pylist() == [7]
        async with asyncio.timeout(20):
            while await asyncio.to_thread(self._sessions, "true"):  # the server ends them in its own time
                pass

    async def test_a_preview_takes_its_rows_whatever_limit_the_query_has(self) -> None:
        """A LIMIT of the query's own is above that of the session: the preview stops by itself."""
        async with self.opened() as source:
            table = await source.preview("select seq as n from seq_1_to_100000 limit 50000", 3)
        assert table["n"].to_pylist() == [1, 2, 3]

    async def test_a_final_semicolon_is_no_second_statement(self) -> None:
        """One statement may end in a semicolon."""
        assert await self.rows("select 1 as n ;\n") == [{"n": 1}]

    async def test_session_settings(self) -> None:
        """The session is in UTC and reads only; options reach the server; a long GROUP_CONCAT is not cut."""
        query = (
            "select @@time_zone z, @@tx_read_only r, @@tx_isolation i, @@join_buffer_size j, g "
            "from (select length(group_concat(seq)) as g from seq_1_to_300000) as long_text"
        )
        async with self.opened(options={"join_buffer_size": 262144, "sql_mode": "ANSI"}, statement_timeout=0) as source:
            [row] = (await source.preview(query, 1)).to_pylist()
        assert row == {"z": "+00:00", "r": 1, "i": "REPEATABLE-READ", "j": 262144, "g": 1_988_894}

    async def test_a_missing_grant_is_told_as_such(self) -> None:
        """A table that the account may not read is an error of grants, not of the query's text."""
        async with self.opened(user="reader") as source:
            with pytest.raises(SourceError, match="SELECT command denied") as caught:
                await source.preview("select * from mysql.global_priv", 1)
        assert caught.value.code == "grants"
        assert not isinstance(caught.value, QueryError)

    @pytest.mark.parametrize(
        "written", ["delete from people", "insert into people(id) values (9)", "select 1 into outfile '/tmp/x'"]
    )
    async def test_a_right_to_write_is_never_asked_for(self, written: str) -> None:
        """An account that only reads is denied the command by name; the answer is to write a SELECT, not a GRANT."""
        async with self.opened(user="reader") as source:
            with pytest.raises(QueryError, match="write a SELECT") as caught:
                await source.preview(written, 1)
        assert caught.value.code == "read_only"

    @pytest.mark.parametrize("written", ["insert into people values (11, 'x')", "select insert_one()"])
    async def test_a_write_is_told_as_a_write(self, written: str) -> None:
        """What the server refused to write has the code read_only; so has what is no SELECT."""
        async with self.opened() as source:
            for sql in (written, "show tables", "select 1 into outfile '/tmp/headrace-was-here'"):
                with pytest.raises(QueryError) as caught:
                    await source.preview(sql, 1)
                assert caught.value.code == "read_only"
