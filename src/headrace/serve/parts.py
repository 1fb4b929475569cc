"""The parts of the service, put together over one `App`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from headrace.api.access import Access
from headrace.api.gate import PeopleGate
from headrace.api.main import create_app
from headrace.app import App
from headrace.calls.received import Received
from headrace.ingest.app import Entry, Ingest
from headrace.ingest.keys import Keys
from headrace.model import Run
from headrace.run.dispatcher import Dispatcher
from headrace.run.receiver import Receiver
from headrace.run.scheduler import Scheduler
from headrace.serve.front import Front
from headrace.serve.hub import Hub
from headrace.serve.metrics import Metrics
from headrace.upkeep.alarms import Alarms
from headrace.upkeep.messages import Messenger
from headrace.upkeep.notices import Notices
from headrace.web.site import Site

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What one process is made of."""

    app: App
    access: Access
    scheduler: Scheduler
    dispatcher: Dispatcher
    receiver: Receiver
    hub: Hub
    alarms: Alarms
    notices: Notices
    front: Front

    async def reload(self) -> None:
        """Take up what another process, the API or the command line has changed."""
        if await self.app.reload_if_changed():
            self.scheduler.wake()

    async def receive(self) -> None:
        """Make runs of calls that were received, for the syncs that there are now."""
        await self.reload()
        if await self.receiver.tick():
            self.dispatcher.wake()


@asynccontextmanager
async def assembled(app: App) -> AsyncIterator[Parts]:
    """The parts, ready to be set going; what they hold open is closed at the end."""
    store, clock = app.store, app.clock
    dispatcher = Dispatcher(
        app.engine, store, clock, lambda: app.project.service.runs_at_once, on_end=lambda run: _ended(run, metrics)
    )
    metrics = Metrics(lambda: dispatcher.jobs)
    hub = Hub(store, clock, dispatcher.jobs)

    def received(source: str, calls: Sequence[Received]) -> None:
        metrics.received(source, len(calls))
        hub.received(source, calls)

    gate, messenger = PeopleGate(app), Messenger(app.http, app.guarded, clock, lambda: app.project)
    api = create_app(app, gate)
    api.state.jobs, api.state.wake, api.state.hub, api.state.messenger = (
        dispatcher.jobs, dispatcher.wake, hub, messenger,
    )  # fmt: skip
    api.state.access = Access(app)
    await app.journals.recover()
    entry = Entry(lambda: app.project, Keys(lambda: app.project, store, clock), app.journals, clock, received)
    try:
        yield Parts(
            app=app,
            access=api.state.access,
            scheduler=Scheduler(
                store, clock, lambda: app.project, app.new_run, lambda _: dispatcher.wake(), app.reload_if_changed
            ),
            dispatcher=dispatcher,
            receiver=Receiver(store, app.journals, clock, lambda: app.project, app.new_run),
            hub=hub,
            alarms=Alarms(store, clock, lambda: app.project),
            notices=Notices(store, clock, lambda: app.project, messenger),
            front=Front(app, gate, metrics, api=api, ingest=Ingest(entry), site=Site()),
        )
    finally:
        await hub.close()
        await app.journals.close()


def _ended(run: Run, metrics: Metrics) -> None:
    metrics.ended(run)
    told = {"sync": run.sync, "run": run.id, "state": run.state.value, "rows": run.extracted}
    if run.problem is not None:
        log.warning(run.problem.message, extra=told | {"code": run.problem.code})
    else:
        log.info("a run ended", extra=told)
