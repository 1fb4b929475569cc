"""The Redshift source, against a PostgreSQL server that is dressed as Redshift."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.connector import Spec
from headrace.errors import QueryError, SourceError
from headrace.model import Secret
from headrace.ports import Source, Tools
from headrace.sources.redshift import SPEC
from headrace.sources.redshift_connection import Connection
from headrace.sources.redshift_errors import connection_refusal
from headrace.sources.redshift_types import column
from headrace.testing.postgres import PostgresServer
from headrace.testing.server_contract import ServerContract
from headrace.testing.source_contract import Typed
from tests.sources.postgresql import Forwarder, faults, settings_for
from tests.sources.redshift import GRANTS, THINGS, USERS, create_redshift

Make = Callable[[Spec, Mapping[str, Any]], Source]
TOUCHED = Path("/tmp/headrace-redshift-was-here")


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.fixture(scope="session")
def redshift(postgres: PostgresServer) -> str:
    """A database with things in it; tests do not change it."""
    postgres.execute(USERS)
    return create_redshift(postgres, THINGS + GRANTS)


class TestRedshift(ServerContract):
    catalog = SPEC.catalog_query({}), ("public", "people", "id bigint, name text")
    series = "select n, 'row ' || n as label from (select generate_series(1::bigint, {rows}) as n) as numbers"
    slow = "select count(*) from generate_series(1, 1000000000000)"
    fails_late = "select 1 / (100000 - n) from generate_series(1, 200000) as n"
    many = 2_000_000  # each value is a Python object for a moment, which takes its time
    longest_name = 63  # the stand-in's; Redshift allows 127 bytes
    wrong = (
        ("select nope from people", 1, 8, 'column "nope" does not exist'),
        ("select 1,\n  'ü😀', nope\nfrom people", 2, 9, "nope"),
        ("selec 1", 1, 1, 'syntax error at or near "selec"'),
        ("select 1\nfrom people\nwher id = 1", 3, 6, 'syntax error at or near "id"'),
        ("select * from nobody", 1, 15, 'relation "nobody" does not exist'),
        ("select 1 as a, 'x'::int as b", 1, 16, "invalid input syntax"),
        ("select $1::int as a", None, None, "parameter"),
        ("select '[1' || id from people where ('x' || id)::int = 1", None, None, "invalid input syntax"),
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
        "select insert_one()",
        "select set_config('transaction_read_only', 'off', true)",
        "select set_config('transaction_read_only', 'off', false), insert_one()",
        "set transaction read write",
        "set session characteristics as transaction read write",
        "commit",
        "rollback",
        "end",
        "do $$ begin insert into people values (12, 'x'); end $$",
        f"copy people to program 'touch {TOUCHED}'",
        f"copy (select 1) to '{TOUCHED}'",
        "copy (select 1) to stdout",
        "select 1) as q; insert into people values (11, 'x'); select 1 from (select 1",
        "select 1) as q, (select 2",
        "select id from people for update",
        "lock table people",
        "explain analyze insert into people values (13, 'x')",
        "show timezone",
        "prepare p as insert into people values (14, 'x')",
        "call nobody()",
        "vacuum",
        "unload ('select 1') to 's3://bucket/' iam_role default",
    )
    types = (
        Typed("(-32768)::int2", pa.int16(), -32768),
        Typed("2147483647", pa.int32(), 2147483647),
        Typed("9223372036854775807", pa.int64(), 9223372036854775807),
        Typed("1.5::float4", pa.float32(), 1.5),
        Typed("0.1::float8", pa.float64(), 0.1),
        Typed("0.30000000000000004::float8", pa.float64(), 0.30000000000000004),
        Typed("'NaN'::float8", pa.float64(), float("nan")),
        Typed("'-infinity'::float8", pa.float64(), float("-inf")),
        Typed("1.10::numeric(12,2)", pa.string(), "1.10", NUMERIC_FIELD),
        Typed("0.000000000000000001", pa.string(), "0.000000000000000001", NUMERIC_FIELD),
        Typed("1234567890123456789012345678901234567.5", pa.string(), "1234567890123456789012345678901234567.5",
              NUMERIC_FIELD),
        Typed("true", pa.bool_(), True),
        Typed("false", pa.bool_(), False),
        Typed("'text'::text", pa.string(), "text"),
        Typed("'ab'::varchar(5)", pa.string(), "ab"),
        Typed("'ab'::char(3)", pa.string(), "ab "),
        Typed("4000000000::oid", pa.int64(), 4000000000),
        Typed("'2026-01-02 03:04:05.678901+02'::timestamptz", pa.timestamp("us", "UTC"),
              datetime(2026, 1, 2, 1, 4, 5, 678901, UTC)),
        Typed("'2026-01-02 03:04:05.678901'::timestamp", pa.timestamp("us"),
              datetime.fromisoformat("2026-01-02T03:04:05.678901")),
        Typed("'2026-01-02 03:04:05'::timestamp", pa.timestamp("us"), datetime.fromisoformat("2026-01-02T03:04:05")),
        Typed("'0001-01-01'::date", pa.date32(), date(1, 1, 1)),
        Typed("'9999-12-31'::date", pa.date32(), date(9999, 12, 31)),
        Typed("'23:59:59.999999'::time", pa.time64("us"), time(23, 59, 59, 999999)),
        Typed("'10:00:00+02'::timetz", pa.string(), "10:00:00+02"),
        Typed("""'{"b":[1,null,"é"]}'::super""", pa.string(), '{"b":[1,null,"é"]}', JSON_FIELD),
        Typed("'\"text\"'::super", pa.string(), '"text"', JSON_FIELD),
        Typed("'00ff'::varbyte", pa.binary(), b"\x00\xff"),
        Typed("''::varbyte", pa.binary(), b""),
        Typed("'0101000020E6100000'::geometry", pa.string(), "0101000020E6100000"),
        Typed("null", pa.string(), None),
    )  # fmt: skip

    @pytest.fixture(autouse=True)
    def _given(
        self,
        postgres: PostgresServer,
        postgres_tls: PostgresServer,
        postgres_expired: PostgresServer,
        redshift: str,
        make: Make,
    ) -> None:
        self.postgres, self.database, self.make = postgres, redshift, make
        self.others = postgres_tls, postgres_expired

    def source(self, **settings: Any) -> Source:
        return self.make(SPEC, settings_for(self.postgres, **{"database": self.database, **settings}))

    def contents(self) -> object:
        people = self.postgres.execute("select * from people order by id", self.database)
        things = self.postgres.execute("select relname from pg_class order by 1", self.database)
        number = self.postgres.execute("select last_value, is_called from numbers", self.database)
        return people, things, number, TOUCHED.exists()

    def running(self) -> int:
        [(running,)] = self.postgres.execute(
            "select count(*) from pg_stat_activity where application_name = 'headrace' and state = 'active' "
            f"and datname = '{self.database}'"
        )
        assert isinstance(running, int)
        return running

    def faults(self) -> Mapping[str, tuple[Mapping[str, Any], str]]:
        return faults(self.postgres, *self.others)

    def broken(self) -> Sequence[tuple[Mapping[str, Any], str]]:
        return (
            *super().broken(),
            ({"password": None}, "Set `password`"),
            ({"user": "nobody"}, "or knows no such role"),
            ({"database": "missing"}, "The server has no database 'missing'"),
            ({"tls": "require"}, "offers no TLS"),
            ({"tls": "verify-full", "tls_ca": "nope.pem"}, "There is no file 'nope.pem'. Mend `tls_ca`"),
            ({"options": {"nonsense": 1}}, "nonsense"),
        )

    def writer(self) -> Mapping[str, Any]:
        return {"user": "keeper", "password": Secret("keeper")}

    def sever(self) -> None:
        self.postgres.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            f"where application_name = 'headrace' and datname = '{self.database}'"
        )

    async def test_the_connection_itself_refuses_to_write(self, tools: Tools) -> None:
        """The server refuses, not only our reading of the query: its transaction is read-only for good."""
        settings = settings_for(self.postgres, database=self.database, statement_timeout=60)
        connection = Connection(settings, tools)
        before = self.contents()
        for sql in ("insert into people values (11, 'x')", "create table more (n int)", "set transaction read write"):
            connection.begin()
            with pytest.raises(psycopg.Error):
                connection.execute(sql)
        connection.close()
        assert self.contents() == before

    async def test_what_is_no_query_is_never_run(self) -> None:
        """A statement is first parsed where only a query can stand; one that commits is refused before it runs."""
        async with self.opened() as source:
            for sql in ("commit", "truncate people", "show timezone", "set statement_timeout = 0"):
                with pytest.raises(QueryError) as caught:
                    await source.preview(sql, 1)
                assert caught.value.code == "read_only", sql

    async def test_values_that_cannot_be_told_are_null_and_counted(self) -> None:
        """Dates outside the years 1 to 9999 and 24:00 become null; a note names the column."""
        async with self.opened() as source:
            [batch] = [
                batch
                async for batch in source.read(
                    "select 'infinity'::timestamptz a, '294276-01-01'::timestamp b, '0044-03-15 BC'::date c, "
                    "'24:00'::time d, getdate() e union all select now(), getdate(), getdate(), '10:00', getdate()"
                )
            ]
        assert [tuple(value is None for value in column.to_pylist()) for column in batch.columns] == [
            *[(True, False)] * 4,
            (False, False),
        ]
        assert sorted((note.split(":")[0], count) for note, count in source.notes.items()) == [
            (f"Column '{name}'", 1) for name in "abcd"
        ]

    async def test_the_query_sees_the_moment_of_now(self) -> None:
        """What `now` tells is not after what the query sees, and the next `now` sees what was committed since."""
        name = create_redshift(self.postgres, "create table t (n int)")
        async with self.opened(database=name) as source:
            moment = await source.now()
            self.postgres.execute("insert into t values (1)", name)
            seen = (await source.preview("select count(*) as n from t", 1)).to_pylist()
            assert await source.now() > moment
            assert (await source.preview("select count(*) as n from t", 1)).to_pylist() == [{"n": 1}]
        assert seen == [{"n": 0}]

    async def test_nothing_stays_open_after_reading(self) -> None:
        """When the rows are read, or a preview has enough of them, the transaction ends."""
        async with self.opened() as source:
            assert [batch.num_rows async for batch in source.read("select 1 as n")] == [1]
            assert (await source.preview(self.series.format(rows=9), 2)).num_rows == 2
            states = self.postgres.execute(
                "select state from pg_stat_activity "
                f"where application_name = 'headrace' and datname = '{self.database}'"
            )
        assert states == [("idle",)]

    async def test_wide_rows_come_in_smaller_batches(self) -> None:
        """Memory is bounded by bytes, too: rows of 10 kB come by the thousand, not by the ten thousands."""
        sql = "select n, repeat('x', 10000) as wide from generate_series(1, 5000) as n"
        async with self.opened() as source:
            sizes = [(batch.num_rows, batch.nbytes) async for batch in source.read(sql)]
        assert sum(rows for rows, _ in sizes) == 5000
        assert max(size for _, size in sizes) < 32 * 2**20

    async def test_memory_outside_arrow_is_bounded_too(self) -> None:
        """Values on their way are let go: hundreds of thousands of rows leave the process about as large as it was."""
        sql = "select n, n::text as a, 'label ' || n as b, repeat('x', 200) as c from generate_series(1, 300000) as n"
        before, most = resident(), 0
        async with self.opened() as source:
            async for _ in source.read(sql):
                most = max(most, resident() - before)
        assert most < 192 * 2**20

    async def test_session_settings(self) -> None:
        """schema sets the search path; options reach the server; times are in UTC unless told otherwise."""
        query = "select current_setting('search_path') p, current_setting('work_mem') w, current_setting('timezone') z"
        async with self.opened(schema="pg_catalog, public", options={"work_mem": "5MB"}) as source:
            [row] = (await source.preview(query, 1)).to_pylist()
        assert row == {"p": '"pg_catalog", "public"', "w": "5MB", "z": "UTC"}
        before = datetime.now(UTC)
        async with self.opened(options={"timezone": "Europe/Berlin"}) as source:
            assert abs((await source.now() - before).total_seconds()) < 60
            assert (await source.preview(query, 1)).to_pylist()[0]["z"] == "Europe/Berlin"

    async def test_a_query_that_cannot_be_a_subquery_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Redshift refuses a recursive query inside another one; by itself it is read, and previewed.

        A syntax error, which may quote the word, is refused all the same.
        """
        refusal: psycopg.Error = psycopg.errors.FeatureNotSupported("Recursive CTE in subquery are not supported.")
        parse = Connection.describe

        def describe(connection: Connection, sql: str) -> Any:
            if "from (\n" in sql:
                raise refusal
            return parse(connection, sql)

        monkeypatch.setattr(Connection, "describe", describe)
        sql = "with recursive t(n) as (select 1 union all select n + 1 from t where n < 5) select n from t"
        async with self.opened() as source:
            assert (await source.preview(sql, 2)).to_pylist() == [{"n": 1}, {"n": 2}]
            assert [batch["n"].to_pylist() async for batch in source.read(sql)] == [[1, 2, 3, 4, 5]]
            refusal = psycopg.errors.SyntaxError('syntax error at or near "recursive"')
            with pytest.raises(QueryError, match="cannot read rows"):
                await source.preview(sql, 2)

    async def test_a_missing_grant_is_told_as_such(self) -> None:
        """A table that the user may not read is an error of grants, not of the query's text."""
        name = create_redshift(self.postgres, "create table secrets (n int)")
        async with self.opened(database=name, user="shopper", password=Secret("shopper")) as source:
            with pytest.raises(SourceError, match="permission denied for table secrets") as caught:
                await source.preview("select * from secrets", 1)
            [problem] = (await source.check()).problems
        assert caught.value.code == "grants"
        assert "GRANT SELECT ON ALL TABLES IN SCHEMA public TO shopper;" in problem

    async def test_a_user_that_only_reads_has_no_warning(self) -> None:
        """SELECT on the tables and nothing more: no problem, no warning, and the facts."""
        name = create_redshift(self.postgres, "create table t (n int); grant select on t to shopper")
        async with self.opened(database=name, user="shopper", password=Secret("shopper")) as source:
            check = await source.check()
        assert (check.problems, check.warnings) == ((), ())
        assert check.facts["server"] == "Redshift 1.0.117891"
        assert (check.facts["role"], check.facts["readable"]) == ("shopper", "1 of 1 tables and views")

    async def test_rights_to_write_are_warned_of(self) -> None:
        """What lets a user change tables, or create them or schemas, is told in a sentence each, with its REVOKE."""
        name = create_redshift(
            self.postgres,
            "create table t (n int); grant select, delete on t to shopper; "
            "create schema s; grant create on schema s to shopper",
        )
        self.postgres.execute(f"grant create on database {name} to shopper")
        async with self.opened(database=name, user="shopper", password=Secret("shopper")) as source:
            tables, schema, database = (await source.check()).warnings
        assert "REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM shopper;" in tables
        assert "REVOKE CREATE ON SCHEMA s FROM shopper; REVOKE CREATE ON SCHEMA s FROM PUBLIC;" in schema
        assert f"REVOKE CREATE ON DATABASE {name} FROM shopper;" in database

    async def test_postgresql_is_told_from_redshift(self) -> None:
        """A server that is no Redshift works as far as it does; the check says which type is meant for it."""
        name = self.postgres.create_database("create function getdate() returns timestamp as 'select localtimestamp' "
                                             "language sql; create table t (n int)")  # fmt: skip
        async with self.opened(database=name) as source:
            check = await source.check()
        assert check.facts["server"].startswith("PostgreSQL ")
        assert "Use the type postgresql" in check.warnings[-1]

    async def test_the_server_proves_its_own_name_through_a_tunnel(self, tools: Tools) -> None:
        """The certificate must be for the warehouse's name, although the connection goes to the tunnel's near end."""
        server, _ = self.others
        server.execute("drop function if exists getdate(); create function getdate() returns timestamp as "
                       "'select localtimestamp' language sql")  # fmt: skip
        tunnels = Forwarder(server.port)
        assert SPEC.source is not None
        for host, good in ((server.name, True), ("other.example.com", False)):
            ssh = {"host": "bastion.example.com", "port": 22, "user": "tunnel", "host_key": None}
            settings = {
                **settings_for(server), "host": host, "port": 5439, "ssh_tunnel": ssh, "statement_timeout": 60,
                "tls_ca": str(server.ca_file),
            }  # fmt: skip
            source = SPEC.source(settings, replace(tools, tunnels=tunnels))
            check = await source.check()
            await source.close()
            assert check.ok is good
            assert good or "The certificate of other.example.com:5439 (through the SSH" in check.problems[0]
        assert [asked[1:] for asked in tunnels.asked] == [(server.name, 5439), ("other.example.com", 5439)]
        assert tunnels.closed == 2

    async def test_a_client_certificate(self) -> None:
        """Where the server demands one it is told, and works when given."""
        server, _ = self.others
        server.execute("drop function if exists getdate(); create function getdate() returns timestamp as "
                       "'select localtimestamp' language sql")  # fmt: skip
        role = {"user": "certified", "password": Secret("certified"), "database": "postgres", "port": server.port}
        certificate, key = map(str, server.client_certificate)
        async with self.opened(**role) as bare, self.opened(**role, tls_certificate=certificate, tls_key=key) as shown:
            [problem] = (await bare.check()).problems
            assert "Set `tls_certificate` and `tls_key`" in problem
            assert (await shown.check()).facts["tls"] == "on"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("authentication method 13 not supported", "password", "ALTER USER reader PASSWORD"),
        ('FATAL:  no pg_hba.conf entry for host "::1", user "reader", database "shop", SSL off', "tls", "require_ssl"),
        ("connection timeout expired", "no_answer", "security group"),
        ('FATAL:  too many connections for user "reader"', "too_many_connections", "CONNECTION LIMIT"),
        ("something new, with s3cret in it", "source", "something new, with ••• in it"),
    ],
)
def test_refusals_of_redshift_itself(words: str, code: str, told: str) -> None:
    """What the stand-in never says is mapped as well."""
    settings = {"host": "h", "port": 5439, "user": "reader", "database": "shop", "password": Secret("s3cret")}
    error = connection_refusal(words, settings)
    assert error.code == code
    assert told in error.message


def test_parsing_a_column_counts_only_what_was_lost() -> None:
    """Null is no loss; a column where all is well has no note."""
    notes: Counter[str] = Counter()
    dates = column("born", 1082, notes)
    assert dates.array(pa.array(["2026-01-02", None])).to_pylist() == [date(2026, 1, 2), None]
    assert notes == {}
    assert dates.array(pa.array(["0044-03-15 BC", None, "2026-01-02"])).to_pylist() == [None, None, date(2026, 1, 2)]
    assert list(notes.values()) == [1]
