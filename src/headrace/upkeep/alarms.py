"""The alarms: they watch what becomes of runs, and owe each channel one notice per change of state.

Any number of processes may look at the same store: the store lets one of them turn a state, with its notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from headrace.alerting import AlertState, Channel, History, News, Trouble, concerns, find, words
from headrace.due import Due
from headrace.model import Sync
from headrace.ports import Clock
from headrace.project import Project
from headrace.store_port import Store

OVERLAP = timedelta(minutes=2)  # looked back beyond the last look: other processes' clocks and commits differ
SETTLED = timedelta(minutes=1)  # after a change of the configuration, until all processes have read it

_Key = tuple[str, str, Trouble]


class Alarms:
    """`look` is to be called every few seconds. What a look costs grows with the runs that ended, not with the syncs.

    ``project`` gives the configuration as it is now.
    """

    def __init__(self, store: Store, clock: Clock, project: Callable[[], Project]) -> None:
        self._store, self._clock, self._current = store, clock, project
        self._looked: datetime | None = None
        self._known: set[str] = set()  # runs that ended, within the overlap
        self._histories: dict[str, History] = {}
        self._passed: dict[str, datetime] = {}  # due times that had passed at the last look
        self._judged: Project | None = None  # the configuration by which all syncs were judged
        self._unwanted: dict[_Key, datetime] = {}  # open troubles that concern nobody any more, since when

    async def look(self) -> int:
        """See what ended, and what is late; returns how many notices are owed for it."""
        project, now = self._current(), self._clock.now()
        told = {
            (state.channel, state.sync, state.trouble): state
            for state in await self._store.alert_states(only_open=True)
        }
        if not project.alerts and not told:
            self._looked = None  # whoever is told first shall hear what is open then
            return 0
        dues = {due.sync: due for due in await self._store.dues()}
        news = await self._store.run_news(None if self._looked is None else self._looked - OVERLAP)
        changed = await self._read(project, news)
        owing = self._owing(project, news, dues, now)
        self._looked = now
        wanted = changed | owing.keys() | {sync for _, sync, _ in told}
        turned = 0
        for sync in project.syncs.values() if project is not self._judged else map(project.syncs.get, wanted):
            if sync is not None:
                history = replace(self._histories[sync.name], owed=owing.get(sync.name))
                for channel in project.alerts.values():
                    turned += await self._turn(channel, sync, history, _enabled(sync, dues), told, now)
        self._judged = project
        await self._drop(project, dues, told.values(), now)
        return turned

    async def _read(self, project: Project, news: News) -> set[str]:
        """Read again how those syncs fare of which runs ended; returns which."""
        if self._looked is None:
            self._histories.clear()
        fresh = {sync for run, sync in news.ended.items() if run not in self._known}
        self._known = set(news.ended)
        changed = {name for name in project.syncs if name in fresh or name not in self._histories}
        for name, history in (await self._store.histories(sorted(changed))).items():
            self._histories[name] = _earliest(self._histories.get(name), history)
        return changed

    def _owing(self, project: Project, news: News, dues: dict[str, Due], now: datetime) -> dict[str, datetime]:
        """Since when each sync owes a good run; those that owe none are left out."""
        passed = {
            name: due.next_due
            for name, due in dues.items()
            if due.next_due is not None and due.next_due <= now and due.enabled is not False
        }
        # A due time that had passed at the last look already: the scheduler is late itself.
        missed = {name: due for name, due in passed.items() if self._passed.get(name) == due}
        self._passed = passed
        owing = {}
        for name in project.syncs:
            history = self._histories[name]
            came_up = history.owed, news.live.get(name), history.since_good(missed.get(name))
            if known := [moment for moment in came_up if moment is not None]:
                owing[name] = min(known)
        return owing

    async def _turn(
        self, channel: Channel, sync: Sync, history: History, enabled: bool, told: dict[_Key, AlertState], now: datetime
    ) -> int:
        """Turn what has changed for a channel; returns how many notices that makes."""
        turned = 0
        for trouble in Trouble:
            if not concerns(channel, sync, trouble, enabled=enabled):
                continue
            finding, state = find(channel, sync, trouble, history, now), told.get((channel.name, sync.name, trouble))
            if finding is None or finding.open == (state is not None):
                continue
            if state is not None and finding.since < state.since:
                continue
            run = finding.run.id if finding.run else None
            new = AlertState(channel.name, sync.name, trouble, finding.open, finding.since, run)
            turned += await self._store.turn_alert(new, words(sync, trouble, finding, history), now)
        return turned

    async def _drop(self, project: Project, dues: dict[str, Due], told: Iterable[AlertState], now: datetime) -> None:
        """Forget troubles that concern no channel any more: one that is gone, a sync that is gone or disabled."""
        unwanted: dict[_Key, datetime] = {}
        for state in told:
            channel, sync = project.alerts.get(state.channel), project.syncs.get(state.sync)
            if channel and sync and concerns(channel, sync, state.trouble, enabled=_enabled(sync, dues)):
                continue
            key = (state.channel, state.sync, state.trouble)
            since = self._unwanted.get(key, now)
            if now - since >= SETTLED:
                await self._store.forget_alert(state)
            else:
                unwanted[key] = since
        self._unwanted = unwanted


def _enabled(sync: Sync, dues: dict[str, Due]) -> bool:
    due = dues.get(sync.name)
    return sync.enabled if due is None or due.enabled is None else due.enabled


def _earliest(before: History | None, history: History) -> History:
    """What was owed before is owed still, unless a run ended well since; the store looks only so far back."""
    still = history.since_good(before.owed) if before is not None else None
    if still is None or history.owed is None:
        return history
    return replace(history, owed=min(still, history.owed))
