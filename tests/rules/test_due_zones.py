"""Daylight saving in every zone there is: a daily run comes once each day, also on the days when clocks change.

What is expected is computed here from the zones' rules alone, day by day, and knows nothing of cron.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from headrace.schedule import Cron, next_due

YEARS = range(2022, 2029)
_STEP, _SECOND, _MINUTE, _DAY = timedelta(days=3), timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


@cache
def transitions(zone: ZoneInfo, years: range = YEARS) -> tuple[tuple[datetime, timedelta, timedelta], ...]:
    """Where a zone's clock jumps: the moment, and the offsets before and after it."""
    found = []
    moment, end = datetime(years[0], 1, 1, tzinfo=UTC), datetime(years[-1] + 1, 1, 1, tzinfo=UTC)
    while moment < end:
        if offset(zone, moment) != offset(zone, moment + _STEP):
            early, late = moment, moment + _STEP
            while late - early > _SECOND:
                middle = early + (late - early) // 2 // _SECOND * _SECOND
                early, late = (middle, late) if offset(zone, middle) == offset(zone, early) else (early, middle)
            found.append((late, offset(zone, early), offset(zone, late)))
        moment += _STEP
    return tuple(found)


def offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    given = moment.astimezone(zone).utcoffset()
    assert given is not None
    return given


def expected(zone: ZoneInfo, day: date, at: time, jumps: tuple[tuple[datetime, timedelta, timedelta], ...]) -> datetime:
    """When the clock of a zone shows a time on a day: the first time; where it is jumped over, right after the jump."""
    shown = datetime.combine(day, at)
    for moment, before, after in jumps:
        if (moment + before).replace(tzinfo=None) <= shown < (moment + after).replace(tzinfo=None):
            return moment
    first = min(candidates(zone, shown))
    assert first.astimezone(zone).replace(tzinfo=None) == shown
    return first


def candidates(zone: ZoneInfo, shown: datetime) -> Iterator[datetime]:
    """The moments at which a zone's clock shows this."""
    offsets = {offset(zone, shown.replace(tzinfo=UTC) + hours * timedelta(hours=1)) for hours in (-30, 30)}
    for one in offsets:
        moment = (shown - one).replace(tzinfo=UTC)
        if offset(zone, moment) == one:
            yield moment


def times_around(moment: datetime, before: timedelta, after: timedelta) -> set[time]:
    """Times of day in, at the ends of, and next to what is jumped over or shown twice; and midnight."""
    ends = sorted((moment + one).replace(tzinfo=None) for one in (before, after))
    middle = ends[0] + (ends[1] - ends[0]) / 2
    shown = [ends[0] - _MINUTE, ends[0], middle, ends[1] - _MINUTE, ends[1]]
    return {one.time().replace(second=0, microsecond=0) for one in shown} | {time()}


def fired(schedule: Cron, begin: datetime, end: datetime, lateness: timedelta) -> list[datetime]:
    """The due times that a scheduler finds which looks when one has come, or a little later."""
    due, found = next_due(schedule, begin), list[datetime]()
    while due is not None and due < end:
        found.append(due)
        due = next_due(schedule, due + lateness)
    return found


def distinct_zones() -> dict[str, ZoneInfo]:
    """Every zone whose clock jumps in these years, one for all that jump alike."""
    alike = dict[object, str]()
    for name in sorted(zoneinfo.available_timezones()):
        if jumps := transitions(ZoneInfo(name)):
            alike.setdefault(jumps, name)
    return {name: ZoneInfo(name) for name in alike.values()}


def check(name: str, years: range = YEARS) -> int:
    """Tick through every jump of a zone's clock with schedules around it; how many were ticked through."""
    zone, count = ZoneInfo(name), 0
    jumps = transitions(zone, years)
    for moment, before, after in jumps:
        for at in times_around(moment, before, after):
            days = [(moment.astimezone(zone) + n * _DAY).date() for n in range(-2, 4)]
            due = sorted({expected(zone, day, at, jumps) for day in days})
            begin, end = due[1] - _SECOND, due[-1]
            schedule = Cron(f"{at.minute} {at.hour} * * *", name)
            for lateness in (timedelta(0), timedelta(seconds=50)):
                assert fired(schedule, begin, end, lateness) == due[1:-1], f"{name} {at} {moment}"
            count += 1
    return count


@pytest.mark.slow
def test_every_zone() -> None:
    """In all zones of the database, through every change of clocks in seven years, whatever the time of day: each day's
    run comes once, at its time; at the first where it is shown twice, right after the jump where it is left out."""
    zones = distinct_zones()
    assert len(zones) > 40
    assert sum(check(name) for name in zones) > 2000


@pytest.mark.parametrize(
    ("name", "year"),
    [("Pacific/Apia", 2011), ("Pacific/Kwajalein", 1993), ("America/Juneau", 1983), ("Asia/Pyongyang", 2018)],
)
def test_days_left_out(name: str, year: int) -> None:
    """Where a zone left out a whole day, that day's run comes right after the jump; half-hour moves are followed."""
    assert check(name, range(year, year + 1)) > 0
