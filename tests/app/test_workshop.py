"""Definitions made by people and programs: judged like files, kept with their secrets sealed, shown without them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.app import App, opened
from headrace.definitions import Definition, Kind
from headrace.errors import ConfigError, Conflict, RunLive, UsageError
from headrace.model import Secret
from headrace.people import Change
from headrace.testing.store_samples import NOON
from headrace.workshop_secrets import put_back, slots_of, taken_out

ADA = "user:ada@example.com"
LAKE = {"type": "sqlite", "path": "lake.sqlite"}
HOOK = {
    "type": "webhook", "url": "https://hook.example.com/in", "auth": "bearer",
    "auth_token": "t0p-s3cret", "signing_secret": "${SIGNING}",
}  # fmt: skip
PEOPLE = {"source": "lake", "call": "identify", "query": 'SELECT id AS "userId" FROM people', "destinations": ["hook"]}

FILE = """\
sources:
  shop: {type: sqlite, path: shop.sqlite}
destinations:
  crm: {type: webhook, url: "https://crm.example.com", auth: bearer, auth_token: lit3ral, signing_secret: "${SIGNING}"}
syncs:
  orders: {source: shop, call: track, query: SELECT 1, destinations: [crm], enabled: no, limits: {records: 5}}
"""


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    """An empty folder, served."""
    with closing(sqlite3.connect(tmp_path / "lake.sqlite")) as lake:
        lake.execute("CREATE TABLE people (id)")
    async with opened(tmp_path, {"SIGNING": "from outside"}, need_files=False) as app:
        yield app


async def filled(app: App) -> None:
    await app.workshop.create(Kind.SOURCE, "lake", LAKE, by=ADA)
    await app.workshop.create(Kind.DESTINATION, "hook", HOOK, by=ADA)
    await app.workshop.create(Kind.SYNC, "people", PEOPLE, by=ADA)


def everything(folder: Path) -> bytes:
    """All that the store's files hold."""
    return b"".join(path.read_bytes() for path in (folder / ".headrace").glob("store.sqlite*"))


def change(action: str, thing: str) -> Change:
    return Change(NOON, ADA, action, thing, "127.0.0.1")


async def codes(app: App, kind: Kind, name: str, body: dict[str, Any]) -> list[str]:
    return [finding.code for finding in await app.workshop.judge(kind, name, body)]


async def test_an_empty_folder_is_filled(app: App) -> None:
    """Source, destination and sync are made one after another, and are in the project at once."""
    await filled(app)
    assert app.project.sources["lake"].settings["path"] == "lake.sqlite"
    settings = app.project.destinations["hook"].settings
    assert (settings["auth_token"], settings["signing_secret"]) == (Secret("t0p-s3cret"), Secret("from outside"))
    assert app.project.syncs["people"].destinations == ("hook",)
    assert app.versions == {"people": 1}
    assert [shown.name for shown in await app.workshop.listed(Kind.SYNC)] == ["people"]


async def test_what_is_shown(app: App) -> None:
    """A kept secret is dots, a variable stays as it was written, and all else comes back as it was given."""
    await filled(app)
    shown = await app.workshop.shown(Kind.DESTINATION, "hook")
    assert shown.body == {**HOOK, "auth_token": {"kept": True}}
    assert (shown.origin, shown.version, shown.updated_by, shown.findings) == ("store", 1, ADA, ())
    with pytest.raises(UsageError) as unknown:
        await app.workshop.shown(Kind.SYNC, "nothing")
    assert unknown.value.code == "unknown_sync"


