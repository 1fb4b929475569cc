"""Journals that nobody waits for any more are removed, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from headrace.model import CallKind
from headrace.testing.fakes import FakeDestination
from tests.run.receiving import Receiving, call
from tests.run.worlds import opened, simulated


async def _journals(receiving: Receiving) -> list[int]:
    return [journal.seq for journal in await receiving.world.house.store.journals("web")]


@simulated
async def test_what_all_have_delivered_is_removed_in_time() -> None:
    """A journal goes when every sync of its source has delivered it and it is a day old, and not before."""
    async with opened({"crm": FakeDestination()}) as world:
        receiving = Receiving.of(world)
        lagging = replace(receiving.sync, name="lagging", enabled=False)
        receiving.with_syncs(receiving.sync, lagging)
        for number in range(3):
            await receiving.files.add([call(f"m{number}")], later=number * 3600)
        await receiving.run()
        await world.house.store.set_cursor("lagging", 2)
        await world.clock.sleep(86_400 + 1800)
        await receiving.receiver.tidy()
        assert await _journals(receiving) == [2, 3], "the second is not old enough"
        await world.clock.sleep(10 * 86_400)
        await receiving.receiver.tidy()
        assert await _journals(receiving) == [3], "a disabled sync has not delivered the third"
        await world.house.store.set_cursor("lagging", 0)
        await receiving.receiver.tidy()
        assert await _journals(receiving) == [3]
        assert receiving.files.forgotten == [("web", 1), ("web", 2)]


@simulated
async def test_what_nobody_reads_is_kept_as_long() -> None:
    """Calls to a source without a sync stay for the same time, so that a sync that is made meanwhile gets them."""
    async with opened({"crm": FakeDestination()}) as world:
        receiving = Receiving.of(world)
        sync = receiving.sync
        receiving.with_syncs()
        await receiving.files.add([call("a")])
        await world.clock.sleep(3600)
        await receiving.receiver.tidy()
        receiving.with_syncs(sync)
        [run] = await receiving.run()
        assert run.extracted == 1
        receiving.with_syncs()
        await world.clock.sleep(86_400)
        await receiving.receiver.tidy()
        assert await _journals(receiving) == []


@simulated
async def test_a_sync_that_does_not_receive_any_more() -> None:
    """Where the source reads a database now, nobody waits for what it received before."""
    async with opened({"crm": FakeDestination()}) as world:
        receiving = Receiving.of(world)
        await receiving.files.add([call("a")])
        await world.clock.sleep(10 * 86_400)
        receiving.with_syncs(replace(receiving.sync, call=CallKind.TRACK, query="select 1"))
        await receiving.receiver.tidy()
        assert await _journals(receiving) == []


@simulated
async def test_nothing_is_removed_while_a_definition_is_broken() -> None:
    """A sync that cannot be used at present may still want what is there."""
    async with opened({"crm": FakeDestination()}) as world:
        receiving = Receiving.of(world)
        await receiving.files.add([call("a")])
        await receiving.run()
        await world.clock.sleep(10 * 86_400)
        broken: Mapping[Any, Any] = {("sync", "other"): ()}
        receiving.project = replace(receiving.project, broken=broken)
        await receiving.receiver.tidy()
        assert await _journals(receiving) == [1]
        receiving.project = replace(receiving.project, broken={})
        await receiving.receiver.tidy()
        assert await _journals(receiving) == []
