"""Alerts: what is worth telling about a sync, once per change of state. Pure rules, and what the store keeps.

A rule has three answers: the trouble is there, it is over, or the runs say nothing about it (a cancelled run, a
failed one to the question whether rows are delivered): then all stays as it was told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from headrace.model import Run, RunState, Sync
from headrace.schedule import After, Cron, Every, next_due, parse

LATE_AT_LEAST = 15 * 60  # seconds that a run may always be late, unless the channel says otherwise
ROWS_ARE_USUAL = 3  # good runs in a row that had rows make an empty one remarkable
VERDICTS = (RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED)  # ends that say how a sync fares
GOOD = (RunState.SUCCEEDED, RunState.PARTIAL)
BY_ITSELF = ("schedule", "after")  # triggers of runs that nobody asked for


class Trouble(StrEnum):
    FAILED = "failed"  # the newest run failed
    PARTIAL = "partial"  # more rows than the threshold were not delivered
    LATE = "late"  # a run has not ended well for longer than it may take
    EMPTY = "empty"  # no rows where rows are usual


@dataclass(frozen=True, slots=True)
class Channel:
    """Where alerts go. ``settings`` by type: email {to: […]}, slack {url}, webhook {url, signing_secret}."""

    name: str
    type: str  # email | slack | webhook
    settings: Mapping[str, Any]
    troubles: frozenset[Trouble]  # which it is told; recovery from them always
    syncs: frozenset[str] = frozenset()  # empty: all
    partial_above: float = 0.0  # percent of rows that may fail before a run counts as partial
    late_after: int = 0  # seconds beyond the due time; 0: the schedule's own interval, at least 15 minutes
    origin: str = ""  # "headrace.yaml:12", see `headrace.egress.trusted`


@dataclass(frozen=True, slots=True)
class History:
    """What the rules look at: a sync's newest runs that say how it fares, and since when a good one is owed.

    Runs that send rows again are not among them. ``owed`` is when the first run came up after the newest good one had
    ended: it was skipped, or failed, or is not over.
    """

    runs: Sequence[Run] = ()  # ended as one of `VERDICTS`, the newest first
    owed: datetime | None = None

    @property
    def good(self) -> Run | None:
        """The newest that ended well."""
        return next((run for run in self.runs if run.state in GOOD), None)

    def since_good(self, moment: datetime | None) -> datetime | None:
        """The moment, unless a run ended well since."""
        good = self.good.ended_at if self.good is not None else None
        return moment if moment is None or good is None or good < moment else None


@dataclass(frozen=True, slots=True)
class News:
    """What happened since a moment: ``ended`` is run id → sync, ``live`` sync → when a run came up by itself."""

    ended: Mapping[str, str]
    live: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of a rule: whether the trouble is there, since when, and the run that shows it."""

    open: bool
    since: datetime
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class AlertState:
    """What a channel was last told about one trouble of a sync."""

    channel: str
    sync: str
    trouble: Trouble
    open: bool
    since: datetime
    run: str | None


@dataclass(frozen=True, slots=True)
class Notice:
    """One message that is owed to a channel: kept until it is sent."""

    id: int
    channel: str
    sync: str
    trouble: Trouble
    recovered: bool
    run: str | None
    text: str
    at: datetime
    tries: int = 0
    next_try: datetime | None = None  # None: sent, or given up
    problem: str = ""  # why the last try failed; of a sent one, what was not perfect
    sent_at: datetime | None = None


# ----------------------------------------------------------------------------------------------------------- rules


def concerns(channel: Channel, sync: Sync, trouble: Trouble, *, enabled: bool) -> bool:
    """Whether the channel is to be told of this trouble of the sync, should it occur."""
    wanted = trouble in channel.troubles and (not channel.syncs or sync.name in channel.syncs)
    if trouble is Trouble.LATE:
        return wanted and enabled and _has_due_times(channel, sync)
    return wanted


def find(channel: Channel, sync: Sync, trouble: Trouble, history: History, now: datetime) -> Finding | None:
    """What the sync's runs say about a trouble, by the channel's thresholds; None where they say nothing."""
    match trouble:
        case Trouble.FAILED:
            return next((_found(run, bad=run.state is RunState.FAILED) for run in history.runs), None)
        case Trouble.PARTIAL:
            newest = history.runs[0] if history.runs else None
            if newest is None or newest.state is RunState.FAILED:
                return None
            return _found(newest, bad=undelivered(newest) > channel.partial_above)
        case Trouble.LATE:
            return _late(channel, sync, history, now)
        case Trouble.EMPTY:
            return _empty([run for run in history.runs if run.state in GOOD])


def undelivered(run: Run) -> float:
    """Percent of a run's rows that its worst destination did not take, or that became no call."""
    lost = max((counts.invalid + counts.rejected for counts in run.counts.values()), default=run.unmapped)
    return 100.0 * lost / run.extracted if run.extracted else 0.0


def _found(run: Run, *, bad: bool) -> Finding:
    return Finding(bad, run.ended_at or run.created_at, run)


