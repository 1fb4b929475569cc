"""Whatever a destination answers and whenever the worker is stopped: nothing is lost, nothing settled goes again."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import Unreachable
from headrace.model import Counts, Failure, Run, RunState, Settled
from headrace.ports import Limits, Reply, Verdict
from headrace.testing.fakes import FakeDestination, Sent, World
from headrace.testing.simulation import simulate
from tests.run.worlds import opened

ROWS = 70


@dataclass(slots=True)
class Weather:
    """A destination of many moods, which knows what it took, what it refused for good, and what it never could."""

    chance: random.Random
    world: World | None = None
    taken: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    async def __call__(self, sent: Sent) -> Reply:
        await asyncio.sleep(self.chance.random())
        if self.chance.random() < 0.03 and self.world:
            self.world.jobs[-1].stop.set()
        match self.chance.randrange(8):
            case 0:
                raise Unreachable("No answer came.")
            case 1:
                self.taken.update(sent.ids)  # received, but the answer was lost
                raise Unreachable("The answer was lost.")
            case 2:
                return Reply(Verdict.RETRY, after=self.chance.choice([None, 3.0]))
            case 3 if len(sent.ids) > 1:
                return Reply(Verdict.REFUSED, code="http_413")
            case 4:
                failed = self._some(sent)
                return Reply(Verdict.REFUSED, failed) if failed else Reply(Verdict.RETRY)
            case 5:
                failed = self._some(sent)
                self.taken.update(one for index, one in enumerate(sent.ids) if index not in failed)
                return Reply(failed=failed)
        self.taken.update(sent.ids)
        return Reply()

    def _some(self, sent: Sent) -> dict[int, Failure]:
        failed = {n: Failure("odd", "It is odd.") for n in range(len(sent.ids)) if self.chance.random() < 0.1}
        self.refused.update(sent.ids[n] for n in failed)
        return failed


async def settled(world: World, run: Run, destination: str) -> set[str]:
    """messageIds that the ledger knows as settled; rows are numbered ids, in parts of the world's size."""
    known: set[str] = set()
    for delivery in await world.house.store.deliveries(run.id, destination):
        first = delivery.seq * world.house.part_rows + 1
        outcomes = delivery.outcomes or b""
        known |= {f"m{first + n}" for n, outcome in enumerate(outcomes) if outcome != Settled.PENDING}
    return known


def adds_up(counts: Counts, run: Run) -> bool:
    return counts.total == run.extracted == ROWS


@pytest.mark.slow
@given(seed=st.integers(0, 1 << 32), calls=st.integers(1, 20), in_flight=st.integers(1, 4), ordered=st.booleans())
@settings(max_examples=10, deadline=None)
def test_any_weather(seed: int, calls: int, in_flight: int, ordered: bool) -> None:
    """Counts add up after every stop; each call ends delivered or listed once; nothing settled is sent again."""

    async def story() -> None:
        moods = {name: Weather(random.Random(f"{seed}{name}")) for name in ("crm", "mail")}
        limits = Limits(calls=calls, in_flight=in_flight, ordered=ordered)
        destinations = {name: FakeDestination(mood, limits) for name, mood in moods.items()}
        async with opened(destinations, ROWS, part_rows=25) as world:
            for mood in moods.values():
                mood.world = world
            known: dict[str, set[str]] = {name: set() for name in moods}
            while True:
                before = {name: len(to.requests) for name, to in destinations.items()}
                run = await world.run()
                for name, to in destinations.items():
                    assert adds_up(run.counts[name], run)
                    again = {one for sent in to.requests[before[name] :] for one in sent.ids}
                    assert not again & known[name]
                    known[name] = await settled(world, run, name)
                if not run.state.live:
                    break
            listed = await world.failures(run)
        assert run.state in (RunState.SUCCEEDED, RunState.PARTIAL)
        for name, mood in moods.items():
            counts, to = run.counts[name], destinations[name]
            failed = [row["message_id"] for row in listed if row["destination"] == name]
            assert len(failed) == len(set(failed)) == counts.rejected
            assert set(failed) <= mood.refused
            assert {f"m{n}" for n in range(1, ROWS + 1)} - set(failed) <= mood.taken
            assert counts.delivered + counts.rejected == ROWS
            assert to.most_at_once <= (1 if ordered else in_flight)

    simulate(story())
