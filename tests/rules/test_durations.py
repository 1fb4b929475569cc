"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300", 300),
        ("0", 0),
        ("5 minutes", 300),
        (" 5  Minutes ", 300),
        ("1 minute", 60),
        ("90s", 90),
        ("10 sec", 10),
        ("12h", 43_200),
        ("2 days", 172_800),
        ("1 week", 604_800),
        ("1h30m", 5400),
        ("1 hour 30 minutes", 5400),
        ("1 hour, 30 minutes and 5 seconds", 5405),
    ],
)
def test_parse(text: str, seconds: int) -> None:
    """A number alone is seconds; units may be short or long, and several add up."""
    assert durations.parse(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "1.5 hours", "5 parsecs", "5 minutes ago", "m5", "11 years", "9" * 12, "٣"]
)
def test_what_is_not_a_duration(text: str) -> None:
    """Anything else is refused with an example or the known units."""
    with pytest.raises(ValueError, match=r"minutes|hours"):
        durations.parse(text)


@given(st.integers(0, durations.LONGEST))
def test_words_lead_back(seconds: int) -> None:
    """What describe says, parse reads."""
    assert durations.parse(durations.describe(seconds)) == seconds


def test_describe() -> None:
    """The largest unit that fits, in the singular for one."""
    assert [durations.describe(n) for n in (0, 1, 60, 5400, 3600, 172_800)] == [
        "0 seconds",
        "1 second",
        "1 minute",
        "90 minutes",
        "1 hour",
        "2 days",
    ]
