"""The hub: what happens, for those who watch. One per process; at rest while nobody does.

    ledger: runs, kept calls, due times, notices ──► Hub, twice a second ──► a Follower per client ──► its WebSocket
    jobs of this process, calls just received ─────┘  only what changed       bounded; the oldest goes first

Each message is made once, whoever gets it. Topics and messages: docs/reference/events.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from headrace.aio import first
from headrace.api.calls import KeptCallShown
from headrace.api.schemas import RunShown
from headrace.calls.received import Received
from headrace.datain import CallFilter
from headrace.errors import HeadraceError
from headrace.model import Run
from headrace.ports import Clock
from headrace.run.job import Job
from headrace.serve.watching import CallWatch, NoticeWatch, RunWatch, SyncWatch
from headrace.store_port import Store

log = logging.getLogger(__name__)

EVERY = 0.5  # seconds between two looks
ROOM = 256  # messages that wait for a client
_SELDOM = 4  # every so many looks: what people change
_NOTICE = ("id", "channel", "sync", "trouble", "recovered", "run", "text", "at")


class Follower:
    """One client. A slow one loses the oldest messages, is told how many, and holds nobody up."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: deque[str] = deque()
        self._missed = 0
        self._arrived = asyncio.Event()
        self._ended = False

    def follow(self, topic: str, wanted: CallFilter) -> None:
        """Begin with a topic, or go on with another filter."""
        self._hub.join(self, topic, wanted)

    def unfollow(self, topic: str) -> None:
        self._hub.part(self, topic)

    def tell(self, message: str) -> None:
        """Queue a message; where there is no room, the oldest goes."""
        if len(self._waiting) == ROOM:
            self._waiting.popleft()
            self._missed += 1
        self._waiting.append(message)
        self._arrived.set()

    async def next(self) -> str | None:
        """The next message; None when the service stops."""
        while not (self._waiting or self._ended):
            self._arrived.clear()
            await self._arrived.wait()
        if self._ended:
            return None
        if self._missed:
            missed, self._missed = self._missed, 0
            return json.dumps({"missed": missed})
        return self._waiting.popleft()

    def let_go(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._arrived.set()

    def close(self) -> None:
        """The client is gone."""
        self._hub.leave(self)


class Hub:
    """Tells followers what happens. ``jobs`` are the runs that this process carries; ``status`` gives facts of it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        jobs: Mapping[str, Job],
        status: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._store, self._clock, self._jobs, self._status = store, clock, jobs, status
        self._followers: set[Follower] = set()
        self._topics: dict[str, dict[Follower, CallFilter]] = defaultdict(dict)
        self._newcomers: dict[tuple[Follower, str], CallFilter] = {}
        self._joined = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._looks = 0
        self._begin()

    def _begin(self) -> None:
        """Know nothing, as after a rest."""
        self._runs, self._calls = RunWatch(self._store, self._clock), CallWatch(self._store)
        self._syncs, self._notices = SyncWatch(self._store), NoticeWatch(self._store)
        self._told: dict[str, str] = {}  # live run → what was told of it last; likewise `status`

    # ----------------------------------------------------------------------------------------------- those who watch

    def follower(self) -> Follower:
        """A new client, which follows nothing yet."""
        follower = Follower(self)
        self._followers.add(follower)
        return follower

    def join(self, follower: Follower, topic: str, wanted: CallFilter) -> None:
        self._newcomers[follower, topic] = wanted
        self._joined.set()
        if self._looking is None:
            self._begin()
            self._looking = asyncio.create_task(self._keep_looking(), name="live events")

    def part(self, follower: Follower, topic: str) -> None:
        self._newcomers.pop((follower, topic), None)
        self._topics[topic].pop(follower, None)
        if not self._topics[topic]:
            del self._topics[topic]

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)
        for topic in [*self._topics, *(topic for one, topic in self._newcomers if one is follower)]:
            self.part(follower, topic)
        if not self._followers and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def close(self) -> None:
        """Let all clients go."""
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking
        for follower in self._followers:
            follower.let_go()

    # -------------------------------------------------------------------------------------------------- what happens

    def received(self, source: str, calls: Iterable[Received]) -> None:
        """Calls that a source of type `http` accepted right now. Costs nothing while nobody watches."""
        if "calls" in self._topics:
            self._calls.received(source, calls)

    async def _keep_looking(self) -> None:
        troubled = ""
        while True:
            self._joined.clear()
            try:
                await self._look()
                troubled = ""
            except Exception as error:  # noqa: BLE001  who watches goes on when the store is back
                reason = error.message if isinstance(error, HeadraceError) else repr(error)
                if reason != troubled:
                    log.warning("no live events", extra={"reason": reason})
                troubled = reason
            await first(self._clock.sleep(EVERY), self._joined.wait())

    async def _look(self) -> None:
        """Tell what has changed to those who follow it, then let newcomers in: first where things stand, then news."""
        newcomers = dict(self._newcomers)
        wanted = {topic.partition("/")[0] for topic in (*self._topics, *(topic for _, topic in newcomers))}
        seldom = self._looks % _SELDOM == 0 or bool(newcomers)
        self._looks += 1
        if wanted & {"runs", "run"}:
            await self._look_at_runs()
        if "calls" in wanted:
            await self._look_at_calls()
        if "syncs" in wanted and seldom and (changed := await self._syncs.look()) is not None:
            self._tell("syncs", _message("syncs", changed))
        if "alerts" in wanted and seldom:
            for notice in await self._notices.look():
                self._tell("alerts", _message("alerts", {name: getattr(notice, name) for name in _NOTICE}))
        if "status" in wanted and seldom:
            await self._look_at_status()
        for (follower, topic), calls in newcomers.items():
            standing = await self._standing(topic)
            if self._newcomers.pop((follower, topic), None) is None:  # it left meanwhile
                continue
            follower.tell(json.dumps({"subscribed": topic}))
            for message in standing:
                follower.tell(message)
            self._topics[topic][follower] = calls

    async def _look_at_runs(self) -> None:
        live, ended = await self._runs.look()
        for run in live:
            self._tell_run(run)
        for run in ended:
            self._tell_run(run)
            self._told.pop(run.id, None)

    def _tell_run(self, run: Run) -> None:
        text = self._run_text(run)
        if self._told.get(run.id) != text:
            self._told[run.id] = text
            for topic in ("runs", f"run/{run.id}"):
                self._tell(topic, _with_topic(topic, text))

    def _run_text(self, run: Run) -> str:
        return RunShown.of(run, self._jobs.get(run.id)).model_dump_json()

    async def _look_at_calls(self) -> None:
        calls, missed = await self._calls.look()
        followers = list(self._topics.get("calls", {}).items())
        for call in calls:
            text = ""
            for follower, wanted in followers:
                if wanted.takes(call):
                    text = text or _with_topic("calls", KeptCallShown.of(call).model_dump_json())
                    follower.tell(text)
        if missed:
            self._tell("calls", json.dumps({"topic": "calls", "missed": missed}))

    async def _look_at_status(self) -> None:
        facts = {"live_runs": len(await self._store.live_run_ids()), "runs_here": len(self._jobs), **self._status()}
        text = _message("status", facts)
        if self._told.get("status") != text:
            self._told["status"] = text
            self._tell("status", text)

    async def _standing(self, topic: str) -> list[str]:
        """Where things stand, for one who begins to follow."""
        name, _, run_id = topic.partition("/")
        if name == "run":
            run = await self._store.run(run_id)
            if run is None:
                message = f"There is no run {run_id!r}. It may be older than runs are kept."
                return [json.dumps({"error": {"code": "unknown_run", "message": message, "findings": []}})]
            return [_with_topic(topic, self._run_text(run))]
        if name == "runs":
            return [_with_topic(topic, text) for thing, text in self._told.items() if thing != "status"]
        if name == "syncs":
            return [_message(topic, self._syncs.all)]
        return [self._told["status"]] if name == "status" else []

    def _tell(self, topic: str, message: str) -> None:
        for follower in list(self._topics.get(topic, ())):
            follower.tell(message)


def _message(topic: str, data: Mapping[str, Any]) -> str:
    return json.dumps({"topic": topic, "data": data}, default=datetime.isoformat)


def _with_topic(topic: str, data: str) -> str:
    """The same for data that is JSON text already."""
    return f'{{"topic":{json.dumps(topic)},"data":{data}}}'
