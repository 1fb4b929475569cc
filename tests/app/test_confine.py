"""Whoever has nothing but the API reads and writes the files of the project's folder, and no others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.app import App, opened
from headrace.definitions import Kind
from headrace.errors import ConfigError

ADA = "user:ada@example.com"


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    """A project beside a file that is none of its own."""
    (tmp_path / "secret.csv").write_text("id\n1\n")
    (tmp_path / "project" / "data").mkdir(parents=True)
    (tmp_path / "project" / "data" / "people.csv").write_text("id\n1\n")
    async with opened(tmp_path / "project", {}, need_files=False) as app:
        yield app


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.SOURCE, {"type": "sqlite", "path": "/etc/passwd"}),
        (Kind.SOURCE, {"type": "sqlite", "path": ".headrace/store.sqlite"}),
        (Kind.SOURCE, {"type": "duckdb", "path": "../shop.duckdb"}),
        (Kind.SOURCE, {"type": "postgresql", "host": "h", "database": "d", "user": "u", "tls_ca": "/etc/hosts"}),
        (Kind.SOURCE, {"type": "files", "path": "s3://bucket/x", "bucket": {"tls_ca": "/etc/hosts"}}),
        (Kind.DESTINATION, {"type": "files", "path": "/tmp/out"}),
        (Kind.DESTINATION, {"type": "workspace", "path": "../workspace.sqlite"}),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else None,
)
async def test_a_path_that_leads_out_is_refused(app: App, kind: Kind, body: dict[str, object]) -> None:
    """With its own code, before anything is saved; and so is a test of settings that are not saved."""
    for attempt in (app.workshop.create(kind, "mine", body, by=ADA), app.workshop.test(kind, "mine", body)):
        with pytest.raises(ConfigError) as refused:
            await attempt
        assert [finding.code for finding in refused.value.findings] == ["path_outside"]


async def test_a_link_that_is_made_later_leads_nowhere(app: App) -> None:
    """A path is judged again when it is used."""
    await app.workshop.create(Kind.SOURCE, "data", {"type": "files", "path": "later"}, by=ADA)
    (app.places.base / "later").symlink_to(app.places.base.parent)
    with pytest.raises(ConfigError) as refused:
        app.open_source("data")
    assert refused.value.findings[0].code == "path_outside"


@pytest.mark.parametrize("pattern", ["../*.csv", "/etc/*.csv", ".headrace/*/*.csv"])
async def test_patterns_lead_nowhere_else(app: App, pattern: str) -> None:
    """The patterns of a source of files find what lies in the project's folder."""
    body = {"type": "files", "tables": {"t": pattern}}
    [problem] = (await app.workshop.test(Kind.SOURCE, "files", body)).problems
    assert repr(pattern) in problem
    assert "no file matches" not in problem


async def test_wildcards_find_nothing_hidden(app: App) -> None:
    """What a wildcard finds is judged file by file: nothing hidden, nothing of the state, nothing behind a link."""
    (app.places.home / "kept.csv").write_text("id\n1\n")
    (app.places.base / "away").symlink_to(app.places.base.parent)
    (app.places.base / "link.csv").symlink_to(app.places.base.parent / "secret.csv")
    everything = {"type": "files", "tables": {"t": "**/*.csv", "u": "*/*.csv"}}
    check = await app.workshop.test(Kind.SOURCE, "files", everything)
    assert check.ok, check.problems
    for pattern in ("*.csv", "a*/*.csv"):
        check = await app.workshop.test(Kind.SOURCE, "files", {"type": "files", "tables": {"t": pattern}})
        assert "no file matches" in check.problems[0]