async def test_no_secret_leaves_the_vault(app: App) -> None:
    """Neither store nor audit log nor what is shown holds a secret in clear, whatever is done with it."""
    log = change("destination.create", "destination/hook")
    await app.workshop.create(Kind.DESTINATION, "hook", HOOK, by=ADA, audit=log)
    await app.workshop.update(Kind.DESTINATION, "hook", {**HOOK, "auth_token": "n3w-one"}, 1, by=ADA, audit=log)
    await app.workshop.judge(Kind.DESTINATION, "hook", {**HOOK, "auth_token": "tri3d-one"})
    with pytest.raises(ConfigError) as wrong:
        await app.workshop.update(Kind.DESTINATION, "hook", {**HOOK, "auth_token": "wr0ng", "url": "x"}, 2, by=ADA)
    await app.workshop.delete(Kind.DESTINATION, "hook", 2, audit=log)
    kept = everything(app.places.base) + str(wrong.value).encode() + repr(await app.store.audit()).encode()
    assert len(await app.store.audit()) == 3
    for secret in (b"t0p-s3cret", b"n3w-one", b"tri3d-one", b"wr0ng", b"from outside"):
        assert secret not in kept


async def test_the_log_tells_before_and_after(app: App) -> None:
    """An entry has the body before and after, with dots for secrets."""
    log = change("destination.update", "destination/hook")
    await app.workshop.create(Kind.DESTINATION, "hook", HOOK, by=ADA, audit=log)
    await app.workshop.update(Kind.DESTINATION, "hook", {**HOOK, "in_flight": 5}, 1, by=ADA, audit=log)
    dots = {**HOOK, "auth_token": {"kept": True}, "url": "https://hook.example.com/•••"}
    newest, first = [entry.change for entry in await app.store.audit()]
    assert (first.before, first.after) == (None, dots)
    assert (newest.before, newest.after) == (dots, {**dots, "in_flight": 5})


async def test_a_secret_is_kept_replaced_or_removed(app: App) -> None:
    """Absent or dotted it stays, a new text replaces it, null removes it; nothing that is superseded remains."""
    body = {"type": "http", "write_key": "one"}
    await app.workshop.create(Kind.SOURCE, "web", body, by=ADA)

    async def after(change: dict[str, Any], version: int) -> Any:
        await app.workshop.update(Kind.SOURCE, "web", {"type": "http", **change}, version, by=ADA)
        assert len(await app.vault.slots("source/web")) <= 1
        return app.project.sources["web"].settings["write_key"]

    assert await after({}, 1) == Secret("one")
    assert await after({"write_key": {"kept": True}, "strict": True}, 2) == Secret("one")
    assert await after({"write_key": "two"}, 3) == Secret("two")
    assert await after({"write_key": "${SIGNING}"}, 4) == Secret("from outside")
    assert await after({}, 5) == Secret("from outside"), "a variable stays as a secret does"
    assert await after({"write_key": 1234}, 6) == Secret("1234")
    assert await after({"write_key": None}, 7) is None
    assert await app.vault.slots("source/web") == []


@pytest.mark.parametrize("text", ["a${b", "${A}${B}", "$${SIGNING}", "${SIGNING:-x}", "${", "x${SIGNING}", "$$"])
async def test_a_secret_is_taken_as_it_is(app: App, text: str) -> None:
    """Only a text that is one variable and nothing else is one; all others are the secret, letter by letter."""
    await app.workshop.create(Kind.SOURCE, "web", {"type": "http", "write_key": text}, by=ADA)
    assert app.project.sources["web"].settings["write_key"] == Secret(text)
    assert text.encode() not in everything(app.places.base) or text in ("${", "$$")


