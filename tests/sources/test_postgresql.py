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
from headrace.model import Check, Secret
from headrace.ports import Source
from headrace.sources.postgresql import SPEC
from headrace.sources.postgresql_connection import Connection, tls_mode
from headrace.testing.postgres import PostgresServer
from headrace.testing.source_contract import SourceContract, Typed

NO_ZONE = datetime.fromisoformat("2026-01-02T03:04:05.678901")
Make = Callable[[Spec, Mapping[str, Any]], Source]

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
grant usage on schema public to reader;
grant select on all tables in schema public to reader;
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


@pytest.fixture(scope="session")
def database(postgres: PostgresServer) -> str:
    """A database with the things above in it; tests do not change it."""
    return postgres.create_database(SCHEMA)


class TestPostgres(SourceContract):
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
    def _given(self, postgres: PostgresServer, database: str, make: Make) -> Iterator[None]:
        self.postgres, self.database, self.make = postgres, database, make
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

    def broken(self) -> Sequence[tuple[Mapping[str, Any], str]]:
        return (
            ({"host": "no-such-host.invalid"}, "The host name 'no-such-host.invalid' is unknown here"),
            ({"port": 1}, "Nothing answers at 127.0.0.1:1"),
            ({"host": "/nowhere"}, "no server behind the Unix socket"),
            ({"password": Secret("wrong")}, "refused the password of the role 'postgres'"),
            ({"password": None}, "Set `password`"),
            ({"user": "nobody"}, "or knows no such role"),
            ({"database": "missing"}, "The server has no database 'missing'"),
            ({"tls": "require"}, "offers no TLS"),
            ({"tls": "verify-full", "tls_ca": "nope.pem"}, "There is no file 'nope.pem'. Mend `tls_ca`"),
            ({"options": {"nonsense": 1}}, "nonsense"),
        )

    async def test_nothing_can_be_written_by_any_statement_of_the_connection(self, tmp_path: Path) -> None:
        """The server itself refuses, not only our reading of the query: its transaction is read-only for good."""
        connection = Connection(settings_for(self.postgres, database=self.database), tmp_path)
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

    async def test_a_lost_connection_is_not_the_query_s_fault(self) -> None:
        """When the server ends the session amid the rows, it is a SourceError that is no QueryError."""
        async with self.opened() as source:
            batches = source.read(self.series.format(rows=self.plenty))
            await anext(batches)
            self.postgres.execute(
                f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{self.database}' "
                "and application_name = 'headrace' and query like 'COPY%'"
            )
            with pytest.raises(SourceError) as caught:
                async for _ in batches:
                    pass
        assert not isinstance(caught.value, QueryError)
        assert caught.value.code == "connection_lost"

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


class TestCheck:
    """What the check tells of a role's rights."""

    @pytest.fixture(autouse=True)
    def _given(self, postgres: PostgresServer, database: str, make: Make) -> None:
        self.postgres, self.make = postgres, make

    async def check(self, database: str, user: str = "reader", password: str = "reader", **settings: Any) -> Check:
        login = {"user": user, "password": Secret(password), "database": database}
        source = self.make(SPEC, settings_for(self.postgres, **login, **settings))
        try:
            return await source.check()
        finally:
            await source.close()

    async def test_a_role_that_only_reads_has_no_warning(self) -> None:
        """SELECT on the tables and nothing more: no problem, no warning, no grants to show."""
        name = self.postgres.create_database("create table t (n int); grant select on t to reader")
        check = await self.check(name)
        assert (check.problems, check.warnings) == ((), ())
        assert check.facts["readable"] == "1 of 1 tables and views"
        assert check.facts["server"].startswith("PostgreSQL ")
        assert "grants" not in check.facts

    async def test_a_superuser_is_warned_of(self) -> None:
        """A superuser works, with a warning and the statements for a better role."""
        name = self.postgres.create_database('create schema "My Shop"; create table "My Shop".t (n int)')
        check = await self.check(name, self.postgres.user, self.postgres.password)
        assert check.ok
        assert "is a superuser" in check.warnings[0]
        assert 'GRANT SELECT ON ALL TABLES IN SCHEMA "My Shop" TO headrace_reader;' in check.facts["grants"]

    async def test_grants_that_the_check_prints_are_enough(self) -> None:
        """Who runs the printed statements as they are gets a role that passes the check without warnings."""
        name = self.postgres.create_database("create schema shop; create table shop.t (n int)")
        check = await self.check(name, self.postgres.user, self.postgres.password)
        self.postgres.execute(check.facts["grants"].replace("'…'", "'made'"), name)
        check = await self.check(name, "headrace_reader", "made")
        self.postgres.execute("drop owned by headrace_reader", name)
        self.postgres.execute("drop role headrace_reader")
        assert (check.problems, check.warnings) == ((), ())

    async def test_rights_to_write_are_warned_of(self) -> None:
        """What lets a role change tables, or create them or schemas, is told in a sentence each, with its REVOKE."""
        name = self.postgres.create_database(
            "create table t (n int); grant select, insert on t to reader; "
            "create schema s; grant create on schema s to reader"
        )
        self.postgres.execute(f"grant create on database {name} to reader")
        check = await self.check(name)
        assert check.ok
        tables, schema, database = check.warnings
        assert "may change tables of the schema 'public' (t)" in tables
        assert "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public FROM reader;" in tables
        assert "REVOKE CREATE ON SCHEMA s FROM PUBLIC, reader;" in schema
        assert f"REVOKE CREATE ON DATABASE {name} FROM PUBLIC, reader;" in database

    async def test_missing_rights_to_read_are_a_problem(self) -> None:
        """A role that can read no table is told which GRANT it lacks."""
        name = self.postgres.create_database("create schema shop; create table shop.t (n int)")
        check = await self.check(name)
        [problem] = check.problems
        assert "may read none of the 1 tables" in problem
        assert "GRANT USAGE ON SCHEMA shop TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA shop TO reader;" in problem

    async def test_a_schema_that_is_missing_or_closed_is_a_problem(self) -> None:
        """The setting `schema` is held against the database."""
        name = self.postgres.create_database(
            "create schema closed; create table t (n int); grant select on t to reader"
        )
        check = await self.check(name, schema="nope, closed")
        missing, closed = check.problems
        assert "`schema` names 'nope'" in missing
        assert "GRANT USAGE ON SCHEMA closed TO reader;" in closed

    async def test_a_closed_database_is_a_problem(self) -> None:
        """A role without CONNECT is told the GRANT."""
        name = self.postgres.create_database()
        self.postgres.execute(f"revoke connect on database {name} from public")
        [problem] = (await self.check(name)).problems
        assert f"GRANT CONNECT ON DATABASE {name} TO reader;" in problem

    async def test_an_empty_database_is_a_warning(self) -> None:
        """No tables yet: it may be the wrong database."""
        check = await self.check(self.postgres.create_database())
        assert check.ok
        assert "has no tables or views yet" in check.warnings[0]


