"""What a crash kept a run from doing at its end is done by the next command."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.app import App, opened
from headrace.errors import StageFull
from headrace.model import Run, RunState
from headrace.stage.seen import LocalSeenIds
from headrace.testing.http_server import RecordingServer
from tests.promise.project import QUERY_WITH_IDS, crm, received, write_config, write_rows

SYNC = {"source": "numbers", "call": "identify", "query": QUERY_WITH_IDS, "destinations": ["crm"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_rows(tmp_path, range(1, 11))
    return tmp_path


def write_syncs(folder: Path, server: RecordingServer, **windows: str) -> None:
    """One sync per window, of the same rows to the same destination."""
    config = {
        "sources": {"numbers": {"type": "files", "tables": {"numbers": "numbers.parquet"}}},
        "destinations": {"crm": crm(server)},
        "syncs": {name: {**SYNC, "deduplicate_for": window} for name, window in windows.items()},
    }
    write_config(folder, config)


async def run(app: App, sync: str) -> Run:
    return await app.carry(await app.begin(sync))


async def test_ids_of_an_ended_run_are_remembered_later(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash after a run was ended and before its ids were remembered (simulated) loses none of them: the next
    command makes good for it, and later runs know them as received."""

    def crash(*_: object) -> None:
        raise StageFull("The disk is full.")

    home = folder / ".headrace"
    with RecordingServer() as server:
        write_syncs(folder, server, people="12 hours")
        async with opened(folder, {}) as app:
            with monkeypatch.context() as patch:
                patch.setattr(LocalSeenIds, "_remember", crash)
                with pytest.raises(StageFull):
                    await run(app, "people")
            assert [found.state for found in await app.store.runs()] == [RunState.SUCCEEDED]
        assert [*home.rglob("*.live")]
        async with opened(folder, {}) as app:
            assert not [*home.rglob("*.live")]
            assert not any((home / "stage").iterdir())
            assert (await run(app, "people")).counts["crm"].duplicate == 10
        assert len(received(server.requests)) == 10


async def test_the_longest_window_decides_what_is_forgotten(folder: Path) -> None:
    """Ids stay as long as any sync looks back to them, though another sync of the destination does so for less."""
    with RecordingServer() as server:
        write_syncs(folder, server, brief="0", long="12 hours")
        async with opened(folder, {}) as app:
            await run(app, "long")
            await run(app, "brief")
        async with opened(folder, {}) as app:
            assert (await run(app, "long")).counts["crm"].duplicate == 10
        write_syncs(folder, server, brief="0")
        async with opened(folder, {}):
            assert not [*(folder / ".headrace").rglob("*.seen")]


async def test_what_lives_is_left_alone(folder: Path) -> None:
    """Opening a project touches nothing of a run that is to go on."""
    with RecordingServer() as server:
        write_syncs(folder, server, people="12 hours")
        async with opened(folder, {}) as app:
            begun = await app.begin("people")
            left = await app.carry(begun, lambda job: job.stop.set())
            assert left.state.live
        async with opened(folder, {}) as app:
            assert (await run(app, "people")).id == begun.id
    assert len(received(server.requests)) == 10
