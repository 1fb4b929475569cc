"""The ledger as plain dicts, and a machine that drives both with whatever comes: they must agree after every step."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from headrace.errors import Fenced, HeadraceError
from headrace.model import Counts, Delivery, NewRun, Part, Problem, RunState, Settled
from headrace.store_port import Staged, Store

T = TypeVar("T")

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
PARTS = (Part(0, 1, 4, 3, 10), Part(1, 5, 2, 2, 10))
UNMAPPED = 1
SIZES = {(part.seq, name): part.calls for part in PARTS for name in ("crm", "mail")}

_OUTCOME = st.sampled_from([Settled.PENDING, Settled.DELIVERED, Settled.DUPLICATE, Settled.INVALID, Settled.REJECTED])
_OUTCOMES = st.lists(_OUTCOME, min_size=3, max_size=3).map(bytes)
_SETTLING = st.dictionaries(st.sampled_from(sorted(SIZES)), _OUTCOMES, min_size=1)
_END = st.sampled_from([RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED])


def counts_always_add_up(new_store: Callable[[], Store], *, examples: int = 20) -> None:
    """Run the machine over one store, with a sync of its own for each example."""
    with asyncio.Runner() as loop:
        store = new_store()
        loop.run(store.open())
        names = itertools.count()

        class Machine(LedgerMachine):
            def __init__(self) -> None:
                super().__init__(store, loop, f"sync-{next(names)}")

        try:
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=20,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            loop.run(store.close())


class LedgerMachine(RuleBasedStateMachine):
    """One sync whose runs deliver two parts to two destinations, under two workers: the newest and a zombie."""

    def __init__(self, store: Store, loop: asyncio.Runner, sync: str) -> None:
        super().__init__()
        self.store, self.loop, self.sync = store, loop, sync
        self.number = 0
        self.attempt = 0
        self.state = RunState.FAILED  # of the run before the first
        self.outcomes: dict[tuple[int, str], bytes] = {}
        self.cursor = 0
        self.reset = False

    @property
    def run_id(self) -> str:
        return f"{self.sync}-{self.number}"

    def do(self, verb: Awaitable[T]) -> T:
        async def wait() -> T:
            return await verb

        return self.loop.run(wait())

    @precondition(lambda self: not self.state.live)
    @rule()
    def begin(self) -> None:
        self.number += 1
        new = NewRun(self.run_id, self.sync, "manual", 0, {"call": "track"}, ("crm", "mail"), NOON)
        self.do(self.store.create_run(new))
        self.attempt = self.do(self.store.take(self.run_id, NOON))
        self.do(self.store.extract_anew(self.run_id, self.attempt))
        self.do(self.store.add_parts(self.run_id, self.attempt, PARTS))
        planned = [Delivery(seq, name, calls) for (seq, name), calls in SIZES.items()]
        self.do(self.store.staged(self.run_id, self.attempt, Staged(100 + self.number, (), (), planned)))
        self.state, self.outcomes, self.reset = RunState.DELIVERING, {}, False

    @precondition(lambda self: self.state.live)
    @rule()
    def take(self) -> None:
        self.attempt += 1
        assert self.do(self.store.take(self.run_id, NOON)) == self.attempt

    @precondition(lambda self: self.number)
    @rule(settling=_SETTLING, zombie=st.booleans())
    def settle(self, settling: dict[tuple[int, str], bytes], zombie: bool) -> None:
        cut = {key: outcomes[: SIZES[key]] for key, outcomes in settling.items()}
        settled = [Delivery(seq, name, SIZES[seq, name], outcomes, 1) for (seq, name), outcomes in cut.items()]
        if self.fenced(zombie, self.store.settle(self.run_id, self.attempt - zombie, settled)):
            return
        self.outcomes |= cut

    @precondition(lambda self: self.number)
    @rule(end=_END, zombie=st.booleans())
    def finish(self, end: RunState, zombie: bool) -> None:
        finish = self.store.finish(self.run_id, self.attempt - zombie, end, NOON, Problem("why", "So."))
        honest = end in (RunState.FAILED, RunState.CANCELLED) or (
            end is RunState.PARTIAL and not any(counts.pending for counts in self.counts().values())
        )  # never succeeded: one row became no call
        if not honest and not zombie and self.state.live:
            with pytest.raises(HeadraceError, match="cannot end"):
                self.do(finish)
            return
        if self.fenced(zombie, finish):
            return
        self.state = end
        if end is RunState.PARTIAL and not self.reset:
            self.cursor = 100 + self.number

    @precondition(lambda self: self.state.live)
    @rule(outcome=_OUTCOME)
    def settle_all_and_finish(self, outcome: int) -> None:
        self.settle({key: bytes([outcome]) * calls for key, calls in SIZES.items()}, zombie=False)
        self.finish(RunState.PARTIAL, zombie=False)

    @rule(cursor=st.integers(0, 50))
    def set_cursor(self, cursor: int) -> None:
        self.do(self.store.set_cursor(self.sync, cursor))
        self.cursor, self.reset = cursor, True

    @precondition(lambda self: self.state.live)
    @rule()
    def abandon(self) -> None:
        self.do(self.store.abandon(self.run_id, NOON, Problem("why", "So.")))
        self.state = RunState.CANCELLED

    @invariant()
    def agrees(self) -> None:
        assert self.do(self.store.sync_state(self.sync)).cursor == self.cursor
        run = self.do(self.store.run(self.run_id))
        if run is None:
            assert not self.number
            return
        assert (run.state, run.attempt, run.counts) == (self.state, self.attempt, self.counts())
        assert all(counts.total == run.extracted for counts in run.counts.values())

    def fenced(self, zombie: bool, verb: Awaitable[Any]) -> bool:
        """Do the verb; whether it was fenced, which it must be for a zombie and after the end."""
        expected = zombie or not self.state.live
        try:
            self.do(verb)
        except Fenced:
            assert expected
            return True
        assert not expected
        return False

    def counts(self) -> dict[str, Counts]:
        """What the ledger should say: each call's last outcome, counted one by one."""
        found = {}
        for name in ("crm", "mail"):
            calls = [self.outcomes.get((part.seq, name), bytes(part.calls)) for part in PARTS]
            tally = Counter(b"".join(calls))
            pending, delivered, duplicate, invalid, rejected = (tally[outcome] for outcome in range(5))
            found[name] = Counts(delivered, duplicate, invalid + UNMAPPED, rejected, pending)
        return found
