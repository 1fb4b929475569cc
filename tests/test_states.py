"""The life of a run."""

from __future__ import annotations

import itertools

import pytest

from headrace.errors import HeadraceError
from headrace.model import Counts, RunState
from headrace.states import FOLLOWS, LIVE, require_move, require_truth

ALL = frozenset(RunState)


def test_every_state_has_its_place() -> None:
    """The table knows all states; exactly the live ones lead on."""
    assert set(FOLLOWS) == ALL
    assert {state for state, next_ones in FOLLOWS.items() if next_ones} == set(LIVE)


def test_only_what_the_table_says_is_a_move() -> None:
    """Each pair of states is allowed by `require_move` exactly if the table has it."""
    for now, to in itertools.product(ALL, ALL):
        if to in FOLLOWS[now]:
            require_move(now, to)
        else:
            with pytest.raises(HeadraceError, match=f"{now} cannot become {to}") as refused:
                require_move(now, to)
            assert refused.value.code == "illegal_transition"


def test_a_good_end_comes_only_after_delivering() -> None:
    """Succeeded and partial follow delivering alone; failed and cancelled may follow any live state."""
    for good in (RunState.SUCCEEDED, RunState.PARTIAL):
        assert [state for state in RunState if good in FOLLOWS[state]] == [RunState.DELIVERING]
    for bad in (RunState.FAILED, RunState.CANCELLED):
        assert tuple(state for state in RunState if bad in FOLLOWS[state]) == LIVE


def test_what_was_sent_stays_what_is_staged() -> None:
    """No way leads from delivering back to extracting, and none to skipped: a skipped run never began."""
    assert RunState.EXTRACTING not in FOLLOWS[RunState.DELIVERING]
    assert not any(RunState.SKIPPED in next_ones for next_ones in FOLLOWS.values())


@pytest.mark.parametrize(
    ("counts", "honest"),
    [
        (Counts(), {"succeeded", "partial", "failed", "cancelled"}),
        (Counts(delivered=2, duplicate=1), {"succeeded", "partial", "failed", "cancelled"}),
        (Counts(delivered=2, invalid=1), {"partial", "failed", "cancelled"}),
        (Counts(delivered=2, rejected=1), {"partial", "failed", "cancelled"}),
        (Counts(delivered=2, pending=1), {"failed", "cancelled"}),
    ],
)
def test_an_end_claims_only_what_the_counts_show(counts: Counts, honest: set[str]) -> None:
    """One destination that is not done is enough to refuse the claim."""
    for end in ("succeeded", "partial", "failed", "cancelled"):
        both = {"fine": Counts(delivered=3), "crm": counts}
        if end in honest:
            require_truth(RunState(end), both)
        else:
            with pytest.raises(HeadraceError, match="'crm'") as refused:
                require_truth(RunState(end), both)
            assert refused.value.code == "unsettled"
