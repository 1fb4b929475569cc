"""No secret is ever told: random ones are planted in every connector, and everything that comes out is searched."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import pytest
import yaml

from headrace.app import specs
from headrace.connector import Field
from headrace.testing.http_server import Answer, Recorded, RecordingServer, unused_url
from tests.cli.conftest import Headrace

pytestmark = pytest.mark.slow

QUERY = "SELECT 'u1' AS \"userId\", 3 AS total"
COMMANDS = (
    ("check",), ("check", "--json"), ("preview", "s"), ("preview", "s", "--json"), ("run", "s"), ("run", "s", "--json"),
    ("runs",), ("runs", "--json"), ("errors", "s"), ("secret", "list"), ("key", "show"), ("key", "rotate"),
)  # fmt: skip
PLAIN, AWKWARD = "", "'\"\\%@:/?#&{}<é"


class Planted:
    """Secrets in the environment, and the search for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
        self._patch, self._mark = monkeypatch, mark
        self.texts: dict[str, str] = {}

    def variable(self, name: str) -> str:
        """A new secret as a variable for the configuration."""
        variable = f"PLANTED_{len(self.texts)}"
        self.texts[name] = f"Zq{secrets.token_hex(8)}{self._mark}{secrets.token_hex(8)}"
        self._patch.setenv(variable, self.texts[name])
        return f"${{{variable}}}"

    def found(self, told: bytes) -> set[str]:
        """The names of those that are in ``told``, however written."""
        return {name for name, text in self.texts.items() if any(form in told for form in _forms(text))}


def _forms(text: str) -> Iterator[bytes]:
    """A secret as it is, and as URLs, JSON, Python and base64 spell it."""
    for form in (text, quote(text), quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1], repr(text)[1:-1]):
        yield form.encode()
    for before in range(3):  # base64 depends on what stands before
        encoded = base64.b64encode(b"x" * before + text.encode()).rstrip(b"=")
        yield encoded[4 if before else 0 : -4]


def filled(fields: Iterable[Field], planted: Planted, address: str) -> dict[str, Any]:
    """Settings with every secret planted, and every required field set; nothing answers at ``address``."""
    parts = urlsplit(address)
    known = {"host": parts.hostname, "port": parts.port, "url": address, "path": "warehouse", "endpoint": address}
    settings: dict[str, Any] = {}
    for field in fields:
        if field.kind == "secret":
            settings[field.name] = planted.variable(field.name)
        elif field.kind == "group":
            inner = filled(field.fields, planted, address)
            if field.required or any(each.kind == "secret" for each in field.fields):
                settings[field.name] = inner
        elif field.name in known and field.kind in ("text", "integer", "url", "path"):
            settings[field.name] = known[field.name]
        elif field.required:
            settings[field.name] = field.choices[0] if field.choices else field.example or "x"
    return settings


def told_by(headrace: Headrace) -> bytes:
    """Everything that a user, an operator or the next process gets to see, but for the configuration."""
    told = b""
    for command in COMMANDS:
        ended = headrace(*command)
        told += ended.out.encode() + ended.err.encode()
    for file in headrace.folder.rglob("*"):
        if file.is_file() and file.name != "headrace.yaml":
            told += file.read_bytes()
    return told


