"""A source behind a real SSH server, from the first key to its replacement, by the command line alone."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from headrace.testing.postgres import PostgresServer, postgres_binaries
from headrace.testing.ssh import SshServer, sshd_binary
from tests.cli.conftest import Headrace

pytestmark = pytest.mark.slow

CONFIG = """\
sources:
  shop:
    type: postgresql
    host: {database.host}
    port: {database.port}
    database: postgres
    user: {database.user}
    password: {password}
    ssh_tunnel: {{host: {ssh.host}, port: {ssh.port}, user: {ssh.user}}}
destinations:
  workspace: {{type: workspace, path: workspace.sqlite}}
syncs:
  people:
    source: shop
    call: identify
    query: SELECT n AS "userId" FROM generate_series(1, 1000) AS n
    destinations: [workspace]
"""


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    with PostgresServer() as server:
        yield server


@pytest.fixture
def ssh() -> Iterator[SshServer]:
    if sshd_binary() is None:
        pytest.skip("no sshd installed")
    with SshServer() as server:
        yield server


@pytest.fixture
def tunnelled(folder: Headrace, database: PostgresServer, ssh: SshServer, monkeypatch: pytest.MonkeyPatch) -> Headrace:
    """A project whose source is behind the SSH server; there is no key yet."""
    monkeypatch.setenv("SHOP_PASSWORD", database.password)
    text = CONFIG.format(database=database, ssh=ssh, password="${SHOP_PASSWORD}")
    (folder.folder / "headrace.yaml").write_text(text)
    return folder


def test_from_the_first_key_to_the_next(tunnelled: Headrace, ssh: SshServer) -> None:
    """Each command says what comes next; a key is used when it is saved, and saved when a connection with it works."""
    headrace = tunnelled
    assert "headrace ssh-key new shop" in headrace("check").out
    made = headrace("ssh-key", "new", "shop", "--json").json
    assert "headrace ssh-key trust shop" in headrace("ssh-key", "save", "shop").err
    assert headrace("ssh-key", "trust", "shop", "--fingerprint", "SHA256:" + "A" * 43).code == 1
    assert headrace("ssh-key", "trust", "shop", "--fingerprint", ssh.fingerprint()).code == 0
    refused = headrace("ssh-key", "save", "shop")
    assert "[ssh_login]" in refused.err
    assert made["pending"]["authorized_key"] in refused.err
    assert headrace.run("people")["state"] == "failed"

    ssh.install(made["pending"]["authorized_key"])
    assert headrace("ssh-key", "test", "shop", "--pending").code == 0
    assert "is not saved yet" in headrace.run("people")["error"]
    assert headrace("ssh-key", "save", "shop").code == 0
    assert headrace("check").code == 0
    assert headrace.run("people")["state"] == "succeeded"

    second = headrace("ssh-key", "new", "shop", "--type", "rsa", "--json").json
    assert second["active"] == made["pending"]
    assert headrace("ssh-key", "save", "shop").code == 1
    assert headrace.run("people")["state"] == "succeeded"  # with the first key, as long as the second is not saved
    ssh.install(made["pending"]["authorized_key"], second["pending"]["authorized_key"])
    assert headrace("ssh-key", "save", "shop").code == 0
    ssh.install(second["pending"]["authorized_key"])
    assert headrace.run("people")["state"] == "succeeded"
    shown = headrace("ssh-key", "show", "shop", "--json").json
    assert (shown["active"], shown["pending"]) == (second["pending"], None)


def test_another_server_in_its_place_is_refused(tunnelled: Headrace, ssh: SshServer) -> None:
    """A host key that changed ends the connection before anything is said, and both fingerprints are told."""
    headrace = tunnelled
    made = headrace("ssh-key", "new", "shop", "--json").json
    ssh.install(made["pending"]["authorized_key"])
    before = ssh.fingerprint()
    headrace("ssh-key", "trust", "shop", "--fingerprint", before)
    headrace("ssh-key", "save", "shop")
    ssh.stop()
    ssh.make_host_keys()
    ssh.start()
    told = headrace.run("people")["error"]
    assert before in told
    assert ssh.fingerprint() in told


def test_private_keys_are_nowhere(tunnelled: Headrace, ssh: SshServer) -> None:
    """Neither the store, nor its journal, nor any output holds a private key, whichever way it is written."""
    headrace = tunnelled
    told = headrace("ssh-key", "new", "shop").out + headrace("ssh-key", "show", "shop", "--json").out
    ssh.install(headrace("ssh-key", "show", "shop", "--json").json["pending"]["authorized_key"])
    headrace("ssh-key", "trust", "shop", "--fingerprint", ssh.fingerprint())
    told += headrace("ssh-key", "save", "shop").out + headrace("check").out
    kept = b"".join(path.read_bytes() for path in (headrace.folder / ".headrace").rglob("*") if path.is_file())
    for sign in ("PRIVATE KEY", "openssh-key-v1", "b3BlbnNzaC1rZXktdjE"):
        assert sign not in told
        assert sign.encode() not in kept


def test_a_lost_key_is_no_dead_end(tunnelled: Headrace, ssh: SshServer) -> None:
    """Where the key that sealed the SSH key is lost, the message names the command by which all begins anew."""
    headrace = tunnelled
    headrace("ssh-key", "new", "shop")
    headrace("ssh-key", "trust", "shop", "--fingerprint", ssh.fingerprint())
    (headrace.folder / ".headrace" / "key").write_text(headrace("key", "new").out)
    lost = headrace("ssh-key", "new", "shop")
    assert "[key_missing]" in lost.err
    assert "headrace ssh-key forget shop" in lost.err
    assert headrace("ssh-key", "forget", "shop").code == 0
    assert headrace("ssh-key", "new", "shop").code == 0
    assert headrace("ssh-key", "trust", "shop", "--fingerprint", ssh.fingerprint()).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [(("nobody",), 2, "The sources are: shop"), (("plain",), 2, "not reached through SSH")],
)
def test_sources_without_a_tunnel(tunnelled: Headrace, arguments: tuple[str, ...], code: int, words: str) -> None:
    """A source that is not there, or has no `ssh_tunnel`, is told with the fix."""
    duckdb.connect(str(tunnelled.folder / "plain.duckdb")).close()
    if arguments == ("plain",):
        tunnelled.edit("sources:\n", "sources:\n  plain: {type: duckdb, path: plain.duckdb}\n")
    ended = tunnelled("ssh-key", "new", *arguments)
    assert ended.code == code
    assert words in ended.err