class TestTls:
    """Encrypted connections, against a server that takes no others."""

    @pytest.fixture(autouse=True)
    def _given(self, postgres_tls: PostgresServer, make: Make) -> None:
        self.server, self.make = postgres_tls, make

    async def problem(self, **settings: Any) -> str | None:
        source = self.make(SPEC, settings_for(self.server, **settings))
        try:
            check = await source.check()
            return None if check.ok else check.problems[0]
        finally:
            await source.close()

    async def test_tls_modes_that_work(self) -> None:
        """The authority's certificate makes verify-full work; on this machine TLS is taken without being asked for."""
        assert await self.problem(tls="verify-full", tls_ca=str(self.server.ca_file)) is None
        assert await self.problem() is None
        source = self.make(SPEC, settings_for(self.server))
        assert "TLS" in (await source.check()).facts["tls"]
        await source.close()

    async def test_an_unknown_authority_is_told(self) -> None:
        """verify-full without tls_ca trusts the system's authorities, and not a private one."""
        problem = await self.problem(tls="verify-full")
        assert problem is not None
        assert "Set `tls_ca`" in problem

    async def test_another_name_is_told(self) -> None:
        """A certificate for another name is refused, naming it."""
        problem = await self.problem(host="localhost", tls="verify-full", tls_ca=str(self.server.ca_file))
        assert problem is not None
        assert "is for another name" in problem

    async def test_a_file_without_certificate_is_told(self, tmp_path: Path) -> None:
        """tls_ca must hold a certificate."""
        (tmp_path / "empty.pem").write_text("nothing")
        problem = await self.problem(tls="verify-full", tls_ca="empty.pem")
        assert problem is not None
        assert "The file in `tls_ca` holds no certificate" in problem

    async def test_a_server_that_demands_tls_is_told(self) -> None:
        """Without TLS the server's rule is named."""
        problem = await self.problem(tls="disable")
        assert problem is not None
        assert "without TLS" in problem

    async def test_a_client_certificate(self) -> None:
        """Where the server demands one it is told, and works when given."""
        role = {"user": "certified", "password": Secret("certified")}
        problem = await self.problem(**role)
        assert problem is not None
        assert "Set `tls_certificate` and `tls_key`" in problem
        certificate, key = map(str, self.server.client_certificate)
        assert await self.problem(**role, tls_certificate=certificate, tls_key=key) is None


@pytest.mark.parametrize(
    ("host", "told", "mode"),
    [
        ("localhost", None, "prefer"),
        ("127.0.0.1", None, "prefer"),
        ("::1", None, "prefer"),
        ("/run/postgresql", None, "prefer"),
        ("db.internal", None, "verify-full"),
        ("192.0.2.1", None, "verify-full"),
        ("localhost.example.com", None, "verify-full"),
        ("db.internal", "require", "require"),
        ("localhost", "verify-full", "verify-full"),
    ],
)
def test_tls_is_verified_unless_the_server_is_here(host: str, told: str | None, mode: str) -> None:
    """Without a setting, only a server on this machine may be spoken to in the clear."""
    assert tls_mode({"host": host, "tls": told}) == mode


async def test_a_password_never_shows(postgres: PostgresServer, make: Make) -> None:
    """Neither errors nor checks hold the password, whatever is wrong, also in its encoded form."""
    password = "p@ss word%/é"
    for wrong in ({}, {"host": "no-such-host.invalid"}, {"port": 1}, {"database": password}, {"tls": "require"}):
        source = make(SPEC, settings_for(postgres, **{"password": Secret(password), "user": "who", **wrong}))
        check = await source.check()
        await source.close()
        told = " ".join([*check.problems, *check.warnings, *check.facts.values()])
        assert "p%40ss" not in told
        assert password not in told or wrong == {"database": password}


def test_rules_between_fields() -> None:
    """A client certificate needs its key, and tls_ca needs a mode that uses it."""
    assert SPEC.validate is not None
    assert SPEC.validate({"tls_certificate": "a"}) == [("tls_certificate", "needs `tls_key` beside it")]
    assert SPEC.validate({"tls_key": "a"}) == [("tls_key", "needs `tls_certificate` beside it")]
    assert [field for field, _ in SPEC.validate({"tls_ca": "a", "tls": "require"})] == ["tls_ca"]
    assert SPEC.validate({"tls_ca": "a", "tls": "verify-full"}) == SPEC.validate({}) == []
