"""When to try again."""

from __future__ import annotations

import pytest

from headrace.retry import RetryPolicy, wait

POLICY = RetryPolicy(base=0.5, cap=60)


@pytest.mark.parametrize(
    ("attempt", "chance", "asked", "seconds"),
    [
        (1, 0.0, None, 0.0),
        (1, 0.5, None, 0.25),
        (2, 0.5, None, 0.5),
        (5, 0.5, None, 4.0),
        (7, 0.5, None, 16.0),
        (8, 0.5, None, 30.0),  # the cap, not 32
        (100_000, 0.5, None, 30.0),  # no number is too large
        (1, 0.0, 10.0, 10.0),
        (1, 0.5, 10.0, 10.5),
        (1, 0.5, 0.0, 0.25),  # asked for nothing: our own wait
        (20, 0.5, 1.0, 30.0),  # our own wait is longer than what was asked
        (1, 0.5, 300.0, 315.0),  # over the cap, since it was asked
    ],
)
def test_wait(attempt: int, chance: float, asked: float | None, seconds: float) -> None:
    """Full jitter up to base × 2^(attempt-1), capped; never less than the destination asked, spread by a tenth."""
    assert wait(POLICY, attempt, chance, asked) == pytest.approx(seconds)
