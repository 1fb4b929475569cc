"""The PostgreSQL source, against a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import adbc_driver_manager
import pyarrow as pa
import pytest

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.connector import Spec
from headrace.errors import QueryError, SourceError
from headrace.model import Secret
from headrace.ports import Source, Tools
from headrace.sources.postgresql import SPEC
from headrace.sources.postgresql_connection import Connection
from headrace.testing.postgres import PostgresServer
from headrace.testing.server_contract import ServerContract
from headrace.testing.source_contract import Typed
from tests.sources.postgresql import faults, settings_for

NO_ZONE = datetime.fromisoformat("2026-01-02T03:04:05.678901")
Make = Callable[[Spec, Mapping[str, Any]], Source]


class TestPostgres(ServerContract):
    catalog = SPEC.catalog_query({}), ("public", "people", "id bigint, name text")
    series = "select n, 'row ' || n as label from (select generate_series(1::bigint, {rows}) as n) as numbers"
    slow = "select count(*) from generate_series(1, 1000000000000)"
    fails_late = "select 1 / (100000 - n) from generate_series(1, 200000) as n"
    longest_name = 63
    wrong = (
        ("select nope from people", 1, 8, 'column "nope" does not exist'),
        ("select 1,\n  'ü😀', nope\nfrom people", 2, 9, "nope"),
        ("selec 1", 1, 1, 'syntax error at or near "selec"'),
        ("select 1\nfrom people\nwher id = 1", 3, 6, 'syntax error at or near "id"'),
        ("select * from nobody", 1, 15, 'relation "nobody" does not exist'),
        ("select 1 as a, 'x'::int as b, '1'::inet as c", 1, 16, "invalid input syntax"),
        ("select $1::int as a", 1, 8, "parameter"),
    )
    writes = (
        "insert into people values (11, 'x')",
        "insert into people values (11, 'x') returning id",
        "update people set name = 'x' returning id",
        "delete from people",
        "truncate people",
        "create table more (n int)",
        "create temp table more (n int)",
        "select * into more from people",
        "drop table people",
        "with added as (insert into people values (11, 'x') returning id) select id from added",
        "select nextval('numbers')",
        "select setval('numbers', 5)",
        "select insert_one()",
        "select set_config('transaction_read_only', 'off', true)",
        "select set_config('transaction_read_only', 'off', false), insert_one()",
        "set transaction read write",
        "commit",
        "rollback",
        "do $$ begin insert into people values (12, 'x'); end $$",
        "copy people to program 'touch /tmp/headrace-was-here'",
        "copy (select 1) to '/tmp/headrace-was-here'",
        "select 1) to program 'touch /tmp/headrace-was-here' --",
        "select 1) to program 'touch /tmp/headrace-was-here' -- (",
        "select id from people for update",
        "lock table people",
        "explain analyze insert into people values (13, 'x')",
        "prepare p as insert into people values (14, 'x')",
        "call nobody()",
        "vacuum",
        "select pg_notify('a', 'b'), insert_one()",
    )
    types = (
        Typed("(-32768)::int2", pa.int16(), -32768),
        Typed("2147483647", pa.int32(), 2147483647),
        Typed("9223372036854775807", pa.int64(), 9223372036854775807),
        Typed("1.5::float4", pa.float32(), 1.5),
        Typed("0.1::float8", pa.float64(), 0.1),
        Typed("'NaN'::float8", pa.float64(), float("nan")),
        Typed("'-infinity'::float8", pa.float64(), float("-inf")),
        Typed("1.10::numeric(12,2)", pa.string(), "1.10", NUMERIC_FIELD),
        Typed("0.000000000000000001", pa.string(), "0.000000000000000001", NUMERIC_FIELD),
        Typed("123456789012345678901234567890.5", pa.string(), "123456789012345678901234567890.5", NUMERIC_FIELD),
        Typed("'NaN'::numeric", pa.string(), "NaN", NUMERIC_FIELD),
        Typed("'Infinity'::numeric", pa.string(), "Infinity", NUMERIC_FIELD),
        Typed("'-Infinity'::numeric", pa.string(), "-Infinity", NUMERIC_FIELD),
        Typed("(select sum(id) from people)", pa.string(), "55", NUMERIC_FIELD),
        Typed("12.34::money", pa.string(), "12.34", NUMERIC_FIELD),
        Typed("true", pa.bool_(), True),
        Typed("'text'", pa.string(), "text"),
        Typed("'ab'::varchar(5)", pa.string(), "ab"),
        Typed("'ab'::char(3)", pa.string(), "ab "),
        Typed("'glad'::mood", pa.string(), "glad"),
        Typed("'MiXed'::citext", pa.string(), "MiXed"),
        Typed("5::positive", pa.int32(), 5),
        Typed("4000000000::oid", pa.int64(), 4000000000),
        Typed("'people'::regclass", pa.string(), "people"),
        Typed(
            "'2026-01-02 03:04:05.678901+02'::timestamptz",
            pa.timestamp("us", "UTC"),
            datetime(2026, 1, 2, 1, 4, 5, 678901, UTC),
        ),
        Typed(
            "'2026-01-02 03:04:05.678901'::timestamp",
            pa.timestamp("us"),
            NO_ZONE,
        ),
        Typed("'9999-12-31'::date", pa.date32(), date(9999, 12, 31)),
        Typed("'23:59:59.999999'::time", pa.time64("us"), time(23, 59, 59, 999999)),
        Typed("'10:00:00+02'::timetz", pa.string(), "10:00:00+02"),
        Typed("'1 year 2 months 3 days 04:05:06.7'::interval", pa.string(), "P1Y2M3DT4H5M6.7S"),
        Typed("""'{"b": [1, null, "é"]}'::json""", pa.string(), '{"b": [1, null, "é"]}', JSON_FIELD),
        Typed("""'{"b":1.10}'::jsonb""", pa.string(), '{"b": 1.10}', JSON_FIELD),
        Typed("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", pa.string(), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        Typed(r"'\x00ff'::bytea", pa.binary(), b"\x00\xff"),
        Typed("array[1, null, 3]", pa.string(), "[1,null,3]", JSON_FIELD),
        Typed("array['a', 'b,\"c']", pa.string(), '["a","b,\\"c"]', JSON_FIELD),
        Typed("array[[1, 2], [3, 4]]", pa.string(), "[[1,2],[3,4]]", JSON_FIELD),
        Typed("'[2:3]={1,2}'::int[]", pa.string(), "[1,2]", JSON_FIELD),
        Typed("array[1.10]::numeric[]", pa.string(), "[1.10]", JSON_FIELD),
        Typed("'{}'::text[]", pa.string(), "[]", JSON_FIELD),
        Typed("row(1, 'x')::pair", pa.string(), '{"a":1,"b":"x"}', JSON_FIELD),
        Typed("row(1, 'x')", pa.string(), '{"f1":1,"f2":"x"}', JSON_FIELD),
        Typed("'a=>1'::hstore", pa.string(), '{"a": "1"}', JSON_FIELD),
        Typed("'192.0.2.1'::inet", pa.string(), "192.0.2.1"),
        Typed("'192.0.2.0/24'::cidr", pa.string(), "192.0.2.0/24"),
        Typed("'08:00:2b:01:02:03'::macaddr", pa.string(), "08:00:2b:01:02:03"),
        Typed("int4range(1, 5)", pa.string(), "[1,5)"),
        Typed("'101'::bit(3)", pa.string(), "101"),
        Typed("point(1, 2)", pa.string(), "(1,2)"),
        Typed("'<a/>'::xml", pa.string(), "<a/>"),
        Typed("'cat'::tsvector", pa.string(), "'cat'"),
        Typed("null", pa.string(), None),
    )

    @pytest.fixture(autouse=True)
    def _given(
        self,
        postgres: PostgresServer,
        postgres_tls: PostgresServer,
        postgres_expired: PostgresServer,
        database: str,
        make: Make,
    ) -> Iterator[None]:
        self.postgres, self.database, self.make = postgres, database, make
        self.others = postgres_tls, postgres_expired
        yield
        assert not Path("/tmp/headrace-was-here").exists()

    def source(self, **settings: Any) -> Source:
        return self.make(SPEC, settings_for(self.postgres, **{"database": self.database, **settings}))

    def contents(self) -> object:
        people = self.postgres.execute("select * from people order by id", self.database)
        things = self.postgres.execute("select relname from pg_class order by 1", self.database)
        number = self.postgres.execute("select last_value, is_called from numbers", self.database)
        return people, things, number, Path("/tmp/headrace-was-here").exists()

    def running(self) -> int:
        [(running,)] = self.postgres.execute(
            "select count(*) from pg_stat_activity where application_name = 'headrace' and state = 'active' "
            f"and datname = '{self.database}'"
        )
        assert isinstance(running, int)
        return running

    def faults(self) -> Mapping[str, tuple[Mapping[str, Any], str]]:
        return faults(self.postgres, *self.others)

    def writer(self) -> Mapping[str, Any]:
        return {"user": "writer", "password": Secret("writer")}

    def sever(self) -> None:
        self.postgres.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            f"where application_name = 'headrace' and datname = '{self.database}'"
        )

    def broken(self) -> Sequence[tuple[Mapping[str, Any], str]]:
        return (
            *super().broken(),
            ({"host": "/nowhere"}, "no server behind the Unix socket"),
            ({"password": None}, "Set `password`"),
            ({"user": "nobody"}, "or knows no such role"),
            ({"database": "missing"}, "The server has no database 'missing'"),
            ({"tls": "require"}, "offers no TLS"),
            ({"tls": "verify-full", "tls_ca": "nope.pem"}, "There is no file 'nope.pem'. Mend `tls_ca`"),
            ({"options": {"nonsense": 1}}, "nonsense"),
        )

    async def test_nothing_can_be_written_by_any_statement_of_the_connection(self, tools: Tools) -> None:
        """The server itself refuses, not only our reading of the query: its transaction is read-only for good."""
        connection = Connection(settings_for(self.postgres, database=self.database), tools)
        before = self.contents()
        for sql in ("insert into people values (11, 'x')", "create table more (n int)", "set transaction read write"):
            connection.begin()
            with pytest.raises(adbc_driver_manager.Error):
                connection.execute(sql)
            connection.end()
        connection.close()
        assert self.contents() == before

    async def test_values_that_cannot_be_told_are_null_and_counted(self) -> None:
        """Infinite dates, dates outside the years 1 to 9999 and 24:00 become null; a note names the column."""
        async with self.opened() as source:
            [batch] = [
                batch
                async for batch in source.read(
                    "select 'infinity'::timestamptz a, '-infinity'::timestamp b, 'infinity'::date c, "
                    "'0044-03-15 BC'::date d, '10000-01-01'::timestamp e, '24:00'::time f, now() g "
                    "union all select '-infinity', now(), now(), now(), now(), '10:00', now()"
                )
            ]
        assert [column.null_count for column in batch.columns] == [2, 1, 1, 1, 1, 1, 0]
        assert sorted((note.split(":")[0], count) for note, count in source.notes.items()) == [
            ("Column 'a'", 2),
            *((f"Column '{name}'", 1) for name in "bcde"),
            ("Column 'f'", 1),
        ]

    async def test_the_query_sees_the_moment_of_now(self) -> None:
        """What is committed after `now` is not seen by the query, so that no run claims it and the next one gets it."""
        name = self.postgres.create_database("create table t (n int)")
        async with self.opened(database=name) as source:
            moment = await source.now()
            self.postgres.execute("insert into t values (1)", name)
            assert (await source.preview("select count(*) as n from t", 1)).to_pylist() == [{"n": 0}]
            assert await source.now() > moment
            assert (await source.preview("select count(*) as n from t", 1)).to_pylist() == [{"n": 1}]

    async def test_nothing_stays_open_after_reading(self) -> None:
        """When the rows are read the transaction ends: it would keep the server from cleaning up."""
        async with self.opened() as source:
            assert [batch.num_rows async for batch in source.read("select 1 as n")] == [1]
            states = self.postgres.execute(
                "select state from pg_stat_activity "
                f"where application_name = 'headrace' and datname = '{self.database}'"
            )
        assert states == [("idle",)]

    async def test_session_settings(self) -> None:
        """schema sets the search path; options reach the server; the time zone is UTC unless told otherwise."""
        query = "select current_setting('search_path') p, current_setting('work_mem') w, current_setting('timezone') z"
        async with self.opened(schema="pg_catalog, public", options={"work_mem": "5MB"}) as source:
            [row] = (await source.preview(query, 1)).to_pylist()
        assert row == {"p": '"pg_catalog", "public"', "w": "5MB", "z": "UTC"}
        async with self.opened(options={"timezone": "Europe/Berlin"}) as source:
            assert (await source.preview(query, 1)).to_pylist()[0]["z"] == "Europe/Berlin"

    async def test_a_missing_grant_is_told_as_such(self) -> None:
        """A table that the role may not read is an error of grants, not of the query's text."""
        name = self.postgres.create_database("create table secrets (n int)")
        async with self.opened(database=name, user="reader", password=Secret("reader")) as source:
            with pytest.raises(SourceError, match="permission denied for table secrets") as caught:
                await source.preview("select * from secrets", 1)
        assert caught.value.code == "grants"
        assert not isinstance(caught.value, QueryError)