async def test_a_marker_opens_its_own_secret_only(app: App) -> None:
    """Whoever writes a marker into a body gets neither another slot of the record nor one in another place."""
    await app.vault.put("destination/hook", "ssh_key", Secret("pr1vate"))
    marker = {"kept": "ssh_key"}
    body = {**HOOK, "auth_token": marker}
    assert await codes(app, Kind.DESTINATION, "hook", body) == ["secret_lost"]
    await app.workshop.create(Kind.DESTINATION, "hook", HOOK, by=ADA)
    [slot] = set(await app.vault.slots("destination/hook")) - {"ssh_key"}
    signed = {**HOOK, "signing_secret": None}
    await app.workshop.update(Kind.DESTINATION, "hook", signed, 1, by=ADA)
    for named in ("ssh_key", slot):
        wrong = {**body, "signing_secret": {"kept": named}}
        assert await codes(app, Kind.DESTINATION, "hook", wrong) == ["secret_lost"]
    await app.workshop.update(Kind.DESTINATION, "hook", {**signed, **body, "signing_secret": None}, 2, by=ADA)
    assert app.project.destinations["hook"].settings["auth_token"] == Secret("t0p-s3cret")
    elsewhere = Definition(Kind.DESTINATION, "hook", 1, {**HOOK, "headers": {"X-Key": {"kept": slot}}}, NOON, ADA)
    assert put_back(elsewhere, {slot: Secret("x")}).body["headers"] == {"X-Key": {"kept": slot}}


async def test_a_secret_is_not_taken_to_another_type(app: App) -> None:
    """Changing the type forgets the secrets of the old one, even where a field has the same name."""
    await app.workshop.create(
        Kind.ALERT, "ops", {"type": "webhook", "url": "https://x.io", "signing_secret": "s"}, by=ADA
    )
    with pytest.raises(ConfigError) as refused:
        await app.workshop.update(Kind.ALERT, "ops", {"type": "slack", "url": {"kept": True}}, 1, by=ADA)
    assert [finding.code for finding in refused.value.findings] == ["secret_lost"]


async def test_all_that_is_wrong_is_said_at_once(app: App) -> None:
    """The findings are those that a file would have; nothing is saved."""
    body = {"source": "nowhere", "call": "buy", "query": "", "destinations": [], "schedule": "sometimes", "x": 1}
    with pytest.raises(ConfigError) as refused:
        await app.workshop.create(Kind.SYNC, "Bad Name", body, by=ADA)
    assert {finding.code for finding in refused.value.findings} >= {
        "bad_name", "unknown_choice", "unknown_reference", "missing_value", "bad_schedule", "unknown_key",
    }  # fmt: skip
    assert {finding.code for finding in await app.workshop.judge(Kind.SYNC, "Bad Name", body)} == {
        finding.code for finding in refused.value.findings
    }
    assert await app.workshop.listed(Kind.SYNC) == []


async def test_an_edit_may_not_break_others(app: App) -> None:
    """What was well without the edit must be well with it: a source with queries cannot become one that receives."""
    await filled(app)
    with pytest.raises(ConfigError) as refused:
        await app.workshop.update(Kind.SOURCE, "lake", {"type": "http"}, 1, by=ADA)
    assert {(finding.where, finding.code) for finding in refused.value.findings} == {
        ("syncs.people.call", "not_for_received"),
        ("syncs.people.query", "not_for_received"),
    }
    await app.workshop.create(Kind.SYNC, "second", {**PEOPLE, "schedule": "after people"}, by=ADA)
    assert await codes(app, Kind.SYNC, "people", {**PEOPLE, "schedule": "after second"}) == ["schedule_circle"]


async def test_two_editors(app: App) -> None:
    """The second is told that somebody edited the thing, and loses nothing of the first's secret."""
    await filled(app)
    await app.workshop.update(Kind.DESTINATION, "hook", {**HOOK, "auth_token": "first"}, 1, by=ADA)
    with pytest.raises(Conflict) as late:
        await app.workshop.update(Kind.DESTINATION, "hook", {**HOOK, "auth_token": "second"}, 1, by="user:bob")
    assert late.value.code == "edited"
    assert app.project.destinations["hook"].settings["auth_token"] == Secret("first")
    assert len(await app.vault.slots("destination/hook")) == 1


