"""Who may do what: the check of the MySQL source, TLS, and a tunnel's far end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.errors import SourceError
from headrace.model import Check, Secret
from headrace.sources.mysql import SPEC
from headrace.testing.mariadb import MariadbServer
from tests.sources import mariadb as servers
from tests.sources.mariadb import Forwarder, source_for

mariadb, mariadb_tls = servers.mariadb, servers.mariadb_tls
mariadb_expired, mariadb_elsewhere = servers.mariadb_expired, servers.mariadb_elsewhere


async def checked(server: MariadbServer, base: Path, **settings: Any) -> Check:
    source = source_for(server, base, **settings)
    try:
        return await source.check()
    finally:
        await source.close()


class TestCheck:
    """What the check tells of an account's rights."""

    @pytest.fixture(autouse=True)
    def _given(self, mariadb: MariadbServer, tmp_path: Path) -> None:
        self.server, self.folder = mariadb, tmp_path

    async def check(self, **settings: Any) -> Check:
        return await checked(self.server, self.folder, **settings)

    async def test_an_account_that_only_reads_has_no_warning(self) -> None:
        """SELECT on the database and nothing more: no problem, no warning."""
        check = await self.check()
        assert (check.problems, check.warnings) == ((), ())
        assert check.facts["server"].startswith("MariaDB 1")
        assert (check.facts["database"], check.facts["role"]) == ("shop", "reader@127.0.0.1")
        assert check.facts["tls"] == "off"

    async def test_an_administrator_is_warned_of(self) -> None:
        """An account with all rights works, with a warning."""
        check = await self.check(user="writer")
        assert check.ok
        assert "may change everything on the server" in check.warnings[0]

    async def test_grants_that_the_check_prints_are_enough(self) -> None:
        """Who runs the printed statements as they are gets an account that passes the check without warnings."""
        check = await self.check(user="writer")
        self.server.execute(*check.facts["grants"].replace("'…'", "'made'").splitlines())
        try:
            check = await self.check(user="headrace_reader", password=Secret("made"))
        finally:
            self.server.execute("drop user headrace_reader@'127.0.0.1'")
        assert (check.problems, check.warnings) == ((), ())

    async def test_statements_of_the_warnings_mend_them(self) -> None:
        """Each right beyond reading is told with its REVOKE, also of columns, of tables and of passing rights on."""
        account = "clerk@'127.0.0.1'"
        self.server.execute(
            "create or replace table shop.`my table` (n int, m int)",
            f"create user {account} identified by 'clerk'",
            f"grant select, insert, create on shop.* to {account}",
            f"grant select, update (n, m) on shop.`my table` to {account}",
            f"grant all on shop.people to {account} with grant option",
            f"grant execute on procedure shop.insert_two to {account}",
            f"grant file on *.* to {account}",
        )
        try:
            check = await self.check(user="clerk")
            assert check.ok
            assert len(check.warnings) == 5
            for warning in check.warnings:
                mend = warning.split("Run: ")[1].split(";")
                self.server.execute(*(statement for statement in mend if statement.strip()))
            assert (await self.check(user="clerk")).warnings == ()
        finally:
            self.server.execute(f"drop user {account}")

    async def test_rights_through_a_role_are_seen(self) -> None:
        """What a default role may do, the account may do."""
        self.server.execute(
            "create role clerks",
            "grant delete on shop.people to clerks",
            "create user member@'127.0.0.1' identified by 'member'",
            "grant clerks to member@'127.0.0.1'",
            "grant select on shop.* to member@'127.0.0.1'",
            "set default role clerks for member@'127.0.0.1'",
        )
        try:
            [warning] = (await self.check(user="member")).warnings
        finally:
            self.server.execute("drop user member@'127.0.0.1'", "drop role clerks")
        assert "DELETE" in warning

    async def test_an_empty_database_is_a_warning(self) -> None:
        """No tables to see: it may be the wrong database, or the account lacks SELECT there."""
        self.server.execute(
            "create or replace database `my empty`", "grant select on `my empty`.* to reader@'127.0.0.1'"
        )
        check = await self.check(database="my empty")
        assert check.ok
        assert "GRANT SELECT ON `my empty`.* TO 'reader'@'127.0.0.1';" in check.warnings[0]