def _late(channel: Channel, sync: Sync, history: History, now: datetime) -> Finding | None:
    if history.owed is not None:
        latest = history.owed + _grace(channel, sync, history.owed)
        if now >= latest:
            return Finding(True, latest)
    return _found(history.good, bad=False) if history.good is not None else None


def _empty(good: Sequence[Run]) -> Finding | None:
    """An empty run after empty ones says nothing: if rows were missed, that was told with the first."""
    if not good:
        return None
    newest, before = good[0], good[1 : 1 + ROWS_ARE_USUAL]
    if newest.extracted:
        return _found(newest, bad=False)
    usual = len(before) == ROWS_ARE_USUAL and all(run.extracted for run in before)
    return _found(newest, bad=True) if usual else None


def _has_due_times(channel: Channel, sync: Sync) -> bool:
    schedule = parse(sync.schedule, seconds=True)
    return isinstance(schedule, Every | Cron) or (isinstance(schedule, After) and channel.late_after > 0)


def _grace(channel: Channel, sync: Sync, due: datetime) -> timedelta:
    """How long after a due time a run may take to end well."""
    if channel.late_after:
        return timedelta(seconds=channel.late_after)
    schedule = parse(sync.schedule, seconds=True)
    following = next_due(schedule, due) if isinstance(schedule, Cron) else None
    interval = following - due if following else timedelta(seconds=getattr(schedule, "seconds", 0))
    return max(timedelta(seconds=LATE_AT_LEAST), interval)


# ----------------------------------------------------------------------------------------------------------- words

_HEADLINES = {  # trouble → while it is there, when it is over
    Trouble.FAILED: ("The sync {} failed", "The sync {} has recovered"),
    Trouble.PARTIAL: ("The sync {} did not deliver all rows", "The sync {} delivers its rows again"),
    Trouble.LATE: ("The sync {} is late", "The sync {} has caught up"),
    Trouble.EMPTY: ("The sync {} had no rows", "The sync {} has rows again"),
}
_LONGEST_REASON = 300  # characters


def words(sync: Sync, trouble: Trouble, finding: Finding, history: History) -> str:
    """The text of a notice: a headline, and a few lines. It holds counts and reasons, and no values of rows."""
    lines = [_HEADLINES[trouble][0 if finding.open else 1].format(sync.name)]
    if trouble is Trouble.LATE and finding.open:
        due = "its last due time" if history.owed is None else f"{history.owed:%Y-%m-%d %H:%M} UTC"
        lines.append(f"It was due at {due}, and no run has ended well since.")
    if trouble is Trouble.EMPTY and finding.open:
        lines.append(f"The {ROWS_ARE_USUAL} good runs before had some.")
    if finding.run is not None:
        lines += _told(finding.run)
    return "\n".join(lines)


def _told(run: Run) -> list[str]:
    """A run in a few lines."""
    lines = [f"Run {run.id} {run.state}: {run.extracted:,} rows read."]
    for destination, counts in run.counts.items():
        told = {"delivered": counts.delivered, "duplicate": counts.duplicate, "invalid": counts.invalid}
        told |= {"rejected": counts.rejected, "pending": counts.pending}
        numbers = ", ".join(f"{count:,} {what}" for what, count in told.items() if count or what == "delivered")
        lines.append(f"{destination}: {numbers}.")
    if run.problem is not None:
        reason = " ".join(run.problem.message.split())
        cut = reason if len(reason) <= _LONGEST_REASON else reason[:_LONGEST_REASON] + "…"
        lines.append(f"Reason: {cut} [{run.problem.code}]")
    return lines


# ----------------------------------------------------------------------------------------------------------- store


class AlertStore(Protocol):
    async def run_news(self, since: datetime | None) -> News:
        """Runs that ended at or after a moment (None: none), and those that live."""
        ...

    async def histories(self, syncs: Sequence[str]) -> dict[str, History]:
        """Of each sync."""
        ...

    async def alert_states(self, *, only_open: bool = False) -> list[AlertState]: ...

    async def turn_alert(self, state: AlertState, text: str, at: datetime) -> bool:
        """In one transaction: open or close a trouble where that changes something, and owe the channel a notice.

        False, and nothing owed, where another process was first, or knows something newer than ``state.since``.
        """
        ...

    async def forget_alert(self, state: AlertState) -> None:
        """Forget what a channel was told about a trouble; nobody is told."""
        ...

    async def owed_notices(self, now: datetime, limit: int = 500) -> list[Notice]:
        """Those whose next try has come, the oldest first."""
        ...

    async def claim_notice(self, notice: Notice, next_try: datetime) -> bool:
        """Count a try, where nobody else has; whoever gets True sends it."""
        ...

    async def notice_sent(self, notice_id: int, at: datetime, remark: str = "") -> None:
        """The channel has it; ``remark`` says what was not perfect."""
        ...

    async def notice_failed(self, notice_id: int, problem: str, *, again: bool) -> None:
        """Not sent: to be tried again at its ``next_try``, or given up."""
        ...

    async def notices(self, limit: int = 50, before: int | None = None) -> Sequence[Notice]:
        """The newest first; ``before`` is the id of one."""
        ...

    async def forget_notices(self, before: datetime) -> int:
        """Forget those made before a moment that are not owed any more; returns how many."""
        ...
