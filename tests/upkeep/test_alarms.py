"""The alarms: each channel is told once per change of state, however many processes look."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from headrace.alerting import History, Trouble, find
from headrace.model import RunState
from headrace.store import SqlStore
from headrace.store_port import Staged
from headrace.upkeep.alarms import SETTLED, Alarms
from tests.upkeep.watching import HOUR, MINUTE, WHY, World, channel, project, sync

NO_CALLS = Staged(1, (), (), [])
F, P, S = RunState.FAILED, RunState.PARTIAL, RunState.SUCCEEDED


def alarms(world: World) -> Alarms:
    return Alarms(world.store, world.clock, lambda: world.project)


async def test_failed_and_recovered(world: World) -> None:
    """One notice when a sync begins to fail, none while it goes on, one when it has recovered."""
    watch = alarms(world)
    assert await watch.look() == 0
    run = await world.run(F)
    assert [await watch.look() for _ in range(3)] == [1, 0, 0]
    await world.run(F)
    await world.run(F)
    assert await watch.look() == 0
    await world.run(S)
    assert [await watch.look() for _ in range(3)] == [1, 0, 0]
    assert await world.told() == ["mail people failed", "mail people failed over"]
    first = (await world.store.notices())[-1]
    assert first.run == run.id
    assert "Reason: The destination 'crm' did not answer. [destination_down]" in first.text


async def test_what_came_and_went_between_two_looks(world: World) -> None:
    """A run that failed and was made good before anybody looked is not told."""
    watch = alarms(world)
    await watch.look()
    await world.run(F)
    await world.run(S)
    assert await watch.look() == 0


async def test_a_new_process_tells_nothing_twice(world: World) -> None:
    """After a restart what is open is known; what happened meanwhile is told."""
    await world.run(F)
    await alarms(world).look()
    assert await alarms(world).look() == 0
    await world.run(S)
    assert await alarms(world).look() == 1


async def test_two_processes_tell_once(world: World, tmp_path: Path) -> None:
    """Two processes that look at the same time owe one notice together."""
    other = SqlStore(f"sqlite:///{tmp_path / 'store.sqlite'}")
    watches = [alarms(world), Alarms(other, world.clock, lambda: world.project)]
    for state in (F, S, F, S):
        await world.run(state)
        assert sum(await asyncio.gather(*(watch.look() for watch in watches))) == 1
    assert len(await world.store.notices()) == 4
    await other.close()


async def test_partial_by_each_channels_threshold(world: World) -> None:
    """Each channel has its own threshold, troubles and syncs."""
    world.project = project(
        [
            channel("strict"),
            channel("calm", partial_above=20.0),
            channel("other", syncs=frozenset({"orders"})),
            channel("failures", troubles=frozenset({Trouble.FAILED})),
        ]
    )
    watch = alarms(world)
    await world.run(P, 10, lost=1)
    await watch.look()
    assert await world.told() == ["strict people partial"]
    await world.run(P, 10, lost=3)
    await watch.look()
    await world.run(P, 10, lost=2)
    await watch.look()
    assert await world.told() == ["strict people partial", "calm people partial", "calm people partial over"]


async def test_empty(world: World) -> None:
    """No rows after three runs with some are told, and the first with rows again; a run by hand counts as any other."""
    watch = alarms(world)
    for rows in (5, 5, 5, 0, 0, 3):
        await world.run(S, rows, trigger="manual")
        await watch.look()
    assert await world.told() == ["mail people empty", "mail people empty over"]


async def test_what_did_not_run_says_nothing(world: World) -> None:
    """Cancelled and skipped runs change nothing."""
    watch = alarms(world)
    await world.run(F)
    await watch.look()
    run, attempt = await world.begin()
    await world.store.finish(run.id, attempt, RunState.CANCELLED, world.clock.now())
    await world.skip()
    assert await watch.look() == 0


async def test_late_while_a_run_goes_on_for_ever(world: World) -> None:
    """A run that lasts longer than the interval makes its sync late; when it ends well, that is over."""
    watch = alarms(world)
    await world.run(S)
    await world.begin()
    world.clock.time += HOUR - MINUTE
    assert await watch.look() == 0
    world.clock.time += MINUTE
    assert await watch.look() == 1
    run = await world.store.live_run("people")
    assert run is not None
    await world.store.staged(run.id, 1, NO_CALLS)
    await world.store.finish(run.id, 1, S, world.clock.now())
    assert await watch.look() == 1
    assert await world.told() == ["mail people late", "mail people late over"]


async def test_late_while_every_run_fails(world: World) -> None:
    """A sync whose runs fail one after another is late from the first on, however many there are."""
    world.project = project([channel(troubles=frozenset({Trouble.LATE}), late_after=3 * 3600)])
    watch = alarms(world)
    looks = []
    for _ in range(10):
        await world.run(F, takes=HOUR / 2)
        looks.append(await watch.look())
    assert looks == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]


async def test_a_long_run_that_ends_well_is_not_late(world: World) -> None:
    """What came up while a good run still went on was served by it."""
    watch = alarms(world)
    run, attempt = await world.begin()
    world.clock.time += HOUR / 2
    await world.skip()
    world.clock.time += HOUR / 4
    await world.store.staged(run.id, attempt, NO_CALLS)
    await world.store.finish(run.id, attempt, S, world.clock.now())
    for _ in range(30):
        world.clock.time += HOUR / 4
        assert await watch.look() == 0


async def test_late_when_nobody_begins_its_runs(world: World) -> None:
    """A due time that passes, and no run comes up: late, too, and over with the next good run."""
    await world.run(S)
    await world.store.plan("people", "every hour", world.clock.now() + HOUR, was=None)
    watch = alarms(world)
    looks = []
    for _ in range(9):
        looks.append(await watch.look())
        world.clock.time += HOUR / 3
    assert looks == [0, 0, 0, 0, 0, 0, 1, 0, 0]
    await world.run(S)
    assert await watch.look() == 1


async def test_a_past_due_time_after_a_restart_or_a_holiday(world: World) -> None:
    """After a standstill, or when a sync is enabled again, the old due time is planned anew: nobody is late for it."""
    past = world.clock.now() - 100 * HOUR
    await world.run(S)
    await world.store.plan("people", "every hour", past, was=None)
    assert await alarms(world).look() == 0
    watch = alarms(world)
    await world.store.set_enabled("people", False)
    for _ in range(5):
        assert await watch.look() == 0
        world.clock.time += HOUR
    await world.store.set_enabled("people", True)
    assert await watch.look() == 0
    assert await world.store.replan("people", past, world.clock.now() + HOUR)
    assert await watch.look() == 0


async def test_a_disabled_sync_is_not_late(world: World) -> None:
    """Lateness of a sync that is disabled is forgotten in silence."""
    watch = alarms(world)
    await world.begin()
    world.clock.time += HOUR
    assert await watch.look() == 1
    await world.store.set_enabled("people", False)
    await _settle(world, watch)
    assert await world.store.alert_states(only_open=True) == []
    assert await world.told() == ["mail people late"]


@pytest.mark.parametrize("left", ["channel", "sync", "trouble", "watched"])
async def test_what_concerns_nobody_is_forgotten_in_silence(world: World, left: str) -> None:
    """What vanished, or is not watched any more, closes without a word, and begins anew when it is back."""
    watch, whole = alarms(world), world.project
    await world.run(F)
    await watch.look()
    world.project = {
        "channel": project([]),
        "sync": project(syncs=[]),
        "trouble": project([channel(troubles=frozenset({Trouble.LATE}))]),
        "watched": project([channel(syncs=frozenset({"orders"}))]),
    }[left]
    await _settle(world, watch)
    assert await world.store.alert_states() == []
    assert await world.told() == ["mail people failed"]
    world.project = whole
    assert await watch.look() == 1


async def test_an_older_configuration_forgets_nothing(world: World) -> None:
    """A process that has not read a new channel yet does not undo what another told it."""
    watch, other = alarms(world), Alarms(world.store, world.clock, lambda: project([]))
    await world.run(F)
    assert await watch.look() == 1
    await other.look()
    assert await watch.look() == 0
    assert len(await world.store.alert_states(only_open=True)) == 1


async def test_a_new_channel_hears_what_is_open(world: World) -> None:
    """A channel that is made while a sync fails is told so, and the others are not told again."""
    watch = alarms(world)
    await world.run(F)
    await watch.look()
    world.project = project([channel(), channel("slack")])
    assert await watch.look() == 1
    assert await world.told() == ["mail people failed", "slack people failed"]


async def test_a_look_costs_what_happened(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 1,000 syncs of which one ran, one history is read again."""
    asked: list[Sequence[str]] = []
    real = SqlStore.histories

    async def spy(self: SqlStore, syncs: Sequence[str]) -> dict[str, History]:
        asked.append(syncs)
        return await real(self, syncs)

    monkeypatch.setattr(SqlStore, "histories", spy)
    world.project = project(syncs=[sync(f"s{n}") for n in range(1000)])
    watch = alarms(world)
    await watch.look()
    await world.run(F, sync="s7")
    await watch.look()
    await watch.look()
    assert [len(syncs) for syncs in asked] == [1000, 1, 0]
    assert asked[1] == ["s7"]