class TestTls:
    """Encrypted connections."""

    @pytest.fixture(autouse=True)
    def _given(self, mariadb_tls: MariadbServer, tmp_path: Path) -> None:
        self.server, self.folder = mariadb_tls, tmp_path
        self.ca: dict[str, Any] = {"tls_ca": str(mariadb_tls.ca_file)}

    async def tls(self, server: MariadbServer | None = None, **settings: Any) -> str:
        """What the check says of TLS, or the problem that it found."""
        check = await checked(server or self.server, self.folder, **settings)
        return check.facts["tls"] if check.ok else check.problems[0]

    async def test_modes_that_work(self) -> None:
        """Every mode works with a good certificate; without one being set, TLS is taken on this machine too."""
        assert await self.tls(tls="disable") == "off"
        for mode in (None, "prefer", "require"):
            assert "TLSv1." in await self.tls(tls=mode)
        for mode in ("verify-ca", "verify-full"):
            assert "TLSv1." in await self.tls(tls=mode, **self.ca)
            assert "TLSv1." in await self.tls(tls=mode, host="localhost", **self.ca)
            assert "Set `tls_ca`" in await self.tls(tls=mode)

    async def test_what_each_mode_looks_at(
        self, mariadb_expired: MariadbServer, mariadb_elsewhere: MariadbServer
    ) -> None:
        """verify-ca looks at the authority and the dates, verify-full also at the name; require at nothing."""
        for mode in ("verify-ca", "verify-full"):
            expired = await self.tls(mariadb_expired, tls=mode, tls_ca=str(mariadb_expired.ca_file))
            assert "has expired" in expired
        other: dict[str, Any] = {"server": mariadb_elsewhere, "tls_ca": str(mariadb_elsewhere.ca_file)}
        assert "TLSv1." in await self.tls(**other, tls="verify-ca")
        assert "TLSv1." in await self.tls(mariadb_elsewhere, tls="require")
        assert "is for another name" in await self.tls(**other, tls="verify-full")

    async def test_a_client_certificate(self, tmp_path: Path) -> None:
        """Where the server demands a client certificate it works with one, and not without; a bad file is named."""
        certificate, key = map(str, self.server.client_certificate)
        account: dict[str, Any] = {"user": "certified", "tls": "verify-full", **self.ca}
        assert "TLSv1." in await self.tls(**account, tls_certificate=certificate, tls_key=key)
        assert "refused the password of 'certified'" in await self.tls(**account)
        (tmp_path / "empty.pem").write_text("nothing")
        for bad in ({"tls_certificate": "empty.pem", "tls_key": key}, {"tls_ca": "empty.pem"}):
            assert "cannot be used" in await self.tls(**{**account, **bad})

    async def test_a_server_without_tls_is_told(self, mariadb: MariadbServer) -> None:
        """The modes that demand TLS do not go on without; the password is not sent."""
        for mode in ("require", "verify-ca", "verify-full"):
            assert "offers no TLS" in await self.tls(mariadb, tls=mode)
        assert await self.tls(mariadb, tls="prefer") == "off"

    async def test_the_driver_takes_no_other_certificate_than_the_one_that_was_verified(
        self, mariadb_elsewhere: MariadbServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who steps in between the first look and the driver's connection is not logged in to."""
        from dataclasses import replace

        from headrace.sources import mysql_connection, mysql_tls

        looked: list[int] = []
        meet = mysql_tls.meet

        def elsewhere(*given: Any) -> Any:
            looked.append(1)
            return replace(meet(*given), port=mariadb_elsewhere.port)

        monkeypatch.setattr(mysql_connection, "meet", elsewhere)
        assert "ingerprint" in await self.tls(tls="verify-full", **self.ca)
        assert len(looked) > 1  # servers behind one address may have certificates of their own

    async def test_through_a_tunnel_the_database_s_real_name_is_verified(
        self, mariadb_elsewhere: MariadbServer
    ) -> None:
        """The certificate must be for the host of the settings, not for the near end of the tunnel."""
        for server, host, good in (
            (mariadb_elsewhere, "db.example.com", True),
            (mariadb_elsewhere, "other.example.com", False),
            (self.server, "db.example.com", False),  # its certificate is for 127.0.0.1, where the tunnel begins
        ):
            forwarder = Forwarder(server)
            source = source_for(
                server,
                self.folder,
                forwarder,
                host=host,
                port=3306,
                tls="verify-full",
                tls_ca=str(server.ca_file),
                ssh_tunnel={"host": "bastion.example.com", "port": 22, "user": "tunnel", "host_key": None},
            )
            if good:
                assert (await source.preview("select 1 as n", 1))["n"].to_pylist() == [1]
                assert not forwarder.closed
            else:
                with pytest.raises(SourceError, match="is for another name"):
                    await source.now()
            await source.close()
            assert forwarder.asked == [(host, 3306)]
            assert forwarder.closed


def test_rules_between_fields() -> None:
    """A client certificate needs its key, a socket no tunnel, and what the reading relies on is no option."""
    assert SPEC.validate is not None
    assert SPEC.validate({"tls_certificate": "a"}) == [("tls_certificate", "needs `tls_key` beside it")]
    assert [field for field, _ in SPEC.validate({"tls_ca": "a", "tls": "require"})] == ["tls_ca"]
    assert [field for field, _ in SPEC.validate({"host": "/run/s", "ssh_tunnel": {"host": "b"}})] == ["ssh_tunnel"]
    assert [field for field, _ in SPEC.validate({"options": {"Time_Zone": "x", "sql_mode": ""}})] == ["options"]
    assert SPEC.validate({"host": "db", "tls": "verify-full", "tls_ca": "a"}) == []
