"""What every store must do with a small run, whose way through the ledger is short: parts and plan come together.

The class that inherits it gives the fixture ``store``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from headrace.errors import HeadraceError
from headrace.model import Part, RunState, Settled
from headrace.store_port import Store
from headrace.testing.store_samples import LATER, NOON, PARTS, deliveries, new_run, plan


class ShortWayContract:
    """The verbs of a run that is staged at once, and ends by its counts."""

    async def test_the_last_parts_come_with_the_plan(self, store: Store) -> None:
        """Parts that were not added before are entered as the run is staged; those known already are replaced."""
        run = await store.create_run(new_run())
        attempt = await store.take(run.id, NOON)
        await store.extract_anew(run.id, attempt)
        await store.add_parts(run.id, attempt, [PARTS[0]])
        await store.staged(run.id, attempt, replace(plan(), parts=PARTS))
        assert await store.parts(run.id) == list(PARTS)

    @pytest.mark.parametrize(
        ("parts", "outcome", "state"),
        [
            (PARTS[1:], Settled.DELIVERED, RunState.SUCCEEDED),
            (PARTS[1:], Settled.DUPLICATE, RunState.SUCCEEDED),
            (PARTS[1:], Settled.REJECTED, RunState.PARTIAL),
            (PARTS, Settled.DELIVERED, RunState.PARTIAL),  # two rows became no call
        ],
    )
    async def test_an_end_by_its_counts(
        self, store: Store, parts: Sequence[Part], outcome: int, state: RunState
    ) -> None:
        """Without a state a run ends as its counts show; while any row is pending, it does not end."""
        run = await store.create_run(new_run())
        attempt = await store.take(run.id, NOON)
        await store.extract_anew(run.id, attempt)
        await store.staged(run.id, attempt, replace(plan(deliveries(parts=parts)), parts=parts))
        with pytest.raises(HeadraceError, match="pending"):
            await store.finish(run.id, attempt, None, LATER)
        await store.settle(run.id, attempt, deliveries(outcome, parts))
        ended = await store.finish(run.id, attempt, None, LATER)
        assert ended.state is state
        assert await store.run(run.id) == ended
