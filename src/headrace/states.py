"""The life of a run: which state may follow which, and what an end may claim."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.errors import HeadraceError
from headrace.model import Counts, RunState

# Delivering never goes back to extracting: what was sent must stay what is staged.
FOLLOWS: Mapping[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.EXTRACTING, RunState.FAILED, RunState.CANCELLED}),
    RunState.EXTRACTING: frozenset(
        {RunState.EXTRACTING, RunState.DELIVERING, RunState.FAILED, RunState.CANCELLED},
    ),
    RunState.DELIVERING: frozenset({RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.PARTIAL: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
    RunState.SKIPPED: frozenset(),
}
LIVE = tuple(state for state in RunState if state.live)


def require_move(now: RunState, to: RunState) -> None:
    """Raise `HeadraceError` (``illegal_transition``) unless a run in state ``now`` may become ``to``."""
    if to not in FOLLOWS[now]:
        raise HeadraceError(
            f"A run that is {now} cannot become {to}. This is a defect in Headrace: please report it.",
            code="illegal_transition",
        )


def verdict(unmapped: int, counts: Mapping[str, Counts]) -> RunState:
    """Succeeded if every row is delivered or known as a duplicate; partial if each other one has its reason."""
    bad = any(count.invalid or count.rejected for count in counts.values())
    return RunState.PARTIAL if bad or unmapped else RunState.SUCCEEDED


def require_truth(end: RunState, counts: Mapping[str, Counts]) -> None:
    """Raise `HeadraceError` (``unsettled``) where ``end`` claims more than the counts per destination show.

    ``succeeded`` and ``partial`` leave no row pending; ``succeeded`` leaves none invalid or rejected.
    """
    for destination, count in counts.items():
        if end in (RunState.SUCCEEDED, RunState.PARTIAL) and count.pending:
            what = f"{count.pending} rows are still pending"
        elif end is RunState.SUCCEEDED and count.invalid + count.rejected:
            what = f"{count.invalid + count.rejected} rows were not delivered"
        else:
            continue
        raise HeadraceError(
            f"A run cannot end as {end}: {what} at {destination!r}. This is a defect in Headrace: please report it.",
            code="unsettled",
        )
