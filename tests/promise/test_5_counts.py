"""Promise 5: the counts always add up, per destination: `extracted = delivered + duplicate + invalid + rejected +
pending`, and `pending` is 0 when a run has ended, unless it failed or was cancelled."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.errors import Unreachable
from headrace.model import Failure, Run, RunState
from headrace.ports import Limits, Reply, Verdict
from headrace.store import SqlStore
from headrace.testing.fakes import FakeDestination, Sent, World, numbered
from headrace.testing.http_server import Answer, RecordingServer
from headrace.testing.simulation import simulate
from tests.promise.processes import PATIENCE, command, environment, headrace_run
from tests.promise.project import held_at, hook, live_run, received, write_project, write_rows

PART = 10  # rows of a part
BAD = Failure("bad", "It is bad.")


@dataclass(frozen=True)
class Plan:
    """What happens to one destination: an answer for each of its first requests; then it takes everything."""

    answers: Sequence[str]
    bad: frozenset[int]  # numbers of calls that make it refuse the whole batch
    limits: Limits


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    answers = st.sampled_from(["accept", "slow", "except", "name", "retry", "later", "lost", "unreachable"])
    limits = Limits(
        calls=draw(st.integers(1, 7)),
        in_flight=draw(st.integers(1, 4)),
        rate=draw(st.sampled_from([None, 5.0])),
        ordered=draw(st.booleans()),
    )
    bad = draw(st.frozensets(st.integers(1, 60), max_size=4))
    return Plan(draw(st.lists(answers, max_size=25)), bad, limits)


class Witness:
    """Watches one run at all its destinations, and checks it at every request."""

    def __init__(self, world: World, plans: Mapping[str, Plan], stops: frozenset[int]) -> None:
        self.world, self.plans, self.stops = world, plans, stops
        self.requests = 0
        self.accepted: dict[str, Counter[str]] = {name: Counter() for name in plans}
        self.refused: dict[str, set[str]] = {name: set() for name in plans}
        for name, destination in world.destinations.items():
            destination.script = self.script(name)

    def script(self, name: str) -> Any:
        answers = iter(self.plans[name].answers)

        async def answer(sent: Sent) -> Reply:
            self.requests += 1
            if self.requests in self.stops:
                self.world.jobs[-1].stop.set()
            await self.check(name, sent)
            return await self.reply(name, next(answers, "accept"), sent)

        return answer

    async def reply(self, name: str, answer: str, sent: Sent) -> Reply:
        if answer == "slow":
            await asyncio.sleep(3.0)
        if answer in ("retry", "later"):
            return Reply(Verdict.RETRY, after=20.0 if answer == "later" else None, reason="busy")
        if answer == "unreachable":
            raise Unreachable("It did not answer.")
        bad = [index for index, one in enumerate(sent.ids) if int(one[1:]) in self.plans[name].bad]
        if bad and answer == "name":
            self.refused[name].update(sent.ids[index] for index in bad)
            return Reply(Verdict.REFUSED, failed=dict.fromkeys(bad, BAD))
        if bad and answer == "except":
            self.refused[name].update(sent.ids[index] for index in bad)
            self.accepted[name].update(one for index, one in enumerate(sent.ids) if index not in bad)
            return Reply(failed=dict.fromkeys(bad, BAD))
        if bad:
            return Reply(Verdict.REFUSED, code="http_400", reason="bad request")
        self.accepted[name].update(sent.ids)
        if answer == "lost":  # taken, but the answer never came
            self.accepted[name].subtract(sent.ids)
            raise Unreachable("It did not answer.")
        return Reply()

    async def check(self, name: str, sent: Sent) -> None:
        """At any moment the counts add up, and nothing that is settled or was accepted comes again."""
        run = await self.world.house.store.run(self.world.jobs[-1].id)
        assert run is not None
        assert {counts.total for counts in run.counts.values()} == {run.extracted}
        settled = await settled_ids(self.world, run, name)
        assert not settled & set(sent.ids)
        again = [one for one in sent.ids if self.accepted[name][one] > 0]
        assert not again
        if self.plans[name].limits.ordered:
            assert list(sent.ids) == sorted(sent.ids, key=lambda one: int(one[1:]))


async def settled_ids(world: World, run: Run, name: str) -> set[str]:
    found = set()
    for delivery in await world.house.store.deliveries(run.id, name):
        for position, outcome in enumerate(delivery.outcomes or b""):
            if outcome:
                found.add(f"m{delivery.seq * PART + position + 1}")
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.integers(0, 60),
    crm=plans(),
    mail=plans(),
    stops=st.frozensets(st.integers(1, 60), max_size=4),
)
def test_any_answers_any_stops(rows: int, crm: Plan, mail: Plan, stops: frozenset[int]) -> None:
    """Promise 5: whatever two destinations answer and wherever the run is stopped and taken up again: counts add up
    at every request, every call is delivered or listed as failed exactly once, and what was accepted never comes
    again."""

    async def story() -> None:
        store = SqlStore("sqlite:///:memory:")
        await store.open()
        plans = {"crm": crm, "mail": mail}
        world = World(
            store, numbered(rows), {n: FakeDestination(limits=p.limits) for n, p in plans.items()}, part_rows=PART
        )
        Witness(world, plans, stops)
        run = await world.run()
        for _ in stops:
            if run.state.live:
                run = await world.run()
        assert run.state in (RunState.SUCCEEDED, RunState.PARTIAL), run
        failed = Counter((row["destination"], row["message_id"]) for row in await world.failures(run))
        for name, plan in plans.items():
            bad = {f"m{n}" for n in plan.bad if n <= rows}
            assert {one for to, one in failed if to == name} == bad
            counts = run.counts[name]
            assert (counts.rejected, counts.delivered, counts.pending) == (len(bad), rows - len(bad), 0)
        assert set(failed.values()) <= {1}
        await store.close()

    simulate(story())


def test_cancelled_from_another_process(tmp_path: Path, server: RecordingServer) -> None:
    """Promise 5, "unless it was cancelled": `headrace cancel` stops the run of another process; what had been sent is
    counted as delivered, the rest as pending, and never sent."""
    write_project(tmp_path, {"hook": hook(server, batch_size=10, in_flight=1)})
    write_rows(tmp_path, range(1, 301))
    with subprocess.Popen(
        command("run", "people", "--json"), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        with held_at(server, user=25):
            run = live_run(tmp_path)
            asked = headrace_run(tmp_path, "cancel", run.id)
            server.always(Answer(delay=0.2))  # so slow that the worker hears of it long before its end
        output, _ = process.communicate(timeout=PATIENCE)
    assert "asked to stop" in asked.stdout
    assert process.returncode == 1
    (ended,) = json.loads(output)["runs"]
    sent = len(received(server.requests))
    assert (ended["id"], ended["state"], ended["next_last_sync_time"]) == (run.id, "cancelled", 0)
    assert ended["destinations"]["hook"] == {
        "delivered": sent, "duplicate": 0, "invalid": 0, "rejected": 0, "pending": 300 - sent,
    }  # fmt: skip
    assert 25 <= sent < 300
