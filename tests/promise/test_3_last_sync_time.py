"""Promise 3: `last_sync_time` moves only when a run has settled every row, and never past the moment its query saw.
Skipped, failed, cancelled and preview runs do not move it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headrace.app import App, opened
from headrace.config import sync_to_json
from headrace.errors import SourceError
from headrace.model import Check, Failure, NewRun, Problem, Run, RunState
from headrace.ports import Reply, Verdict
from headrace.run.job import Job
from headrace.store import SqlStore
from headrace.testing.fakes import FakeDestination, FakeSource, Sent, World, numbered
from headrace.testing.http_server import Answer, RecordingServer, unused_url
from headrace.testing.simulation import BEGIN, simulate
from tests.promise.project import crm, received, write_project, write_rows

BEHIND = timedelta(hours=1)  # by which the database's clock differs from ours
LONG = 600.0  # seconds that reading takes


class OtherClock(FakeSource):
    """A database whose clock is behind ours, and whose query takes long."""

    async def now(self) -> datetime:
        return self.clock.now() - BEHIND

    async def read(self, sql: str) -> AsyncGenerator[pa.RecordBatch, None]:
        self.queries.append(sql)
        await self.clock.sleep(LONG)
        yield self.table.combine_chunks().to_batches()[0]


async def world(destination: FakeDestination) -> World:
    store = SqlStore("sqlite:///:memory:")
    await store.open()
    made = World(store, numbered(250), {"crm": destination})
    made.source = OtherClock(made.clock, numbered(250))
    return made


async def cursor(world: World) -> int:
    return (await world.house.store.sync_state("people")).cursor


@pytest.mark.parametrize("refused", [0, 1])
def test_moves_to_the_sources_clock_before_the_query(refused: int) -> None:
    """Promise 3: a run that settled every row, be it with refusals, moves it to the database's own clock, not ours,
    as it was before the query, and the next run sees just that."""

    async def story() -> None:
        bad = Reply(failed=dict.fromkeys(range(refused), Failure("bad", "It is bad.")))
        made = await world(FakeDestination(lambda _: bad))
        first = await made.run()
        assert first.state is (RunState.PARTIAL if refused else RunState.SUCCEEDED)
        assert first.cursor == 0
        assert await cursor(made) == first.as_of == int((BEGIN - BEHIND).timestamp())
        second = await made.run()
        assert second.cursor == first.as_of
        assert await cursor(made) == second.as_of
        assert second.as_of is not None
        assert second.as_of >= int((BEGIN - BEHIND).timestamp()) + LONG
        await made.house.store.close()

    simulate(story())


def test_moves_with_the_last_row() -> None:
    """Promise 3: as long as one call is not settled it stays, and an interrupted run leaves it where it was."""

    async def story() -> None:
        asked: list[int] = []

        async def look(sent: Sent) -> Reply:
            asked.append(await cursor(made))
            if len(asked) == 3:
                made.jobs[-1].stop.set()
            return Reply()

        made = await world(FakeDestination(look))
        run = await made.run()
        assert run.state is RunState.DELIVERING
        assert await cursor(made) == 0
        continued = await made.run()
        assert (continued.id, continued.state) == (run.id, RunState.SUCCEEDED)
        assert len(asked) == 25
        assert set(asked) == {0}
        assert await cursor(made) == run.as_of
        await made.house.store.close()

    simulate(story())


async def failing_source(made: World, moved: Run) -> Run:
    made.source = FakeSource(made.clock, numbered(250, first=1_001), error=SourceError("The database went away."))
    return await made.run()


async def unready_destination(made: World, moved: Run) -> Run:
    made.worker.house.open_destination("crm").ready = Check(("It is closed.",))  # type: ignore[attr-defined]  # fake
    return await made.run()


async def denied(made: World, moved: Run) -> Run:
    made.worker.house.open_destination("crm").script = lambda _: Reply(Verdict.DENIED)  # type: ignore[attr-defined]
    return await made.run()


async def cancelled(made: World, moved: Run) -> Run:
    async def cancel(sent: Sent) -> Reply:
        await made.house.store.request_cancel(made.jobs[-1].id)
        made.jobs[-1].stop.set()
        return Reply()

    made.worker.house.open_destination("crm").script = cancel  # type: ignore[attr-defined]  # fake
    return await made.run()


async def stopped_while_reading(made: World, moved: Run) -> Run:
    def stop(job: Job) -> None:
        job.stop.set()

    return await made.run(stop)


async def full_disk(made: World, moved: Run) -> Run:
    made.stage.room = 1
    return await made.run()


async def discarded(made: World, moved: Run) -> Run:
    run = await stopped_while_reading(made, moved)
    return await made.house.store.abandon(run.id, made.clock.now(), Problem("discarded", "It was discarded."))


async def skipped(made: World, moved: Run) -> Run:
    spec, now = sync_to_json(made.sync), made.clock.now()
    new = NewRun("skipped", "people", "schedule", moved.as_of or 0, spec, ("crm",), now)
    return await made.house.store.record_skip(new, "The previous run still runs.")


@pytest.mark.parametrize(
    ("happens", "state"),
    [
        (failing_source, RunState.FAILED),
        (unready_destination, RunState.FAILED),
        (denied, RunState.FAILED),
        (full_disk, RunState.FAILED),
        (cancelled, RunState.CANCELLED),
        (discarded, RunState.CANCELLED),
        (stopped_while_reading, RunState.EXTRACTING),
        (skipped, RunState.SKIPPED),
    ],
)
def test_stays_when_rows_are_not_settled(happens: Any, state: RunState) -> None:
    """Promise 3: failed, cancelled, interrupted and skipped runs leave it where the last settled run put it."""

    async def story() -> None:
        made = await world(FakeDestination())
        moved = await made.run()
        assert await cursor(made) == moved.as_of
        made.source = FakeSource(made.clock, numbered(250, first=1_001))
        run = await happens(made, moved)
        assert run.state is state or (run.state.live and state.live)
        assert run.id != moved.id
        assert await cursor(made) == moved.as_of
        await made.house.store.close()

    simulate(story())


@pytest.fixture
async def app(tmp_path: Path, server: RecordingServer) -> AsyncIterator[App]:
    """The real thing over a file of three rows."""
    write_project(tmp_path, {"crm": crm(server)})
    write_rows(tmp_path, range(1, 4))
    async with opened(tmp_path, {}) as opened_app:
        yield opened_app


async def test_the_query_sees_it(app: App, server: RecordingServer) -> None:
    """Promise 3 in the real thing: the first run's query sees 0, the second what the first one left; a preview and a
    refused run in between do not matter."""
    before = int(app.clock.now().timestamp())
    first = await app.carry(await app.begin("people"))
    assert first.as_of is not None
    assert before <= first.as_of <= app.clock.now().timestamp()
    assert len((await app.preview("people")).rows) == 3
    server.always(Answer(401))
    assert (await app.carry(await app.begin("people"))).state is RunState.FAILED
    assert (await app.store.sync_state("people")).cursor == first.as_of
    server.always(Answer())
    second = await app.carry(await app.begin("people"))
    assert second.state is RunState.SUCCEEDED
    assert [call["traits"]["since"] for call in received(server.requests)] == [0] * 3 + [first.as_of] * 3


async def test_an_unreachable_source_moves_nothing(tmp_path: Path, server: RecordingServer) -> None:
    """Promise 3: a database that does not answer fails the run in one sentence that names it; nothing is sent, and
    last_sync_time stays."""
    port = int(unused_url().rpartition(":")[2])
    database = {"type": "postgresql", "host": "127.0.0.1", "port": port, "database": "shop", "user": "me",
                "password": "let me in"}  # fmt: skip
    write_project(tmp_path, {"crm": crm(server)}, 'SELECT 1 AS "userId"', database)
    async with opened(tmp_path, {}) as app:
        run = await app.carry(await app.begin("people"))
        assert (await app.store.sync_state("people")).cursor == 0
    assert (run.state, run.extracted, run.as_of) == (RunState.FAILED, 0, None)
    assert run.problem is not None
    assert str(port) in run.problem.message
    assert "let me in" not in run.problem.message
    assert "\n" not in run.problem.message
    assert not received(server.requests)
