"""Schedules: what the words mean, and when a sync is due, daylight saving included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.schedule import After, Cron, Every, Manual, Schedule, next_due, parse


def at(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def moments(first: str, last: str) -> st.SearchStrategy[datetime]:
    return st.datetimes(datetime.fromisoformat(first), datetime.fromisoformat(last), timezones=st.just(UTC))


def dues(schedule: Schedule, after: datetime, anchor: datetime | None = None) -> Iterator[datetime]:
    while (due := next_due(schedule, after, anchor)) is not None:
        yield due
        after = due


@pytest.mark.parametrize(
    ("text", "means", "says"),
    [
        ("manual", Manual(), "manual"),
        ("every minute", Every(60), "every minute"),
        ("every 1 minute", Every(60), "every minute"),
        ("Every  15  Minutes", Every(900), "every 15 minutes"),
        ("every hour", Every(3600), "every hour"),
        ("every 90 minutes", Every(5400), "every 90 minutes"),
        ("every 2 days", Every(172_800), "every 2 days"),
        ("every week", Every(604_800), "every 7 days"),
        ("every day at 06:00", Cron("0 6 * * *"), "at 06:00 every day (UTC)"),
        ("every day at 6:05 Europe/Warsaw", Cron("5 6 * * *", "Europe/Warsaw"), "at 06:05 every day (Europe/Warsaw)"),
        ("0 6 * * 1-5", Cron("0 6 * * 1-5"), "at 06:00 on Monday through Friday (UTC)"),
        (
            "cron 0 6 * * mon-fri America/New_York",
            Cron("0 6 * * MON-FRI", "America/New_York"),
            "at 06:00 on Monday through Friday (America/New_York)",
        ),
        ("*/5 * * * *", Cron("*/5 * * * *"), "every fifth minute of every hour (UTC)"),
        ("after people", After("people"), "after each run of people"),
    ],
)
def test_parse(text: str, means: Schedule, says: str) -> None:
    """Each way to write a schedule has one meaning, and the meaning says itself in words."""
    assert parse(text) == means
    assert str(parse(text)) == says


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Examples: manual"),
        ("sometimes", "Examples: manual"),
        ("every fortnight", "Examples: manual"),
        ("every 0 minutes", "at most once a minute"),
        ("every 59 seconds", "at most once a minute"),
        ("every 367 days", "at least once in 366 days"),
        ("every 999999999 weeks", "ten years"),
        ("every day at 24:00", "The hour of the schedule"),
        ("0 6 * *", "Examples: manual"),
        ("60 6 * * *", "The minute of the schedule"),
        ("0 6 * * 1-5 Europe/Warsow", "Did you mean Europe/Warsaw?"),
        ("0 6 * * 1-5 Nowhere", "IANA"),
        ("0 0 31 4 *", "The day-of-month of the schedule"),
        ("0 0 * * 1 * *", "Examples: manual"),
        (f"{'1,' * 150}1 * * * *", "longer than 200"),
        ("after", "Examples: manual"),
    ],
)
def test_what_is_not_a_schedule(text: str, words: str) -> None:
    """Anything else is refused with what to write instead."""
    with pytest.raises(ValueError, match=re.escape(words)):
        parse(text)


def test_seconds_are_asked_for() -> None:
    """Less than a minute is for those who say so."""
    assert parse("every 5 seconds", seconds=True) == Every(5)
    with pytest.raises(ValueError, match="once a minute"):
        parse("every 0 seconds", seconds=True)


PIECES = ["0", "1", "*/5", "L", "LW", "#", "1#2", "5L", ",", "-", "/", "MON", "cron", "every", "at", "UTC"]


@settings(deadline=None)
@given(st.text(max_size=40) | st.lists(st.sampled_from(PIECES)).map(" ".join))
def test_any_text(text: str) -> None:
    """Any text is a schedule that has words and a next time, or is refused with a message."""
    try:
        schedule = parse(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - both ends are right
    else:
        assert str(schedule)
        next_due(schedule, at("2026-01-01"))


def test_events_are_not_due_by_time() -> None:
    """Manual syncs, and those after another, have no next time."""
    assert next_due(Manual(), at("2026-01-01"), at("2026-01-02")) is None
    assert next_due(After("people"), at("2026-01-01")) is None


@given(
    st.integers(60, 10**6),
    moments("1990-01-01", "2090-01-01"),
    moments("1990-01-01", "2090-01-01"),
)
def test_intervals(seconds: int, after: datetime, anchor: datetime) -> None:
    """Due is the first moment, later than given, that lies whole intervals from the anchor, and none before it."""
    due = next_due(Every(seconds), after, anchor)
    assert due is not None
    assert due > after
    assert due >= anchor
    assert (due - anchor) % timedelta(seconds=seconds) == timedelta(0)
    assert due == anchor or due - timedelta(seconds=seconds) <= after


def test_intervals_know_no_daylight_saving() -> None:
    """Intervals are of absolute time, whatever zone the moments are given in."""
    warsaw = ZoneInfo("Europe/Warsaw")
    start = datetime(2026, 3, 28, 12, tzinfo=warsaw)
    due = next_due(Every(86_400), start, start)
    assert due == at("2026-03-29T11:00")
    assert due.astimezone(warsaw).hour == 13


def test_an_interval_without_anchor_counts_from_1970() -> None:
    """So `every 15 minutes` is due at the quarters of the hour."""
    assert next_due(Every(900), at("2026-01-01T10:07:30.5")) == at("2026-01-01T10:15")


def test_cron_follows_the_clock_of_its_zone() -> None:
    """Six in the morning stays six in the morning, in winter and in summer."""
    winter = next_due(parse("0 6 * * 1-5 Europe/Warsaw"), at("2026-03-27T12:00"))
    assert winter == at("2026-03-30T04:00")  # Friday noon → Monday, summer time since Sunday
    assert next_due(parse("0 6 * * 1-5"), at("2026-03-27T12:00")) == at("2026-03-30T06:00")


def test_cron_where_the_clock_jumps() -> None:
    """02:30 does not exist on the last Sunday of March: the run comes at 03:00 sharp, once."""
    found = list(islice(dues(parse("30 2 * * * Europe/Warsaw"), at("2026-03-28T00:00")), 3))
    assert found == [at("2026-03-28T01:30"), at("2026-03-29T01:00"), at("2026-03-30T00:30")]


def test_cron_where_the_clock_shows_a_time_twice() -> None:
    """02:30 comes twice on the last Sunday of October: the run comes the first time only, from wherever one asks."""
    found = list(islice(dues(parse("30 2 * * * Europe/Warsaw"), at("2026-10-24T12:00")), 2))
    assert found == [at("2026-10-25T00:30"), at("2026-10-26T01:30")]
    assert next_due(parse("30 2 * * * Europe/Warsaw"), at("2026-10-25T01:15")) == at("2026-10-26T01:30")


def test_cron_of_every_hour_runs_in_every_hour() -> None:
    """A line that begins with * runs in both of the hours that look alike."""
    found = list(islice(dues(parse("*/30 * * * * Europe/Warsaw"), at("2026-10-25T00:00")), 4))
    assert found == [at(f"2026-10-25T{time}") for time in ("00:30", "01:00", "01:30", "02:00")]


def test_nothing_is_due_before_the_start() -> None:
    """The start itself counts if the line allows it."""
    daily = parse("every day at 06:00")
    assert next_due(daily, at("2026-01-01"), at("2026-02-01T06:00")) == at("2026-02-01T06:00")
    assert next_due(daily, at("2026-01-01"), at("2026-02-01T06:00:00.5")) == at("2026-02-02T06:00")
    assert next_due(daily, at("2026-03-01"), at("2026-02-01")) == at("2026-03-01T06:00")


def test_moments_carry_a_zone() -> None:
    """A moment without a zone would mean whatever this machine's zone is; it is refused."""
    with pytest.raises(ValueError, match="time zone"):
        next_due(Every(60), datetime.fromisoformat("2026-01-01"))


