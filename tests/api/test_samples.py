"""Samples are held for a while, in bounded memory."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headrace.api import samples
from headrace.api.errors import ApiError
from headrace.api.samples import Samples
from headrace.people import Actor, Role
from headrace.preview import Sample
from headrace.testing.destination_contract import StillClock

ADA = Actor("user", "u_ada", "ada@example.com", Role.OWNER, True)


class Watch(StillClock):
    """A clock that is moved by hand."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def sample(size: int = 8) -> Sample:
    return Sample(pa.table({"a": pa.array([b"x" * size])}), 0)


def gone(held: Samples, key: str) -> bool:
    try:
        held.find(ADA, key)
    except ApiError:
        return True
    return False


def test_for_a_while() -> None:
    """Until its time is over a sample is found."""
    clock = Watch()
    held, one = Samples(clock), sample()
    key = held.hold(ADA, one)
    clock.seconds = samples.KEPT - 1
    assert held.find(ADA, key) is one
    clock.seconds += 2
    assert gone(held, key)


def test_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest make room for the newest, which is held however large it is."""
    monkeypatch.setattr(samples, "MOST_BYTES", 1_000)
    held = Samples(Watch())
    keys = [held.hold(ADA, sample(400)) for _ in range(4)]
    assert [gone(held, key) for key in keys] == [True, True, False, False]
    large = held.hold(ADA, sample(5_000))
    assert [gone(held, key) for key in (*keys, large)] == [True, True, True, True, False]
