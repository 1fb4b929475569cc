"""What is kept no longer than `headrace.service.Retention` says is forgotten here, a kind at a time."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta

from headrace.aio import in_thread
from headrace.app import App

log = logging.getLogger(__name__)

EVERY = 3600.0  # seconds between two looks
MOST_RUNS = 10_000  # of a sync: received calls can make one every few seconds


async def forget(app: App) -> Counter[str]:
    """Forget what is older than it need be; returns how much of each kind went.

    The newest run of each sync stays, however old: it says how the sync stands.
    """
    kept, now = app.project.service.retention, app.clock.now()
    gone: Counter[str] = Counter()
    for run_id in await app.store.forget_runs(now - timedelta(seconds=kept.runs), MOST_RUNS):
        await in_thread(app.errors.discard, run_id)
        gone["runs"] += 1
    live = await app.store.live_runs()
    needed = {run.id for run in live} | {run.spec.get("resends", "") for run in live}
    gone["errors"] = await in_thread(app.errors.forget, (now - timedelta(seconds=kept.errors)).timestamp(), needed)
    gone["calls"] = await app.store.forget_calls(now - timedelta(seconds=kept.calls))
    gone["notices"] = await app.store.forget_notices(now - timedelta(seconds=kept.runs))
    await app.store.forget_sessions(
        now - timedelta(seconds=app.project.service.session_idle),
        now - timedelta(seconds=app.project.service.session_longest),
    )
    await app.store.forget_answered(now - timedelta(days=1))
    await app.tidy()
    if told := {kind: number for kind, number in gone.items() if number}:
        log.info("forgot what was kept long enough", extra=told)
    return gone