def test_the_end_of_time() -> None:
    """Beyond the last year there is no next time, and no error."""
    assert next_due(Every(86_400), at("9999-12-31T23:00")) is None
    assert next_due(parse("0 6 1 1 *"), at("9999-06-01")) is None


LINES = [
    "0 6 * * *",
    "*/20 * * * *",
    "30 2 * * 0",
    "15,45 0-3 * * *",
    "0 */6 * * *",
    "59 23 L * *",
    "30 1 29 2 *",
    "0 0 13 * 5",
]
ZONES = ["UTC", "Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(LINES),
    st.sampled_from(ZONES),
    moments("2020-01-01", "2035-01-01"),
    st.timedeltas(timedelta(0), timedelta(days=2)),
)
def test_asking_later_gives_the_same_times(line: str, zone: str, after: datetime, later: timedelta) -> None:
    """Due times grow, and do not depend on when one asks: a scheduler that was away finds the same ones."""
    schedule = Cron(line, zone)
    times = list(islice(dues(schedule, after), 12))
    assert times == sorted(set(times))
    assert times[0] > after
    asked = after + later
    expected = [due for due in times if due > asked]
    if expected:
        assert next_due(schedule, asked) == expected[0]
        elsewhere = asked.astimezone(timezone(timedelta(hours=5, minutes=30)))
        assert next_due(schedule, elsewhere) == expected[0]
