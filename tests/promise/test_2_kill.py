"""Promise 2: nothing is sent before the whole result is safely staged. `kill -9` at any moment loses nothing: the run
goes on from the last settled batch. At most the batches in flight are sent again, each call with the same
`messageId`."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from headrace.model import Counts, Run, RunState
from headrace.store import SqlStore
from tests.promise.checker import adds_up, find
from tests.promise.ledger import LedgerServer
from tests.promise.processes import WarmProcesses, headrace_run
from tests.promise.project import QUERY, QUERY_WITH_IDS, write_config, write_rows

KILLS = 100
ROWS = 70_000  # two parts
TWIN = 66_000  # place of a row whose messageId is that of a row in an earlier part
REPEATED = 1_000  # messageIds of the last run that the next brings again
ABOUT = ", repeat('x', 300) AS about FROM"  # with it each call has more than 400 bytes
CRM_BATCH, CRM_IN_FLIGHT = 500_000 // 400, 16
HOOK_BATCH, HOOK_IN_FLIGHT = 500, 2
# Calls that may be in flight, sent and not yet settled, per destination: twice its requests in flight.
IN_FLIGHT = {"crm": 2 * CRM_IN_FLIGHT * CRM_BATCH, "hook": 2 * HOOK_IN_FLIGHT * HOOK_BATCH}
DELAYS = {"crm": 0.1, "hook": 0.005}


@dataclass
class Tally:
    """What all the killing came to."""

    kills: int = 0
    runs: int = 0
    phases: Counter[str] = field(default_factory=Counter)  # in which the process was when it was killed
    repeats: Counter[str] = field(default_factory=Counter)  # calls received again, by destination
    most: Counter[str] = field(default_factory=Counter)  # the same for one kill

    @property
    def enough(self) -> bool:
        """Whether the phases that matter were hit often enough, and something came again everywhere."""
        often = self.phases["extracting"] >= KILLS // 20 and self.phases["delivering"] >= KILLS // 5
        return often and all(self.repeats[name] for name in DELAYS)


@dataclass(frozen=True)
class Generation:
    """The rows of one run, and what is owed for them."""

    number: int

    @property
    def sync(self) -> str:
        """Whether we derive the messageIds or the query brings them, in turn."""
        return ("derived", "own")[self.number % 2]

    @property
    def numbers(self) -> range:
        return range(self.number * ROWS + 1, (self.number + 1) * ROWS + 1)

    @property
    def duplicates(self) -> frozenset[int]:
        """Places of rows whose messageId came before: in the last run of this sync, or in another part of this one."""
        if self.sync == "derived":
            return frozenset()
        return frozenset([*range(REPEATED if self.number > 1 else 0), TWIN])

    def messages(self) -> list[str]:
        found = [f"m-{number}" for number in self.numbers]
        if self.number > 1:
            found[:REPEATED] = [f"m-{number - 2 * ROWS}" for number in self.numbers[-REPEATED:]]
        found[TWIN] = found[2_000]
        return found

    def owed(self) -> set[str]:
        duplicates = self.duplicates
        return {str(number) for place, number in enumerate(self.numbers) if place not in duplicates}


def write_two_syncs(folder: Path, url: str) -> None:
    hook = {"type": "webhook", "url": f"{url}/hook", "format": "json_array", "batch_size": HOOK_BATCH,
            "in_flight": HOOK_IN_FLIGHT}  # fmt: skip
    sync = {"source": "numbers", "call": "identify", "destinations": ["crm", "hook"]}
    config = {
        "sources": {"numbers": {"type": "files", "tables": {"numbers": "numbers.parquet"}}},
        "destinations": {"crm": {"type": "customerio", "api_key": "key", "url": f"{url}/crm"}, "hook": hook},
        "syncs": {
            "derived": {**sync, "query": QUERY.replace(" FROM", ABOUT)},
            "own": {**sync, "query": QUERY_WITH_IDS.replace(" FROM", ABOUT)},
        },
    }
    write_config(folder, config)


class Killer:
    """Carries runs to their end against kill -9, and looks into the ledger after each."""

    def __init__(self, folder: Path, server: LedgerServer, processes: WarmProcesses, chance: random.Random) -> None:
        self.folder, self.server, self.processes, self.chance = folder, server, processes, chance
        self.ledger = asyncio.Runner()
        self.store = SqlStore(f"sqlite:///{folder / '.headrace' / 'store.sqlite'}")
        self.tally = Tally()
        self.preparing, self.delivering = 1.0, 1.0  # seconds that a run takes until its first call, and from there on
        self.cursors = {"derived": 0, "own": 0}

    def close(self) -> None:
        self.ledger.run(self.store.close())
        self.ledger.close()

    def undisturbed(self, generation: Generation) -> None:
        """One run without a kill: how long its phases take."""
        self.begin(generation)
        began = time.monotonic()
        assert self.processes.wait("calls") == "calls", self.processes.log()
        self.preparing = time.monotonic() - began
        assert self.processes.wait("complete") == "complete", self.processes.log()
        self.delivering = time.monotonic() - began - self.preparing
        assert self.processes.wait("exit") == "exit 0", self.processes.log()
        self.processes.join()
        self.ledger.run(self.store.open())
        self.judge(generation)

    def disturbed(self, generation: Generation) -> None:
        """One run that is killed until it has ended."""
        self.begin(generation)
        while not self.ended(generation):
            self.processes.start("run", generation.sync)
        self.judge(generation)

    def begin(self, generation: Generation) -> None:
        write_rows(self.folder, generation.numbers, generation.messages())
        owed = ROWS - len(generation.duplicates)
        self.server.new_generation({"crm": owed, "hook": owed})
        self.server.next_attempt()
        self.processes.start("run", generation.sync)

    def ended(self, generation: Generation) -> bool:
        """Let the process run for a while and kill it, unless it ends before; whether its run has ended."""
        aim = self.chance.choices(["preparing", "delivering", "complete"], [5, 4, 1])[0]
        came = None
        if aim == "preparing":
            came = self.processes.wait("exit", self.chance.uniform(0, self.preparing))
        elif (came := self.processes.wait("calls" if aim == "delivering" else "complete")) in ("calls", "complete"):
            seconds = self.delivering if aim == "delivering" else 0.2
            came = self.processes.wait("exit", self.chance.uniform(0, seconds))
        if came is not None:
            assert came == "exit 0", self.processes.log()
            self.processes.join()
            return True
        self.processes.kill()
        phase = self.look(generation)
        self.tally.kills += 1
        self.tally.phases[phase] += 1
        self.server.next_attempt()
        return phase == "ended"

    def look(self, generation: Generation) -> str:
        """What the ledger says after a kill, checked; and in which phase the process was."""
        run = self.newest(generation)
        received = {name: len(self.server.users[name]) for name in DELAYS}
        if run is None or not run.as_of:
            assert not any(received.values()), "something was sent before all was staged"
        if run is None:
            return "starting"
        assert adds_up(run), run
        assert all(counts.delivered <= received[name] for name, counts in run.counts.items())
        if not run.state.live:
            return "ended"
        state = self.ledger.run(self.store.sync_state(generation.sync))
        assert state.cursor == run.cursor == self.cursors[generation.sync]
        if run.state is not RunState.DELIVERING:
            return str(run.state)
        if not any(received.values()):
            return "staged"
        return "finishing" if received == self.server.expected else "delivering"

    def newest(self, generation: Generation) -> Run | None:
        """The run of this generation, if there is one already."""
        found = self.ledger.run(self.store.runs(generation.sync))
        return found[0] if len(found) > generation.number // 2 else None

    def judge(self, generation: Generation) -> None:
        """What a run that has ended owes to everybody."""
        run = self.newest(generation)
        assert run is not None
        assert run.state is RunState.SUCCEEDED, run
        duplicate = len(generation.duplicates)
        assert run.extracted == ROWS
        assert set(run.counts.values()) == {Counts(delivered=ROWS - duplicate, duplicate=duplicate)}
        state = self.ledger.run(self.store.sync_state(generation.sync))
        assert run.cursor == self.cursors[generation.sync]
        assert state.cursor == run.as_of
        self.cursors[generation.sync] = state.cursor
        owed = generation.owed()
        for name in DELAYS:
            findings = find(owed, self.server.arrivals(name))
            assert findings.faultless, (name, findings)
            for again in findings.repeated.values():
                assert len(again) <= IN_FLIGHT[name], f"{len(again)} calls came again after one kill"
                self.tally.most[name] = max(self.tally.most[name], len(again))
                self.tally.repeats[name] += len(again)
        self.tally.runs += 1

    def nothing_left(self) -> None:
        """The space of all runs is given back, and no half-written file lies about, once a command has tidied up."""
        headrace_run(self.folder, "runs")
        home = self.folder / ".headrace"
        assert not any((home / "stage").iterdir())
        assert not any((home / "locks").iterdir())
        assert not [*home.rglob("*.live"), *home.rglob("*.tmp")]


@pytest.mark.slow
def test_kill_at_any_moment(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Promise 2: a process is killed at random moments, 100 times and more, and started again each time: no call is
    lost, none is sent that is not owed, what comes again was in flight, and the counts are those of the
    receiver."""
    seed = int(os.environ.get("HEADRACE_TEST_SEED", random.SystemRandom().randrange(2**32)))
    sys.stdout.write(f"HEADRACE_TEST_SEED={seed}\n")
    with ExitStack() as stack:
        processes = stack.enter_context(WarmProcesses(tmp_path))
        server = stack.enter_context(LedgerServer(DELAYS, processes.events.put))
        killer = Killer(tmp_path, server, processes, random.Random(seed))
        stack.callback(killer.close)
        write_two_syncs(tmp_path, server.url)
        killer.undisturbed(Generation(0))
        for number in itertools.count(1):
            killer.disturbed(Generation(number))
            if killer.tally.kills >= (KILLS if killer.tally.enough else 2 * KILLS):
                break
        killer.nothing_left()
    tally = killer.tally
    record_property("killed", str(tally))
    sys.stdout.write(f"{tally}\n")
    assert tally.enough, "else the test proved nothing"
