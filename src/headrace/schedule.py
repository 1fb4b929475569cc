"""When a sync is due: the words of ``schedule:`` as values, and the next moment as a pure function.

    manual                                     only when somebody says so
    every 15 minutes | every hour | every 2 days
    every day at 06:00 [Europe/Warsaw]         cron in words; UTC where no zone is named
    0 6 * * 1-5 [Europe/Warsaw]                five cron fields; `cron` may stand before them
    after orders                               when a run of the sync `orders` has delivered

Intervals are of absolute time and know no daylight saving. Cron lines follow the clock of their zone, as Debian's
cron does: where the clock jumps over the time, the run comes right after the jump; where the clock shows the time
twice, the run comes the first time. Lines whose minute or hour begins with ``*`` run in every hour there is.
"""

from __future__ import annotations

import difflib
import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from cronsim import CronSim, CronSimError

from headrace import durations

SHORTEST = 60  # seconds between two runs
LONGEST = 366 * 86_400
LONGEST_LINE = 200  # characters
EXAMPLES = "Examples: manual, every 15 minutes, every day at 06:00 Europe/Warsaw, 0 6 * * 1-5, after other_sync"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVERY = re.compile(r"every(?: ([0-9]{1,9}))? (second|minute|hour|day|week)s?", re.ASCII | re.IGNORECASE)
_DAILY = re.compile(r"every day at ([0-9]{1,2}):([0-9]{2})(?: (\S+))?", re.ASCII | re.IGNORECASE)
_CRON = re.compile(r"(?:cron )?([0-9*]\S*(?: \S+){4})(?: (\S+))?", re.ASCII | re.IGNORECASE)
_AFTER = re.compile(r"after (\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Manual:
    """Never due by itself."""

    def __str__(self) -> str:
        return "manual"


@dataclass(frozen=True, slots=True)
class Every:
    """Due at the anchor, and every ``seconds`` from there."""

    seconds: int

    def __str__(self) -> str:
        words = durations.describe(self.seconds)
        return f"every {words.removeprefix('1 ')}"


@dataclass(frozen=True, slots=True)
class Cron:
    """Due when the clock of ``zone`` shows a time that the five fields of ``line`` allow."""

    line: str
    zone: str = "UTC"

    def __str__(self) -> str:
        words = CronSim(self.line, _EPOCH).explain()
        return f"{words[:1].lower()}{words[1:]} ({self.zone})"


@dataclass(frozen=True, slots=True)
class After:
    """Due when a run of another sync has ended well; the scheduler's event, not a time."""

    sync: str

    def __str__(self) -> str:
        return f"after each run of {self.sync}"


Schedule = Manual | Every | Cron | After


@lru_cache(maxsize=1024)
def parse(text: str, *, seconds: bool = False) -> Schedule:
    """The schedule that ``text`` means. Raises `ValueError` whose message holds the fix.

    ``seconds`` lifts the minimum of one minute, for demonstrations and tests.
    """
    words = " ".join(text.split())
    if words.lower() == "manual":
        return Manual()
    if match := _EVERY.fullmatch(words):
        return _every(int(match[1] or 1), match[2].lower(), seconds=seconds)
    if match := _DAILY.fullmatch(words):
        return _cron(f"{int(match[2])} {int(match[1])} * * *", match[3], words)
    if match := _AFTER.fullmatch(words):
        return After(match[1])
    if match := _CRON.fullmatch(words):
        return _cron(match[1], match[2], words)
    raise ValueError(f"This is not a schedule. {EXAMPLES}.")


def next_due(schedule: Schedule, after: datetime, anchor: datetime | None = None) -> datetime | None:
    """The first due moment later than ``after``, in UTC; None if there is none.

    Nothing is due before ``anchor`` (the sync's start). Intervals count from it, or from 1970 where it is absent.
    Both moments carry a zone.
    """
    if after.tzinfo is None or (anchor is not None and anchor.tzinfo is None):
        raise ValueError("next_due takes moments with a time zone only.")
    after = after.astimezone(UTC)
    anchor = anchor.astimezone(UTC) if anchor is not None else None
    try:
        match schedule:
            case Every(seconds):
                return _next_interval(timedelta(seconds=seconds), after, anchor or _EPOCH)
            case Cron(line, zone):
                start = after if anchor is None else max(after, anchor - timedelta(microseconds=1))
                return _next_cron(line, zoneinfo.ZoneInfo(zone), start)
            case _:
                return None
    except OverflowError:  # beyond the year 9999
        return None


def zone(name: str) -> zoneinfo.ZoneInfo:
    """The IANA time zone. Raises `ValueError` whose message proposes the nearest name."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = {key.lower(): key for key in zoneinfo.available_timezones()}
        near = difflib.get_close_matches(name.lower(), known, n=1)
        hint = f"Did you mean {known[near[0]]}?" if near else "Use an IANA name like UTC or Europe/Warsaw."
        raise ValueError(f"The time zone {name!r} is not known. {hint}") from None


def _every(count: int, unit: str, *, seconds: bool) -> Every:
    length = durations.parse(f"{count} {unit}")
    if length < (1 if seconds else SHORTEST):
        raise ValueError("A sync runs at most once a minute. Write every minute, or a longer interval.")
    if length > LONGEST:
        raise ValueError("A sync runs at least once in 366 days. Write a shorter interval, or manual.")
    return Every(length)


def _cron(line: str, zone_name: str | None, words: str) -> Cron:
    if len(line) > LONGEST_LINE:
        raise ValueError(f"The cron line is longer than {LONGEST_LINE} characters. Write a shorter one.")
    cron = Cron(line.upper(), zone(zone_name).key if zone_name else "UTC")
    try:
        first = _next_cron(cron.line, UTC, datetime(2024, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        fault = str(error).removeprefix("Bad ")
        raise ValueError(f"The {fault} of the schedule {words!r} is not valid. {EXAMPLES}.") from None
    if first is None:
        raise ValueError(f"The schedule {words!r} never comes due. {EXAMPLES}.")
    return cron


def _next_interval(step: timedelta, after: datetime, anchor: datetime) -> datetime:
    if after < anchor:
        return anchor
    return anchor + ((after - anchor) // step + 1) * step


def _next_cron(line: str, tz: tzinfo, after: datetime) -> datetime | None:
    for moment in CronSim(line, after.astimezone(tz)):
        due = moment.astimezone(UTC)
        if due > after:  # in the hour that the clock shows twice, cronsim names the first once more
            return due
    return None
