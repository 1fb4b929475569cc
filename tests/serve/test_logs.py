"""Logs: one line each, facts as keys, and no secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from headrace.alerting import Channel
from headrace.model import Connection, Secret
from headrace.project import Project
from headrace.serve import logs
from headrace.service import Mail, Oidc, Service


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """The root logger is put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


def test_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A line is one JSON object: moment, level, who says it, what, and the facts given as extra."""
    logs.set_up("json", set)
    logging.getLogger("headrace.run").info("run ended", extra={"sync": "people", "rows": 3})
    line = json.loads(capsys.readouterr().err)
    assert line.pop("time").endswith("Z")
    assert line == {"event": "run ended", "level": "info", "logger": "headrace.run", "sync": "people", "rows": 3}


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """A known secret is dotted out wherever it stands: in the sentence, in a fact, deep in a fact, in a traceback."""
    logs.set_up(form, lambda: {"s3cret-value", "abc"})
    log = logging.getLogger("headrace.test")
    log.info("the password s3cret-value", extra={"url": "https://u:s3cret-value@h", "deep": [{"x": "s3cret-value"}]})
    try:
        raise ValueError("s3cret-value")
    except ValueError:
        log.exception("failed")
    written = capsys.readouterr().err
    assert "s3cret-value" not in written
    assert written.count("•••") >= 4


@pytest.mark.parametrize("form", ["json", "text"])
def test_nobody_forges_a_line(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """Text from outside, such as a database's words about a row, stays in its line and commands no terminal."""
    logs.set_up(form, set)
    evil = "bad value: a\n2026-01-01T00:00:00Z [info] all is well\r\x1b[2J\x9b31m"
    logging.getLogger("headrace.test").warning(evil, extra={"reason": evil})
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert not {"\r", "\x1b"} & set(written)
    assert "\x9b" not in written or form == "json"


def test_short_secrets_are_left(capsys: pytest.CaptureFixture[str]) -> None:
    """A secret of three letters is no word to black out: it would take half of every line with it."""
    logs.set_up("json", lambda: {"run"})
    logging.getLogger("headrace.test").info("run ended")
    assert json.loads(capsys.readouterr().err)["event"] == "run ended"


def test_all_secrets_of_a_project() -> None:
    """Secrets are found wherever the configuration holds them: in connections, groups in them, alerts, the service."""
    held = {"password": Secret("one"), "ssh_tunnel": {"key": Secret("two")}, "host": "db"}
    project = Project(
        sources={"shop": Connection("shop", "postgresql", held)},
        destinations={"hook": Connection("hook", "webhook", {"headers": [Secret("three")]})},
        syncs={},
        alerts={"ops": Channel("ops", "webhook", {"signing_secret": Secret("four")}, frozenset())},
        service=Service(
            oidc=Oidc("https://id", "headrace", Secret("five")), mail=Mail("h", "s", password=Secret("six"))
        ),
    )
    assert logs.secrets_of(project) == {"one", "two", "three", "four", "five", "six"}
