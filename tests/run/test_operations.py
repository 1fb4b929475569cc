"""What people do to runs: full once, and resend; and what is refused."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.app import App, opened
from headrace.errors import RunLive, UsageError
from headrace.model import Problem, Run, RunState
from headrace.operations import failed_at, resend, run_full
from headrace.upkeep import retention

CONFIG = """\
sources:
  shop: {type: sqlite, path: shop.db}
destinations:
  crm: {type: files, path: crm}
  mail: {type: files, path: mail}
syncs:
  people:
    source: shop
    call: identify
    query: SELECT id AS "userId", email FROM people WHERE changed > {{last_sync_time}}
    destinations: [crm, mail]
"""


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    """A project with three people, one of whom has no id."""
    (tmp_path / "headrace.yaml").write_text(CONFIG)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        shop.execute("CREATE TABLE people (id TEXT, email TEXT, changed INTEGER)")
        shop.execute("INSERT INTO people VALUES ('1', 'a@x.io', 5), (NULL, 'b@x.io', 5), ('3', 'c@x.io', 5)")
        shop.commit()
    async with opened(tmp_path, {}) as app:
        yield app


async def done(app: App) -> Run:
    """A run of the sync, carried to its end."""
    return await app.carry(await app.begin("people"))


async def refused(work: Awaitable[Run]) -> UsageError:
    with pytest.raises(UsageError) as found:
        await work
    return found.value


async def test_a_full_run_sees_everything_and_moves_the_cursor(app: App) -> None:
    """A full run begins at 0 whatever last_sync_time is, and settles it as every run does."""
    await done(app)
    await app.store.set_cursor("people", 99)
    assert (await done(app)).extracted == 0
    run = await app.carry(await run_full(app, "people"))
    assert (run.trigger, run.kind, run.cursor, run.extracted) == ("full", "query", 0, 3)
    assert (await app.store.sync_state("people")).cursor == run.as_of


async def test_what_failed_is_resent(app: App) -> None:
    """A row that was no call is resent to all destinations of the sync; the run says what it resends."""
    first = await done(app)
    assert failed_at(first) == {"crm": 1, "mail": 1}
    people = app.project.syncs["people"]
    mended = replace(people, options=replace(people.options, email_identity=True))
    app.project = replace(app.project, syncs={"people": mended})
    run = await app.carry(await resend(app, first))
    assert (run.state, run.trigger, run.kind, run.extracted) == (RunState.SUCCEEDED, "resend", "resend", 1)
    assert (run.spec["resends"], run.destinations) == (first.id, ("crm", "mail"))
    again = await app.carry(await resend(app, first, ["mail"]))
    assert (again.destinations, again.counts["mail"].duplicate) == (("mail",), 1)
    assert (await refused(resend(app, run))).code == "nothing_to_resend"


async def test_what_cannot_be_resent_is_refused(app: App) -> None:
    """Where no row failed, or not there, where the rows are gone, and while a run lives."""
    first = await done(app)
    assert "Rows failed at: crm, mail" in (await refused(resend(app, first, ["nowhere"]))).message
    people = replace(app.project.syncs["people"], destinations=("other",))
    kept, app.project = app.project, replace(app.project, syncs={"people": people})
    assert "does not deliver there any more" in (await refused(resend(app, first))).message
    app.project = kept
    queued = await app.begin("people")
    for attempt in (lambda: resend(app, first), lambda: resend(app, queued), lambda: run_full(app, "people")):
        await live(attempt)
    await app.discard(queued, Problem("discarded", "It is not needed."))
    shutil.rmtree(app.places.home / "errors" / first.id)
    gone = await refused(resend(app, first))
    assert (gone.code, "run --full people" in gone.message) == ("errors_forgotten", True)


async def live(attempt: Callable[[], Awaitable[Run]]) -> None:
    with pytest.raises(RunLive):
        await attempt()


async def test_a_run_keeps_the_version_that_it_started_with(app: App) -> None:
    """An edit while a run waits or runs changes neither what it does nor which version it tells."""
    app.versions["people"] = 4
    queued = await app.begin("people")
    edited = replace(app.project.syncs["people"], query="SELECT 'x' AS \"userId\"", destinations=("crm",))
    app.project, app.versions["people"] = replace(app.project, syncs={"people": edited}), 5
    run = await app.carry(queued)
    assert (run.version, run.extracted, list(run.counts)) == (4, 3, ["crm", "mail"])
    assert "FROM people" in run.spec["query"]
    newer = await done(app)
    assert (newer.version, newer.extracted, list(newer.counts)) == (5, 1, ["crm"])


async def test_a_sync_of_received_calls_has_no_full_run(app: App) -> None:
    """What programs send cannot be queried: to run it in full is refused, and no run is left behind that cannot end."""
    received = replace(app.project.syncs["people"], call=None, query="")
    app.project = replace(app.project, syncs={"people": received})
    assert (await refused(run_full(app, "people"))).code == "received_only"
    assert await app.store.live_run("people") is None


async def test_rows_are_not_resent_as_calls_of_another_kind(app: App) -> None:
    """Where the source queried then and receives now, the rows of then are no calls that can be sent as they came."""
    first = await done(app)
    received = replace(app.project.syncs["people"], call=None, query="")
    app.project = replace(app.project, syncs={"people": received})
    assert (await refused(resend(app, first))).code == "nothing_to_resend"


@pytest.mark.parametrize("gone", ["source", "destination"])
async def test_a_run_whose_connection_is_gone_fails(app: App, gone: str) -> None:
    """A queued run whose source or destination was deleted ends as failed, and says why: it must not stand in the way
    of the runs after it."""
    run = await app.begin("people")
    if gone == "source":
        app.project = replace(app.project, sources={})
    else:
        app.project = replace(app.project, destinations={"crm": app.project.destinations["crm"]})
    ended = await app.carry(run)
    assert ended.state is RunState.FAILED
    assert ended.problem is not None
    assert ended.problem.code == f"unknown_{gone}"


async def test_failed_rows_stay_while_a_resend_waits_for_them(app: App, tmp_path: Path) -> None:
    """Error files that are old enough to go stay for as long as a resend that was asked for needs them."""
    first = await done(app)
    again = await resend(app, first)
    os.utime(tmp_path / ".headrace" / "errors" / first.id, (0, 0))
    await retention.forget(app)
    ended = await app.carry(again)
    assert (ended.state, ended.extracted) == (RunState.PARTIAL, 1)
    os.utime(tmp_path / ".headrace" / "errors" / first.id, (0, 0))
    assert (await retention.forget(app))["errors"] == 1
