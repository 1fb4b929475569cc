"""Who may do what: the check of the PostgreSQL source (and Redshift's try to write), TLS, the password's secrecy."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from headrace.connector import Spec
from headrace.model import Check, Secret
from headrace.ports import Source, Tools
from headrace.sources import postgresql_connection, redshift, redshift_connection
from headrace.sources.network import tls_mode
from headrace.sources.postgresql import SPEC
from headrace.testing.postgres import PostgresServer
from tests.sources.postgresql import Forwarder, settings_for
from tests.sources.redshift import create_redshift

Make = Callable[[Spec, Mapping[str, Any]], Source]
SSH = {"host": "bastion.example.com", "port": 22, "user": "tunnel", "host_key": None}


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
        """SELECT on the tables and nothing more: no problem, no warning; the grants that say how it was made."""
        name = self.postgres.create_database("create table t (n int); grant select on t to reader")
        check = await self.check(name)
        assert (check.problems, check.warnings) == ((), ())
        assert check.facts["readable"] == "1 of 1 tables and views"
        assert check.facts["server"].startswith("PostgreSQL ")
        assert "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;" in check.facts["grants"]

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


class TestTryToWrite:
    """What counts as the server's refusal to write, for PostgreSQL and for Redshift."""

    @pytest.fixture(autouse=True)
    def _given(self, postgres: PostgresServer, database: str, make: Make) -> None:
        self.postgres, self.make = postgres, make

    async def problems(self, spec: Spec) -> Sequence[str]:
        login = {"user": "reader", "password": Secret("reader"), "database": create_redshift(self.postgres)}
        source = self.make(spec, settings_for(self.postgres, **login))
        try:
            return (await source.check()).problems
        finally:
            await source.close()

    @pytest.mark.parametrize(
        ("spec", "connection"),
        [(SPEC, postgresql_connection.Connection), (redshift.SPEC, redshift_connection.Connection)],
    )
    async def test_a_lack_of_rights_is_no_refusal(
        self, spec: Spec, connection: type, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In a transaction that may write, a write that fails for want of a right proves nothing: a problem."""
        monkeypatch.setattr(connection, "begin", lambda own: own.execute("begin"))
        [problem] = await self.problems(spec)
        assert problem.startswith("The server let a write through in a read-only transaction.")

    async def test_redshift_may_refuse_in_words_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Redshift's sentence counts without the state that PostgreSQL gives it."""
        execute = redshift_connection.Connection.execute

        def refuse(connection: redshift_connection.Connection, sql: str) -> None:
            if "headrace_write_probe" in sql:
                raise psycopg.errors.InternalError_("transaction is read-only")
            execute(connection, sql)

        monkeypatch.setattr(redshift_connection.Connection, "execute", refuse)
        assert await self.problems(redshift.SPEC) == ()


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


class TestTunnel:
    """Through a tunnel, which here is a plain forwarder."""

    @pytest.fixture(autouse=True)
    def _given(self, postgres_tls: PostgresServer, tools: Tools) -> None:
        self.server, self.tunnels = postgres_tls, Forwarder(postgres_tls.port)
        self.tools = replace(tools, tunnels=self.tunnels)

    def source(self, **settings: Any) -> Source:
        far = {"host": self.server.name, "port": 5432, "ssh_tunnel": SSH, "tls_ca": str(self.server.ca_file)}
        assert SPEC.source is not None
        return SPEC.source({**settings_for(self.server), **far, **settings}, self.tools)

    async def test_the_server_proves_its_own_name(self) -> None:
        """The certificate must be for the database's name, although the connection goes to the tunnel's near end."""
        source = self.source()
        assert (await source.preview("select 1 as n", 1)).to_pylist() == [{"n": 1}]
        await source.close()
        assert (self.tunnels.asked, self.tunnels.closed) == ([(SSH, self.server.name, 5432)], 1)

    async def test_another_server_behind_the_tunnel_is_refused(self) -> None:
        """A certificate for another name is refused as without a tunnel, and the tunnel is closed."""
        source = self.source(host="other.example.com")
        [problem] = (await source.check()).problems
        await source.close()
        assert (
            "The certificate of other.example.com:5432 (through the SSH server bastion.example.com) is for" in problem
        )
        assert self.tunnels.closed == 1

    async def test_a_far_end_that_does_not_answer_is_told(self) -> None:
        """A tunnel that leads nowhere closes the connection at once; the message names both ends."""
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            self.tunnels.target = nobody.getsockname()[1]

            def close_at_once() -> None:
                nobody.accept()[0].close()

            closing = threading.Thread(target=close_at_once)
            closing.start()
            source = self.source()
            [problem] = (await source.check()).problems
            closing.join()
        await source.close()
        assert "db.example.com:5432 (through the SSH server bastion.example.com) took the connection" in problem

    async def test_a_stopped_reader_ends_the_statement(self) -> None:
        """Cancelling goes through the tunnel, too."""
        source = self.source()
        async with aclosing(source.read("select generate_series(1, 1000000000) as n")) as batches:
            await anext(batches)
        running = self.server.execute(
            "select count(*) from pg_stat_activity where application_name = 'headrace' and state = 'active'"
        )
        await source.close()
        assert running == [(0,)]


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
    assert [field for field, _ in SPEC.validate({"host": "/run/postgresql", "ssh_tunnel": SSH})] == ["host"]


def test_the_far_end_of_a_tunnel_may_be_the_ssh_server() -> None:
    """localhost behind a tunnel is the SSH server, up to which the tunnel encrypts; another host must prove itself."""
    assert tls_mode({"host": "localhost", "ssh_tunnel": SSH}) == "prefer"
    assert tls_mode({"host": "db.internal", "ssh_tunnel": SSH}) == "verify-full"


async def test_the_environment_has_no_say(
    postgres: PostgresServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables that libpq would read do not change where and how the source connects."""
    said = {"PGHOST": "nowhere.invalid", "PGHOSTADDR": "127.0.0.2", "PGPORT": "1", "PGSSLMODE": "verify-full"}
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    source = make(SPEC, settings_for(postgres))
    assert (await source.check()).problems == ()
    await source.close()
