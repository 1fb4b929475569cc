"""When to try again: capped exponential back-off with full jitter. Pure: chance is given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    base: float = 0.5  # seconds: the longest first wait
    cap: float = 60.0  # seconds: no wait is longer, unless the destination asks for it
    give_up_after: float = 900.0  # seconds of trying one batch before its destination counts as down


def wait(policy: RetryPolicy, attempt: int, chance: float, asked: float | None = None) -> float:
    """Seconds to wait before try ``attempt`` + 1; ``attempt`` counts from 1, ``chance`` is in [0, 1).

    ``asked`` is what the destination demanded: never less than that, spread by a tenth so that not all come at once.
    """
    ceiling = min(policy.cap, policy.base * 2.0 ** min(attempt - 1, 30))
    jittered = ceiling * chance
    if asked is None:
        return jittered
    return max(asked * (1.0 + 0.1 * chance), jittered)
