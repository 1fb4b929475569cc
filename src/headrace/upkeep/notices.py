"""The outbox of alerts: notices that are owed are sent, and tried again for a day."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta

from headrace.alerting import Notice
from headrace.errors import HeadraceError
from headrace.ports import Clock
from headrace.project import Project
from headrace.store_port import Store
from headrace.upkeep.messages import Messenger, message

FIRST_WAIT = 30.0  # seconds until the second try; each further wait is twice as long
LONGEST_WAIT = 2 * 3600.0
GIVE_UP_AFTER = timedelta(days=1)


class Notices:
    """`send_due` is to be called every few seconds. Each notice is sent by one process, at least once."""

    def __init__(self, store: Store, clock: Clock, project: Callable[[], Project], messenger: Messenger) -> None:
        self._store, self._clock, self._project, self._messenger = store, clock, project, messenger

    async def send_due(self) -> int:
        """Send what is owed now; returns how many were sent. Channels do not wait for one another."""
        owed: dict[str, list[Notice]] = defaultdict(list)
        for notice in await self._store.owed_notices(self._clock.now()):
            owed[notice.channel].append(notice)
        async with asyncio.TaskGroup() as channels:
            sending = [channels.create_task(self._send_in_turn(notices)) for notices in owed.values()]
        return sum(task.result() for task in sending)

    async def _send_in_turn(self, notices: Sequence[Notice]) -> int:
        """Send the notices of one channel, until it fails; returns how many were sent."""
        for sent, notice in enumerate(notices):
            if not await self._send(notice):
                return sent
        return len(notices)

    async def _send(self, notice: Notice) -> bool:
        """False where the channel did not take it, or another process is at it."""
        if not await self._store.claim_notice(notice, self._clock.now() + _wait(notice.tries)):
            return False
        project = self._project()
        channel = project.alerts.get(notice.channel)
        if channel is None:
            problem = f"The channel {notice.channel!r} is not configured any more."
            await self._store.notice_failed(notice.id, problem, again=False)
            return False
        try:
            remark = await self._messenger.bring(channel, message(notice, project.service.public_url))
        except HeadraceError as error:
            again = self._clock.now() + _wait(notice.tries) - notice.at < GIVE_UP_AFTER
            await self._store.notice_failed(notice.id, f"{error.message} [{error.code}]", again=again)
            return False
        await self._store.notice_sent(notice.id, self._clock.now(), remark)
        return True


def _wait(tries: int) -> timedelta:
    return timedelta(seconds=min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries, 20)))