@pytest.mark.parametrize("seed", range(8))
async def test_in_the_end_the_rules_hold(world: World, seed: int) -> None:
    """Whatever happens, and whoever looks when: notices alternate, and what is open is what the rules say."""
    chance = random.Random(seed)
    watches = [alarms(world), alarms(world)]
    for _ in range(25):
        await _something(world, chance, watches)
        world.clock.time += 17 * MINUTE
    for watch in watches:
        await watch.look()
    history = (await world.store.histories(["people"]))["people"]
    still = {state.trouble for state in await world.store.alert_states(only_open=True)}
    notices = list(reversed(await world.store.notices()))
    assert notices
    for trouble in Trouble:
        turns = [notice.recovered for notice in notices if notice.trouble is trouble]
        assert turns == [bool(n % 2) for n in range(len(turns))]
        finding = find(channel(), sync(), trouble, history, world.clock.now())
        if finding is not None and trouble is not Trouble.LATE:  # which a later good run alone ends
            assert finding.open == (trouble in still), trouble


async def _something(world: World, chance: random.Random, watches: list[Alarms]) -> None:
    """A run ends, one begins or is skipped, or somebody looks."""
    live = await world.store.live_run("people")
    match chance.choice(["run", "run", "skip", "begin", "look", "look"]):
        case "look":
            await chance.choice(watches).look()
        case "skip":
            await world.skip()
        case _ if live is not None:
            await world.store.abandon(live.id, world.clock.now(), WHY)
        case "begin":
            await world.begin()
        case _:
            rows = chance.choice([0, 4, 4, 4])
            lost = chance.choice([0, 0, 1]) if rows else 0
            await world.run(chance.choice([F, P if lost else S]), rows, lost)


async def _settle(world: World, watch: Alarms) -> None:
    for _ in range(2):
        await watch.look()
        world.clock.time += SETTLED
    await watch.look()
