"""The one checker: what was owed, what arrived, and what that says. Rows are numbered, so sets tell everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace.model import Run


@dataclass(frozen=True, slots=True)
class Arrival:
    """One call as a destination received it. ``attempt``: the number of the process that sent it."""

    attempt: int
    call: Mapping[str, Any]

    @property
    def user(self) -> str:
        return str(self.call["userId"])


@dataclass(slots=True)
class Findings:
    """What the checker found out about one run at one destination; users stand for their rows."""

    missing: set[str]  # owed, and never received
    extra: set[str]  # received, and never owed
    changed: set[str]  # received again with another messageId or body
    doubled: set[str]  # received twice from the same process
    repeated: dict[int, set[str]] = field(default_factory=dict)  # attempt → received from it, and again from a later

    @property
    def faultless(self) -> bool:
        return not (self.missing or self.extra or self.changed or self.doubled)


def find(owed: Collection[str], arrivals: Iterable[Arrival]) -> Findings:
    """Compare what was owed with what arrived."""
    received: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        received[arrival.user].append(arrival)
    repeats = {user: found for user, found in received.items() if len(found) > 1}
    repeated: dict[int, set[str]] = defaultdict(set)
    for user, found in repeats.items():
        for attempt in {arrival.attempt for arrival in found} - {found[-1].attempt}:
            repeated[attempt].add(user)
    return Findings(
        missing=set(owed) - set(received),
        extra=set(received) - set(owed),
        changed={user for user, found in repeats.items() if any(other.call != found[0].call for other in found)},
        doubled={user for user, found in repeats.items() if len({one.attempt for one in found}) < len(found)},
        repeated=dict(repeated),
    )


def adds_up(run: Run) -> bool:
    """Promise 5: extracted = delivered + duplicate + invalid + rejected + pending, at every destination."""
    return set(run.counts) == set(run.destinations) and all(
        counts.total == run.extracted for counts in run.counts.values()
    )