async def test_what_is_in_use_stays(app: App) -> None:
    """Nothing is deleted that something else names; a sync not while it runs; its runs are kept."""
    await filled(app)
    await app.workshop.create(Kind.SYNC, "second", {**PEOPLE, "schedule": "after people"}, by=ADA)
    alert = {"type": "webhook", "url": "https://ops.example.com", "syncs": ["second"]}
    await app.workshop.create(Kind.ALERT, "ops", alert, by=ADA)
    uses = {
        (Kind.SOURCE, "lake"): "sync people, sync second",
        (Kind.DESTINATION, "hook"): "sync people, sync second",
        (Kind.SYNC, "people"): "sync second",
        (Kind.SYNC, "second"): "alert ops",
    }
    for (kind, name), users in uses.items():
        with pytest.raises(Conflict, match=users) as refused:
            await app.workshop.delete(kind, name, 1)
        assert refused.value.code == "in_use"
    await app.workshop.delete(Kind.ALERT, "ops", 1)
    run = await app.begin("second")
    with pytest.raises(RunLive):
        await app.workshop.delete(Kind.SYNC, "second", 1)
    await app.cancel(run.id)
    for kind, name in ((Kind.SYNC, "second"), (Kind.SYNC, "people"), (Kind.SOURCE, "lake"), (Kind.DESTINATION, "hook")):
        await app.workshop.delete(kind, name, 1)
    assert (await app.find_run(run.id)).sync == "second"
    assert [*app.project.sources, *app.project.destinations, *app.project.syncs] == []
    assert await app.vault.records() == []


async def test_what_a_file_defines(tmp_path: Path) -> None:
    """It is shown with its place, typed, its literal secrets as dots; and edited in the file only."""
    (tmp_path / "headrace.yaml").write_text(FILE)
    async with opened(tmp_path, {"SIGNING": "from outside"}) as app:
        crm = await app.workshop.shown(Kind.DESTINATION, "crm")
        assert (crm.origin, crm.place) == ("file", "headrace.yaml:4")
        assert (crm.body["auth_token"], crm.body["signing_secret"]) == ({"kept": True}, "${SIGNING}")
        orders = await app.workshop.shown(Kind.SYNC, "orders")
        assert (orders.body["enabled"], orders.body["limits"], orders.version) == (False, {"records": 5}, 1)
        acts = (
            app.workshop.update(Kind.SYNC, "orders", {**orders.body}, 1, by=ADA),
            app.workshop.delete(Kind.SYNC, "orders", 1),
            app.workshop.judge(Kind.SYNC, "orders", {**orders.body}),
        )
        for act in acts:
            with pytest.raises(Conflict, match=r"headrace\.yaml:6") as refused:
                await act
            assert refused.value.code == "managed_by_file"
        with pytest.raises(Conflict) as taken:
            await app.workshop.create(Kind.SOURCE, "shop", LAKE, by=ADA)
        assert taken.value.code == "name_taken"
        await app.workshop.create(Kind.SYNC, "mine", {**PEOPLE, "source": "shop", "destinations": ["crm"]}, by=ADA)
        assert set(app.project.syncs) == {"orders", "mine"}


async def test_unsaved_settings_are_tested(app: App) -> None:
    """A connection is tried before it is saved, with the kept secret where the body says so; addresses are judged."""
    await filled(app)
    check = await app.workshop.test(Kind.SOURCE, "new", {"type": "sqlite", "path": "nowhere.sqlite"})
    assert "nowhere.sqlite" in check.problems[0]
    assert (await app.workshop.test(Kind.SOURCE, "lake", LAKE)).ok
    made = await app.workshop.connection(Kind.DESTINATION, "hook", {**HOOK, "auth_token": {"kept": True}})
    assert made.settings["auth_token"] == Secret("t0p-s3cret")
    assert made.origin.startswith("store")
    with pytest.raises(ConfigError):
        await app.workshop.test(Kind.SOURCE, "lake", {"type": "sqlite"})
    assert [shown.name for shown in await app.workshop.listed(Kind.SOURCE)] == ["lake"]


