"""`headrace user`, `token`, `write-key` and `audit`: on the store itself, and every change in the log."""

from __future__ import annotations

import getpass
import io
import sqlite3
import sys
from contextlib import closing

import pytest

from headrace.cli.main import cli
from headrace.cli.people_commands import audit, token, user, write_key
from headrace.keep.codes import token_id
from headrace.keep.write_keys import key_id
from tests.cli.conftest import Headrace

ME = f"local:{getpass.getuser()}"
PASSWORD = "three blind mice in a row"


@pytest.fixture
def headrace(folder: Headrace, monkeypatch: pytest.MonkeyPatch) -> Headrace:
    """A project with one source that takes calls."""
    for command in (user, token, write_key, audit):
        assert command.name is not None
        monkeypatch.setitem(cli.commands, command.name, command)
    (folder.folder / "headrace.yaml").write_text("sources:\n  web: {type: http}\n")
    return folder


def actions(headrace: Headrace) -> list[str]:
    """What the log tells, the oldest first."""
    lines = headrace("audit", "list").out.splitlines()
    return [" ".join(line.split()[3:6]) for line in reversed(lines)]


def test_people_come_and_go(headrace: Headrace) -> None:
    """Adding, listing, changing and deleting; each change is logged as done by the machine's own user."""
    made = headrace("user", "add", "Ada@example.com", "--name", "Ada", "--role", "owner", "--preview", "--json").json
    assert (made["user"]["email"], made["user"]["role"], len(made["code"])) == ("ada@example.com", "owner", 43)
    assert "/join#" in headrace("user", "add", "ben@example.com").out
    assert headrace("user", "role", "ben@example.com", "editor", "--preview").out == (
        "ben@example.com is editor, with preview.\n"
    )
    assert headrace("user", "disable", "ben@example.com").out == "ben@example.com is disabled.\n"
    assert headrace("user", "list").out.splitlines() == [
        "ada@example.com  owner, preview", "ben@example.com  editor, preview, disabled",
    ]  # fmt: skip
    assert headrace("user", "enable", "ben@example.com").code == 0
    assert headrace("user", "delete", "ben@example.com").code == 0
    assert [person["email"] for person in headrace("user", "list", "--json").json["users"]] == ["ada@example.com"]
    what = ["create user/ada", "create user/ben", *["update user/ben"] * 3, "delete user/ben"]
    assert actions(headrace) == [f"{ME} user.{one}@example.com" for one in what]


def test_an_owner_is_left(headrace: Headrace) -> None:
    """The command line keeps the rule, too."""
    headrace("user", "add", "ada@example.com", "--role", "owner")
    refused = headrace("user", "delete", "ada@example.com")
    assert refused.code != 0
    assert "last owner" in refused.err
    assert len(headrace("user", "list", "--json").json["users"]) == 1


def test_a_password_from_standard_input(headrace: Headrace, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is judged, kept as a hash alone, and in no log."""
    headrace("user", "add", "ada@example.com", "--role", "owner")
    for said, code in (("short", 2), (PASSWORD, 0)):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{said}\n"))
        ended = headrace("user", "password", "ada@example.com")
        assert (ended.code, said in ended.out + ended.err) == (code, False), ended.err
    with closing(sqlite3.connect(headrace.folder / ".headrace" / "store.sqlite")) as store:
        ((kept,),) = store.execute("SELECT password FROM users").fetchall()
        assert kept.startswith("$argon2id$")
        assert not any(PASSWORD in line for line in store.iterdump())


def test_tokens(headrace: Headrace) -> None:
    """The text stands alone on standard output, once; the list shows how a token begins."""
    headrace("user", "add", "ada@example.com", "--role", "editor")
    made = headrace("token", "new", "ada@example.com", "deploy", "--scope", "operate", "--scope", "view", "--days", "0")
    name = token_id(made.out.strip())
    assert name is not None
    assert made.err.startswith("It is for ada@example.com, editor (operate, view), for ever.\n")
    assert headrace("token", "list").out == f"{name}  deploy  ada@example.com, editor (operate, view), for ever\n"
    assert "may not do more" in headrace("token", "new", "ada@example.com", "x", "--role", "owner").err
    assert "no user" in headrace("token", "new", "nobody@example.com", "x").err
    assert headrace("token", "delete", name).code == 0
    assert "no token" in headrace("token", "delete", name).err
    assert headrace("token", "list", "--json").json == {"tokens": []}
    assert [line.split()[1] for line in actions(headrace)] == ["user.create", "token.create", "token.delete"]


def test_write_keys(headrace: Headrace) -> None:
    """For a source that takes calls; shown once."""
    made = headrace("write-key", "new", "web", "production")
    name = key_id(made.out.strip())
    assert headrace("write-key", "list").out == f"{name}  web  production\n"
    assert "unknown_source" in headrace("write-key", "new", "shop", "x").err
    assert headrace("write-key", "delete", name).code == 0
    assert "no write key" in headrace("write-key", "delete", name).err
    assert [line.split()[1] for line in actions(headrace)] == ["write_key.create", "write_key.delete"]


def test_the_log_is_checked(headrace: Headrace) -> None:
    """All is well, with the hash to note; after somebody was at the database, the entry is named."""
    for name in ("ada", "ben"):
        headrace("user", "add", f"{name}@example.com")
    listed = headrace("audit", "list", "--json", "--thing", "user/ben@example.com").json
    well = headrace("audit", "verify", "--json")
    assert (well.code, well.json) == (0, {"ok": True, "broken": None, "newest": 2, "hash": listed["hash"]})
    with closing(sqlite3.connect(headrace.folder / ".headrace" / "store.sqlite")) as store, store:
        store.execute("DROP TRIGGER audit_no_update")
        store.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 1")
    broken = headrace("audit", "verify")
    assert (broken.code, "entry 1 was changed" in broken.out) == (1, True)
