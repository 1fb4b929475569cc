"""`headrace secret …` and `headrace key …`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from headrace.keep.seal import Key
from tests.cli.conftest import Headrace

WANTED = """\
sources:
  shop: {type: duckdb, path: shop.duckdb}
destinations:
  crm: {type: customerio, api_key: "${CRM_KEY}", url: "http://127.0.0.1:9"}
syncs: {}
"""


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What comes on standard input."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdin", stream)
    return stream


def put(typed: io.StringIO, text: str) -> None:
    typed.seek(0)
    typed.truncate()
    typed.write(text)
    typed.seek(0)


def test_a_kept_secret_stands_in_for_a_variable(headrace: Headrace, typed: io.StringIO) -> None:
    """`secret set` makes a configuration whole that lacks a variable; the value is shown nowhere."""
    (headrace.folder / "headrace.yaml").write_text(WANTED)
    lacking = headrace("runs")
    assert lacking.code == 3
    assert "headrace secret set CRM_KEY" in lacking.err
    put(typed, "very-secret\n")
    told = headrace("secret", "set", "CRM_KEY")
    assert told.code == 0
    assert headrace("runs").code == 0
    assert headrace("secret", "list").out == "CRM_KEY\n"
    assert headrace("secret", "list", "--json").json == {"secrets": ["CRM_KEY"]}
    assert "very-secret" not in told.out + told.err
    assert headrace("secret", "delete", "CRM_KEY").code == 0
    assert headrace("runs").code == 3


def test_the_environment_has_precedence(
    headrace: Headrace, typed: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is set is taken, and the kept secret is not even opened."""
    put(typed, "kept")
    headrace("secret", "set", "CRM_KEY")
    (headrace.folder / ".headrace" / "key").unlink()
    (headrace.folder / "headrace.yaml").write_text(WANTED)
    monkeypatch.setenv("CRM_KEY", "from-outside")
    assert headrace("runs").code == 0


def test_a_kept_secret_goes_before_a_default(headrace: Headrace, typed: io.StringIO) -> None:
    """`${NAME:-default}` takes the variable, then the kept secret, then the default."""
    (headrace.folder / "headrace.yaml").write_text(WANTED.replace("${CRM_KEY}", "${CRM_KEY:-has a blank}"))
    assert headrace("runs").code == 3  # the default is no good key
    put(typed, "kept-key")
    headrace("secret", "set", "CRM_KEY")
    assert headrace("runs").code == 0


@pytest.mark.parametrize(("name", "text"), [("CRM_KEY", ""), ("no-name", "x"), ("1X", "x")])
def test_what_cannot_be_kept_is_told(headrace: Headrace, typed: io.StringIO, name: str, text: str) -> None:
    """An empty value, and a name that no ${…} can hold, are mistakes of the command."""
    put(typed, text)
    assert headrace("secret", "set", name).code == 2
    assert headrace("secret", "list").out.startswith("No secret is kept")


def test_an_unknown_secret_is_told(headrace: Headrace) -> None:
    """Deleting what is not there is a mistake of the command."""
    ended = headrace("secret", "delete", "NOPE")
    assert ended.code == 2
    assert "headrace secret list" in ended.err


def test_the_key_is_changed(headrace: Headrace, typed: io.StringIO) -> None:
    """`key rotate` seals anew; `key show` names keys, and never shows one."""
    for name in ("A", "B"):
        put(typed, "secret")
        headrace("secret", "set", name)
    file: Path = headrace.folder / ".headrace" / "key"
    old = file.read_text().strip()
    shown = headrace("key", "show", "--json").json
    assert shown == {"place": str(file), "keys": [{"key": Key.parse(old).name, "secrets": 2, "here": True}]}
    done = headrace("key", "rotate", "--json").json
    new = file.read_text().strip()
    assert done == {"sealed": 2, "key": Key.parse(new).name, "dropped": [Key.parse(old).name], "needless": []}
    told = headrace("key", "show")
    assert "2 secrets" in told.out
    assert new not in told.out


def test_a_lost_key_is_shown(headrace: Headrace, typed: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """`key show` says which secrets cannot be opened any more, and with which key they could."""
    put(typed, "secret")
    headrace("secret", "set", "A")
    new = headrace("key", "new").out.strip()
    monkeypatch.setenv("HEADRACE_KEY", new)
    told = headrace("key", "show").out
    assert Key.parse(new).name in told
    assert "missing" in told
    alone = headrace("key", "rotate")
    assert "[key_missing]" in alone.err