async def test_only_an_owners_connections_see_the_environment(app: App) -> None:
    """A sync reads no variable and no file of the machine; no connection reads the keys of Headrace itself."""
    await filled(app)
    for key in ("description", "schedule"):
        assert "variable_refused" in await codes(app, Kind.SYNC, "people", {**PEOPLE, key: "${SIGNING}"})
    asked = {key: value for key, value in PEOPLE.items() if key != "query"}
    assert await codes(app, Kind.SYNC, "people", {**asked, "query_file": "/etc/hostname"}) == ["unreadable_file"]
    assert await codes(app, Kind.SOURCE, "web", {"type": "http", "write_key": "${HEADRACE_KEY}"}) == [
        "variable_refused"
    ]
    assert await codes(app, Kind.SETTINGS, "service", {"retention": {"runs": "${SIGNING}"}}) == ["variable_refused"]


async def test_settings(app: App) -> None:
    """Settings that make sense at run time are made and changed like all else; others belong into a file."""
    assert (await app.workshop.shown(Kind.SETTINGS, "service")).version == 0
    body = {"retention": {"runs": "30 days"}, "kept_calls": 7, "seconds": True}
    assert (await app.workshop.update(Kind.SETTINGS, "service", body, 0, by=ADA)).version == 1
    assert (app.project.service.retention.runs, app.project.service.kept_calls) == (30 * 86_400, 7)
    assert app.project.service.retention.errors == 30 * 86_400, "a default"
    await filled(app)
    await app.workshop.update(Kind.SYNC, "people", {**PEOPLE, "schedule": "every 5 seconds"}, 1, by=ADA)
    assert await codes(app, Kind.SETTINGS, "service", {"metrics": False, "seconds": True}) == ["only_in_files"]
    assert await codes(app, Kind.SETTINGS, "service", {}) == ["bad_schedule"], "a sync needs seconds"
    with pytest.raises(Conflict):
        await app.workshop.update(Kind.SETTINGS, "service", body, 0, by=ADA)


async def test_a_body_that_cannot_be_stored(app: App) -> None:
    """Depth, NUL, half a surrogate and numbers that are none are findings, not crashes."""
    deep: Any = 1
    for _ in range(200):
        deep = {"a": deep}
    for bad in (deep, "a\0b", "\ud800", float("nan"), {"a\0": 1}):
        body = {**HOOK, "headers": {"x": bad}}
        assert await codes(app, Kind.DESTINATION, "hook", body) == ["bad_body"]
        with pytest.raises(ConfigError):
            await app.workshop.create(Kind.DESTINATION, "hook", body, by=ADA)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.none() | st.booleans() | st.integers() | texts | st.just({"kept": True}) | st.sampled_from(["${A}", "${"])


@given(
    st.dictionaries(st.sampled_from(["write_key", "strict", "other"]), values),
    st.dictionaries(st.just("write_key"), values),
)
def test_secrets_taken_out_and_put_back(first: dict[str, Any], second: dict[str, Any]) -> None:
    """What is taken out of a body is put back as it was; what is stored holds no secret; a slot is never used twice."""
    body, secrets = taken_out(Kind.SOURCE, {"type": "http", **first}, {})
    back = put_back(Definition(Kind.SOURCE, "web", 1, body, NOON, ADA), secrets).body
    given = first.get("write_key")
    if isinstance(given, str) and given not in ("", "${A}"):
        assert back["write_key"] == Secret(given)
        assert slots_of(Kind.SOURCE, body) == set(secrets)
        assert body["write_key"] == {"kept": next(iter(secrets))}
    assert {name: value for name, value in back.items() if name != "write_key"} == {
        name: value for name, value in {"type": "http", **first}.items() if name != "write_key"
    }
    later, more = taken_out(Kind.SOURCE, {"type": "http", **second}, body)
    assert not secrets.keys() & more.keys()
    if "write_key" not in second:
        assert later.get("write_key") == body.get("write_key")
    json.dumps(later)
