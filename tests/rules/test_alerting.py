"""The rules of alerts: which troubles a sync's runs show, and what is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from headrace.alerting import Channel, Finding, History, Trouble, concerns, find, undelivered, words
from headrace.model import CallKind, Counts, Problem, Run, RunState, Sync

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ALL = frozenset(Trouble)
HOUR = timedelta(hours=1)
S, P, F = RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED


def sync(schedule: str = "every hour") -> Sync:
    return Sync("people", "shop", CallKind.IDENTIFY, "select 1", ("crm",), schedule=schedule)


def channel(**settings: object) -> Channel:
    return Channel("mail", "email", {}, **{"troubles": ALL, **settings})  # type: ignore[arg-type]


def run(
    state: RunState = S, rows: int = 10, hours: int = 0, counts: Mapping[str, Counts] | None = None, unmapped: int = 0
) -> Run:
    """A run that ended so many hours after noon."""
    at = NOON + hours * HOUR
    found = counts if counts is not None else {"crm": Counts(delivered=rows)}
    return Run(
        f"run-{hours}", "people", state, 1, "schedule", CallKind.IDENTIFY, 0, None, {}, ("crm",), at, at, at, rows,
        unmapped, found,
    )  # fmt: skip


def history(*newest_first: Run, owed: datetime | None = None) -> History:
    return History(newest_first, owed)


def told(
    trouble: Trouble, *runs: Run, now: datetime = NOON, owed: datetime | None = None, **more: object
) -> bool | None:
    """Whether the trouble is there; None where the runs say nothing."""
    finding = find(channel(**more), sync(), trouble, history(*runs, owed=owed), now)
    return None if finding is None else finding.open


@pytest.mark.parametrize(
    ("states", "expected"), [([], None), ([F], True), ([F, S], True), ([S, F], False), ([P, F], False), ([P], False)]
)
def test_failed(states: list[RunState], expected: bool | None) -> None:
    """The newest run that says how a sync fares decides; without any, nothing is known."""
    runs = [run(state, hours=-n) for n, state in enumerate(states)]
    assert told(Trouble.FAILED, *runs) is expected


@pytest.mark.parametrize(
    ("above", "lost", "expected"),
    [(0.0, 0, False), (0.0, 1, True), (5.0, 50, False), (5.0, 51, True), (100.0, 1000, False)],
)
def test_partial_above_a_threshold(above: float, lost: int, expected: bool) -> None:
    """Partial is when more percent of the rows than the threshold were not delivered."""
    one = run(P if lost else S, 1000, counts={"crm": Counts(delivered=1000 - lost, rejected=lost)})
    assert told(Trouble.PARTIAL, one, partial_above=above) is expected


def test_partial_of_a_failed_run() -> None:
    """A failed run says nothing about what would have been delivered."""
    lost = {"crm": Counts(delivered=1, rejected=9)}
    assert told(Trouble.PARTIAL, run(F), run(P, 10, -1, lost)) is None


def test_undelivered() -> None:
    """The worst destination counts; invalid and rejected rows are lost, duplicates are not; of no rows none is."""
    counts = {
        "a": Counts(delivered=70, duplicate=30),
        "b": Counts(delivered=80, invalid=15, rejected=5),
        "c": Counts(delivered=99, invalid=1),
    }
    assert undelivered(run(P, 100, counts=counts)) == 20.0
    assert undelivered(run(P, 8, counts={}, unmapped=2)) == 25.0
    assert undelivered(run(S, 0, counts={"a": Counts()})) == 0.0


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([0, 5, 5, 5], True),
        ([0, 5, 5], None),
        ([0, 5, 5, 0], None),
        ([0, 0, 5, 5, 5], None),
        ([5, 0, 0], False),
        ([0], None),
        ([], None),
    ],
)
def test_empty_where_rows_are_usual(rows: list[int], expected: bool | None) -> None:
    """No rows are a trouble where the three good runs before had some; that more are empty says nothing new."""
    assert told(Trouble.EMPTY, *(run(S, count, -n) for n, count in enumerate(rows))) is expected


def test_failed_runs_have_no_rows_to_miss() -> None:
    """A failed run is not counted among those that had rows or had none."""
    runs = (run(F, 0, 5), run(S, 0, 4), run(S, 5, 3), run(F, 0, 2), run(S, 5, 1), run(S, 5, 0))
    assert told(Trouble.EMPTY, *runs) is True


@pytest.mark.parametrize(
    ("schedule", "late_after", "minutes"),
    [
        ("every hour", 0, 60),
        ("every minute", 0, 15),
        ("every 15 minutes", 0, 15),
        ("every day at 13:00", 0, 60),
        ("every hour", 600, 10),
        ("every minute", 60, 1),
        ("after orders", 1800, 30),
    ],
)
def test_late(schedule: str, late_after: int, minutes: int) -> None:
    """Late is a sync that owes a good run for longer than its interval (at least 15 minutes), or what was set."""
    good, at = run(S, hours=-1), NOON + timedelta(minutes=minutes)
    watched = channel(late_after=late_after)
    before = find(watched, sync(schedule), Trouble.LATE, history(good, owed=NOON), at - timedelta(seconds=1))
    assert before == Finding(False, good.ended_at or NOON, good)
    assert find(watched, sync(schedule), Trouble.LATE, history(good, owed=NOON), at) == Finding(True, at)


def test_late_without_a_good_run() -> None:
    """A sync that never had a good run is late, too; until then nothing is known."""
    assert told(Trouble.LATE, run(F), owed=NOON, now=NOON + HOUR) is True
    assert told(Trouble.LATE, run(F), owed=NOON, now=NOON) is None
    assert told(Trouble.LATE) is None


@pytest.mark.parametrize(
    ("schedule", "late_after", "enabled", "expected"),
    [
        ("every hour", 0, True, True),
        ("0 6 * * 1-5", 0, True, True),
        ("every hour", 0, False, False),
        ("manual", 0, True, False),
        ("manual", 60, True, False),
        ("after orders", 0, True, False),
        ("after orders", 60, True, True),
    ],
)
def test_who_can_be_late(schedule: str, late_after: int, enabled: bool, expected: bool) -> None:
    """Disabled and manual syncs are never late; one that follows another only by a time that was set."""
    assert concerns(channel(late_after=late_after), sync(schedule), Trouble.LATE, enabled=enabled) is expected
    assert concerns(channel(late_after=late_after), sync(schedule), Trouble.FAILED, enabled=enabled)


def test_who_is_told() -> None:
    """A channel is told the troubles that it names, of the syncs that it names, or of all."""
    assert not concerns(channel(troubles=frozenset({Trouble.LATE})), sync(), Trouble.FAILED, enabled=True)
    assert not concerns(channel(syncs=frozenset({"orders"})), sync(), Trouble.FAILED, enabled=True)
    assert concerns(channel(syncs=frozenset({"people", "orders"})), sync(), Trouble.FAILED, enabled=True)


def test_the_words_of_a_failure() -> None:
    """A notice says what happened, to which sync, with counts and the reason; on one line each, and not too long."""
    one = run(F, 1500, counts={"crm": Counts(delivered=1000, pending=500), "mail": Counts(pending=1500)})
    object.__setattr__(one, "problem", Problem("destination_down", "It is\ndown. " + "x" * 500))
    text = words(sync(), Trouble.FAILED, Finding(True, NOON, one), history(one))
    assert text.splitlines()[:4] == [
        "The sync people failed",
        "Run run-0 failed: 1,500 rows read.",
        "crm: 1,000 delivered, 500 pending.",
        "mail: 0 delivered, 1,500 pending.",
    ]
    assert text.splitlines()[4].startswith("Reason: It is down. xxx")
    assert text.endswith("x… [destination_down]")
    assert len(text) < 600


@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_trouble_has_words(trouble: Trouble) -> None:
    """Each trouble, and the end of each, has a headline of its own that names the sync."""
    headlines = {
        words(sync(), trouble, Finding(is_open, NOON, run()), history(owed=NOON)).splitlines()[0]
        for is_open in (True, False)
    }
    assert len(headlines) == 2
    assert all("people" in headline for headline in headlines)


def test_the_words_of_lateness() -> None:
    """Late says since when a run is owed."""
    text = words(sync(), Trouble.LATE, Finding(True, NOON + HOUR), history(owed=NOON))
    assert text == ("The sync people is late\nIt was due at 2026-11-23 12:00 UTC, and no run has ended well since.")
