"""The project as it changes under a running service: by edits here and elsewhere, and by files that are read again."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.app import App, opened
from headrace.definitions import Definition, Kind
from headrace.errors import ConfigError, UsageError
from headrace.model import Connection, Secret
from headrace.operations import set_last_sync_time
from headrace.ports import HttpReply
from headrace.store import SqlStore
from headrace.store.definitions import create_definition
from headrace.testing.postgres import PostgresServer, postgres_binaries
from headrace.testing.store_samples import NOON
from headrace.workshop import Shown

BOB = "user:bob@example.com"
FILE = """\
sources: {shop: {type: sqlite, path: shop.sqlite}, web: {type: http, write_key: file-key}}
destinations: {crm: {type: workspace}}
syncs:
  orders: {source: shop, call: track, query: SELECT 1, destinations: [crm]}
  calls: {source: web, destinations: [crm]}
"""
SYNC: dict[str, Any] = {"source": "shop", "call": "track", "query": "SELECT 2", "destinations": ["crm"]}


def stored(kind: Kind, name: str, version: int = 1, **body: Any) -> Definition:
    return Definition(kind, name, version, body, NOON, BOB)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "headrace.yaml").write_text(FILE)
    return tmp_path


async def spoil(app: App, *definitions: Definition) -> None:
    """Put definitions into the store as an older version, or another process with other files, may have left them."""
    for one in definitions:
        await app.store.create_definition(one)
    assert await app.reload_if_changed()


async def test_an_edit_is_seen_by_all_services(folder: Path) -> None:
    """Two services on one store: what one makes, changes or deletes, the other has after a look at the generation."""
    async with opened(folder, {}) as one, opened(folder, {}) as other:
        await one.workshop.create(Kind.SYNC, "mine", SYNC, by=BOB)
        assert "mine" not in other.project.syncs
        assert await other.reload_if_changed()
        assert other.project.syncs == one.project.syncs
        assert other.versions == one.versions == {"orders": 1, "calls": 1, "mine": 1}
        assert not await other.reload_if_changed(), "nothing is read again without need"
        await other.workshop.update(Kind.SYNC, "mine", {**SYNC, "query": "SELECT 3"}, 1, by=BOB)
        await other.workshop.create(Kind.SOURCE, "api", {"type": "http", "write_key": "k"}, by=BOB)
        assert await one.reload_if_changed()
        assert (one.project.syncs["mine"].query, one.versions["mine"]) == ("SELECT 3", 2)
        assert one.project.sources["api"].settings["write_key"] == Secret("k"), "one vault"
        await one.workshop.delete(Kind.SYNC, "mine", 2)
        assert await other.reload_if_changed()
        assert "mine" not in other.project.syncs


async def test_two_services_edit_a_secret_at_once(folder: Path) -> None:
    """One of them wins, with the secret that it gave; nothing of the other remains."""
    hook = {"type": "webhook", "url": "https://hook.example.com", "auth": "bearer"}
    async with opened(folder, {}) as one, opened(folder, {}) as other:
        await one.workshop.create(Kind.DESTINATION, "hook", {**hook, "auth_token": "old"}, by=BOB)
        for version in range(1, 6):
            edits = [
                app.workshop.update(Kind.DESTINATION, "hook", {**hook, "auth_token": token}, version, by=token)
                for app, token in ((one, f"first-{version}"), (other, f"second-{version}"))
            ]
            outcomes = await asyncio.gather(*edits, return_exceptions=True)
            assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "Shown"]
            [winner] = [outcome.updated_by for outcome in outcomes if isinstance(outcome, Shown)]
            for app in (one, other):
                await app.reload_if_changed()
                assert app.project.destinations["hook"].settings["auth_token"] == Secret(winner)
            assert len(await one.vault.slots("destination/hook")) == 1


async def test_what_files_need_and_others_take_away(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A service whose files name what another deleted goes on as before, says why, and takes the mending edit."""
    home = {"HEADRACE_HOME": str(folder / "shared")}
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    async with opened(elsewhere, home, need_files=False) as other:
        await other.workshop.create(Kind.SOURCE, "lake", {"type": "sqlite", "path": "x"}, by=BOB)
        (folder / "headrace.yaml").write_text(FILE.replace("source: shop", "source: lake"))
        async with opened(folder, home) as app:
            await other.workshop.delete(Kind.SOURCE, "lake", 1)
            assert await app.reload_if_changed()
            assert [doubt.code for doubt in app.doubts] == ["unknown_reference"]
            assert "orders" in app.project.syncs
            assert not await app.reload_if_changed()
            await app.workshop.create(Kind.SOURCE, "lake", {"type": "sqlite", "path": "y"}, by=BOB)
            assert "unknown_reference" not in {doubt.code for doubt in app.doubts}
            assert app.project.sources["lake"].settings["path"] == "y"