def write(headrace: Headrace, source: Mapping[str, Any], destination: Mapping[str, Any]) -> None:
    sync = {"source": "planted", "call": "track", "query": QUERY.replace("3", "'Ordered' AS event, 3")}
    if specs()["source", source["type"]].receives:
        sync = {"source": "planted"}
    config = {
        "sources": {"planted": source},
        "destinations": {"planted": destination},
        "syncs": {"s": {**sync, "destinations": ["planted"]}},
    }
    (headrace.folder / "headrace.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))


@pytest.fixture
def crashes(headrace: Headrace, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where reports of our own mistakes go: into what is searched."""
    folder = headrace.folder / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drivers that try again for many seconds where nothing listens give up at once."""
    monkeypatch.setattr("headrace.sources.sqlserver_connection.LOGIN_TIMEOUT", 1)
    for name in ("LOGIN_TIMEOUT", "RETRY_TIMEOUT"):
        monkeypatch.setattr(f"headrace.sources.snowflake_connection.{name}", 1)


@pytest.mark.usefixtures("crashes", "impatient")
@pytest.mark.parametrize("mark", [PLAIN, AWKWARD], ids=["plain", "awkward"])
@pytest.mark.parametrize("kind", sorted(name for role, name in specs() if role == "source"))
def test_a_source_keeps_its_secrets(headrace: Headrace, monkeypatch: pytest.MonkeyPatch, kind: str, mark: str) -> None:
    """A source that cannot be reached, or is configured wrongly, tells none of its secrets in any output or file."""
    planted = Planted(monkeypatch, mark)
    fields = specs()["source", kind].fields
    together = filled(fields, planted, unused_url())
    # Some secrets exclude one another, which is an error of the configuration: then each by itself as well.
    alone = [
        {name: value for name, value in together.items() if not _is_planted(value) or name == kept}
        for kept, secret in together.items()
        if _is_planted(secret)
    ]
    told = b""
    for settings in [together, *alone]:
        write(headrace, {"type": kind, **settings}, {"type": "workspace"})
        told += told_by(headrace)
    assert b"planted" in told
    assert planted.found(told) == set()


@pytest.mark.usefixtures("crashes")
@pytest.mark.parametrize("mark", [PLAIN, AWKWARD], ids=["plain", "awkward"])
@pytest.mark.parametrize("kind", sorted(name for role, name in specs() if role == "destination"))
def test_a_destination_keeps_its_secrets(
    headrace: Headrace, monkeypatch: pytest.MonkeyPatch, kind: str, mark: str
) -> None:
    """A destination whose server repeats all that it was sent, headers and credentials too, tells no secret."""

    def repeat(request: Recorded) -> Answer:
        heads = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
        return Answer(400, body=f"{request.path}\n{heads}\n".encode() + request.body[:500])

    planted = Planted(monkeypatch, mark)
    with RecordingServer() as server:
        server.always(repeat)
        settings = filled(specs()["destination", kind].fields, planted, server.url)
        write(headrace, {"type": "duckdb", "path": "shop.duckdb"}, {"type": kind, **settings})
        told = told_by(headrace)
    assert b"planted" in told
    assert planted.found(told) == set()


@pytest.mark.usefixtures("crashes")
@pytest.mark.parametrize("mark", [PLAIN, AWKWARD], ids=["plain", "awkward"])
def test_a_kept_secret_is_nowhere_in_the_store(headrace: Headrace, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    """`headrace secret set` leaves nothing of the secret in the store, its journal, or any output."""
    planted = Planted(monkeypatch, mark)
    planted.variable("kept")
    script = "printenv PLANTED_0 | headrace secret set KEPT; headrace secret list; headrace key rotate"
    ended = headrace.child(script)
    assert "KEPT" in ended.out
    told = ended.out.encode() + ended.err.encode() + told_by(headrace)
    assert planted.found(told) == set()


def test_the_search_finds_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is not blind: each way to write a secret is found."""
    for mark in (PLAIN, AWKWARD):
        planted = Planted(monkeypatch, mark)
        planted.variable("key")
        text = planted.texts["key"]
        for told in (
            f"…{text}…", f"?key={quote(text)}", json.dumps({"a": text}), repr([text]),
            base64.b64encode(f"user:{text}".encode()).decode(), base64.b64encode(f"{text}:".encode()).decode(),
        ):  # fmt: skip
            assert planted.found(told.encode()) == {"key"}, told
        assert planted.found(b"nothing") == set()


def _is_planted(value: object) -> bool:
    return "${PLANTED_" in json.dumps(value)
