"""A small project in a folder of its own, and the command line to try on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from headrace.cli import show
from headrace.cli.guard import guarded
from headrace.cli.main import cli
from headrace.testing.http_server import RecordingServer

CONFIG = """\
sources:
  shop: {type: duckdb, path: shop.duckdb}

destinations:
  workspace: {type: workspace, path: workspace.sqlite}
  export: {type: files, path: out}
  crm: {type: customerio, api_key: "${CRM_KEY:-secret-key}", url: "${CRM_URL:-http://127.0.0.1:9}"}

syncs:
  people:
    source: shop
    call: identify
    query: |
      SELECT id AS "userId", name
      FROM people
      WHERE changed > {{last_sync_time}}
      ORDER BY number
    destinations: [workspace, export]

  orders:
    source: shop
    call: track
    query: SELECT 'u1' AS "userId", 'Ordered' AS event, 3 AS total
    destinations: [export]

  crm_people:
    source: shop
    call: identify
    query: SELECT id AS "userId", name FROM people WHERE id IS NOT NULL ORDER BY number
    destinations: [crm]
    enabled: false

  typo:
    source: shop
    call: identify
    query: |
      SELECT id AS "userId",
             nmae
      FROM people
    destinations: [export]
    enabled: false
"""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Headrace:
    """The command line in a project: called in this process, or as a child."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *args: str) -> Ended:
        self.capture.readouterr()
        with pytest.raises(SystemExit) as end:
            guarded(
                lambda: cli(args=["-C", str(self.folder), *args], prog_name="headrace", standalone_mode=False),
                os.environ,
            )
        told = self.capture.readouterr()
        return Ended(int(end.value.code or 0), told.out, told.err)

    def child(self, command: str, **env: str) -> Ended:
        """Run a shell command in the folder; ``headrace`` in it is the real one. No terminal anywhere."""
        script = f'headrace() {{ "{sys.executable}" -c "from headrace.cli.main import main; main()" "$@"; }}\n{command}'
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail\n{script}"],
            cwd=self.folder, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, done.stderr)

    def file(self, name: str) -> str:
        return (self.folder / name).read_text()

    def edit(self, old: str, new: str) -> None:
        """Change the configuration."""
        text = self.file("headrace.yaml")
        assert old in text
        (self.folder / "headrace.yaml").write_text(text.replace(old, new))

    def sql(self, statement: str) -> None:
        """Change the warehouse."""
        with duckdb.connect(str(self.folder / "shop.duckdb")) as con:
            con.execute(statement)

    def run(self, *args: str) -> dict[str, Any]:
        """The first run that ``headrace run --json`` tells of."""
        run: dict[str, Any] = self("run", *args, "--json").json["runs"][0]
        return run


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests, and a screen of 80 columns."""
    for name in ("HEADRACE_HOME", "HEADRACE_DATABASE_URL", "HEADRACE_PROJECT", "HEADRACE_DEBUG", "CRM_KEY", "CRM_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    for console in (show.out, show.err):
        monkeypatch.setattr(console, "width", 80)


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Headrace:
    """The command line in a folder without a project."""
    return Headrace(tmp_path, capsys)


@pytest.fixture
def headrace(folder: Headrace) -> Headrace:
    """The command line in a project whose third person has no id and whose second one is called ``=1+1``."""
    (folder.folder / "headrace.yaml").write_text(CONFIG)
    folder.sql("CREATE TABLE people (number INTEGER, id VARCHAR, name VARCHAR, changed BIGINT)")
    folder.sql("INSERT INTO people VALUES (1, 'u1', 'Ann', 100), (2, 'u2', '=1+1', 100), (3, NULL, '=1+1', 100)")
    return folder


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingServer]:
    """What stands in for Customer.io; the destination ``crm`` points at it."""
    with RecordingServer() as server:
        monkeypatch.setenv("CRM_URL", f"{server.url}/v1")
        yield server