@pytest.mark.slow
async def test_several_services_on_a_server(folder: Path) -> None:
    """The same on one PostgreSQL store, with a switch of a sync among what is seen."""
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    with PostgresServer() as server:
        env = {"HEADRACE_DATABASE_URL": server.url()}
        async with AsyncExitStack() as stack:
            one, other = [await stack.enter_async_context(opened(folder, env)) for _ in range(2)]
            await one.workshop.create(Kind.SYNC, "mine", SYNC, by=BOB)
            assert await other.reload_if_changed()
            assert "mine" in other.project.syncs
            await other.store.set_enabled("mine", False)
            assert await one.reload_if_changed()


async def test_what_is_broken_stops_nothing_else(folder: Path) -> None:
    """A stored thing that cannot be used is set aside with its reasons, and what refers to it; all else works."""
    async with opened(folder, {}) as app:
        await spoil(
            app,
            stored(Kind.SOURCE, "old", type="vanished"),
            stored(Kind.DESTINATION, "gone", type="webhook"),
            stored(Kind.SYNC, "reader", **{**SYNC, "source": "old"}),
            stored(Kind.SYNC, "sender", **{**SYNC, "destinations": ["crm", "gone"]}),
            stored(Kind.SYNC, "wrong", **{**SYNC, "call": "buy"}),
            stored(Kind.SYNC, "good", **SYNC),
            stored(Kind.ALERT, "bell", type="email", to=["a@example.com"]),
            stored(Kind.SETTINGS, "service", retention={"runs": "a while"}),
        )
        assert {
            (kind.value, name): [one.code for one in found] for (kind, name), found in app.project.broken.items()
        } == {
            ("source", "old"): ["unknown_type"],
            ("destination", "gone"): ["missing_key"],
            ("sync", "reader"): ["broken_reference"],
            ("sync", "sender"): ["broken_reference"],
            ("sync", "wrong"): ["unknown_choice"],
            ("alert", "bell"): ["mail_missing"],
            ("settings", "service"): ["bad_duration"],
        }
        assert set(app.project.syncs) == {"orders", "calls", "good"}
        shown = await app.workshop.shown(Kind.SYNC, "wrong")
        assert [finding.code for finding in shown.findings] == ["unknown_choice"]
        with pytest.raises(ConfigError):
            app.sync("reader")
        await app.workshop.update(Kind.SYNC, "wrong", SYNC, 1, by=BOB)
        await app.workshop.update(Kind.SOURCE, "old", {"type": "sqlite", "path": "x"}, 1, by=BOB)
        assert {"wrong", "reader"} <= set(app.project.syncs)
    async with opened(folder, {}) as again:
        assert {"wrong", "reader", "good"} <= set(again.project.syncs)


async def test_a_lost_key_is_told_of_what_needs_it(folder: Path) -> None:
    """Where the vault's key is gone, the connections that need it are broken, and the rest goes on."""
    async with opened(folder, {}) as app:
        await app.workshop.create(Kind.SOURCE, "api", {"type": "http", "write_key": "k3y"}, by=BOB)
    (folder / ".headrace" / "key").unlink()
    async with opened(folder, {}) as app:
        assert [one.code for one in app.project.broken[Kind.SOURCE, "api"]] == ["secret_lost"]
        assert "orders" in app.project.syncs


async def test_a_name_in_a_file_wins(folder: Path) -> None:
    """What the store defines under the same name is shadowed, and that is told."""
    async with opened(folder, {}) as app:
        await spoil(app, stored(Kind.SYNC, "orders", **{**SYNC, "query": "SELECT 9"}))
        assert app.project.syncs["orders"].query == "SELECT 1"
        assert [doubt.where for doubt in app.doubts if doubt.code == "shadowed"] == ["syncs.orders"]


async def test_files_are_read_again_when_told_to(folder: Path) -> None:
    """Edits of files and of queries beside them count from the next reload with files; a wrong one changes nothing."""
    (folder / "headrace.yaml").write_text(FILE.replace("query: SELECT 1", "query_file: q.sql"))
    (folder / "q.sql").write_text("SELECT 1")
    async with opened(folder, {}) as app:
        run = await app.begin("orders")
        (folder / "q.sql").write_text("SELECT 7")
        await app.workshop.create(Kind.SYNC, "mine", SYNC, by=BOB)
        assert app.project.syncs["orders"].query == "SELECT 1", "an edit of a definition reads no files"
        await app.reload(files=True)
        assert (app.project.syncs["orders"].query, app.versions["orders"]) == ("SELECT 7", 2)
        assert (run.spec["query"], run.version) == ("SELECT 1", 1), "a run keeps what it began with"
        (folder / "headrace.yaml").write_text(FILE.replace("shop.sqlite", "${UNSET}"))
        with pytest.raises(ConfigError):
            await app.reload(files=True)
        assert app.project.syncs["orders"].query == "SELECT 7"
        await app.workshop.create(Kind.SYNC, "more", SYNC, by=BOB)
        assert {"mine", "more", "orders"} <= set(app.project.syncs)


