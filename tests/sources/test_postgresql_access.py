"""Who may do what: the check of the PostgreSQL source, TLS, and the password's secrecy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from headrace.connector import Spec
from headrace.model import Check, Secret
from headrace.ports import Source
from headrace.sources.postgresql import SPEC
from headrace.sources.postgresql_connection import tls_mode
from headrace.testing.postgres import PostgresServer
from tests.sources.postgresql import settings_for

Make = Callable[[Spec, Mapping[str, Any]], Source]


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