async def test_versions_know_their_author(folder: Path) -> None:
    """A sync's version names the file or the person; reading the same again makes none."""
    for _ in range(2):
        async with opened(folder, {}) as app:
            if "mine" not in app.project.syncs:
                await app.workshop.create(Kind.SYNC, "mine", SYNC, by=BOB)
            found = {name: await app.store.versions(name) for name in app.project.syncs}
            assert {name: [(one.version, one.by) for one in versions] for name, versions in found.items()} == {
                "orders": [(1, "file:headrace.yaml")],
                "calls": [(1, "file:headrace.yaml")],
                "mine": [(1, BOB)],
            }
            (folder / "headrace.yaml").write_text("\n\n" + FILE)  # another line is no other sync


class Watching:
    """An HTTP client that answers all is well and notes the addresses."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def request(self, method: str, url: str, **_: Any) -> HttpReply:
        self.asked.append(url)
        return HttpReply(200, {}, b"")


async def test_given_addresses_go_through_the_guard(folder: Path) -> None:
    """A connection of the store uses the guarded client, saved or not; one of a file the plain one."""
    hook = {"type": "webhook", "url": "http://127.0.0.1:1/given"}
    async with opened(folder, {}) as app:
        guarded = app.guarded = Watching()
        await app.workshop.create(Kind.DESTINATION, "hook", hook, by=BOB)
        assert (await app.check("destination", "hook")).ok
        assert (await app.workshop.test(Kind.DESTINATION, "new", {**hook, "url": "http://127.0.0.1:1/new"})).ok
        given = app.project.destinations["hook"]
        assert guarded.asked == ["http://127.0.0.1:1/given", "http://127.0.0.1:1/new"]
        of_a_file = Connection("mine", given.type, given.settings, "headrace.yaml:3")
        assert not (await app.check_connection("destination", of_a_file)).ok, "nothing listens there"
        assert len(guarded.asked) == 2


async def test_a_sync_that_receives(folder: Path) -> None:
    """There is nothing to preview and nothing to start; its source says what it is and where to send to."""
    async with opened(folder, {}) as app:
        assert app.project.syncs["calls"].call is None
        for act in (app.preview("calls"), app.begin("calls"), app.begin("calls", fresh=True)):
            with pytest.raises(UsageError) as refused:
                await act
            assert refused.value.code == "received_only"
        with pytest.raises(UsageError, match="Only 0 can be set"):
            await set_last_sync_time(app, "calls", 1_700_000_000)
        await set_last_sync_time(app, "calls", 0)
        check = await app.check("source", "web")
        assert check.ok
        assert "/v1/track" in check.facts["send to"]
        source = app.open_source("web")
        with pytest.raises(Exception, match="programs send calls"):
            await source.preview("SELECT 1", 1)
        with pytest.raises(Exception, match="programs send calls"):
            [batch async for batch in source.read("SELECT 1")]
        run = await app.store.create_run(app.new_run(app.sync("calls"), "received", kind="received"))
        assert (await app.begin("calls")).id == run.id, "an interrupted run goes on"


async def test_an_empty_folder(tmp_path: Path) -> None:
    """A service begins with nothing; other commands say what is missing, until the store defines something."""
    for _ in range(2):
        with pytest.raises(ConfigError) as missing:
            async with opened(tmp_path, {}):
                pass
        assert [finding.code for finding in missing.value.findings] == ["no_configuration"]
    assert not (tmp_path / ".headrace").exists()
    async with opened(tmp_path, {}, need_files=False) as app:
        assert (app.project.sources, app.project.syncs) == ({}, {})
    with pytest.raises(ConfigError):
        async with opened(tmp_path, {}):
            pass
    async with opened(tmp_path, {}, need_files=False) as app:
        await app.workshop.create(Kind.SOURCE, "api", {"type": "http"}, by=BOB)
    async with opened(tmp_path, {}) as app:
        assert set(app.project.sources) == {"api"}


def create_all(definitions: list[Definition], connection: sa.Connection) -> None:
    for one in definitions:
        create_definition(connection, one)


async def test_a_thousand_syncs(folder: Path) -> None:
    """A thousand stored syncs are loaded and noted within seconds, and one edit among them within a second or so."""
    async with opened(folder, {}) as app:
        many = [
            stored(Kind.SYNC, f"sync_{n}", **{**SYNC, "query": f"SELECT {n}", "schedule": f"{n % 60} * * * *"})
            for n in range(1000)
        ]
        assert isinstance(app.store, SqlStore)
        await app.store._database.write(partial(create_all, many))
        began = time.monotonic()
        await app.reload()
        first = time.monotonic() - began
        began = time.monotonic()
        await app.workshop.update(Kind.SYNC, "sync_7", {**SYNC, "query": "SELECT 0"}, 1, by=BOB)
        edit = time.monotonic() - began
        assert len(app.versions) == 1002
        assert app.versions["sync_7"] == 2
        assert app.project.syncs["sync_8"].query == "SELECT 8"
        assert first < 20
        assert edit < 10
