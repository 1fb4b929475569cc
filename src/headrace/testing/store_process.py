"""A process of its own over a shared store, as a program: `python -m headrace.testing.store_process WHAT`.

    race NAME        open; create a run of each of `SYNCS` syncs; print the ids of those that were won
    settle RUN       bring a run to delivering, then settle it again and again; print a number after each time

HEADRACE_DATABASE_URL says where. Both print "ready" and wait for a line, so that a test can let them go at once.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import Callable
from dataclasses import replace

from headrace.errors import RunLive
from headrace.model import Delivery
from headrace.store import SqlStore
from headrace.store_port import Store
from headrace.testing.store_samples import deliveries, delivering, new_run

SYNCS = 15  # of a race


async def race(store: Store, name: str, begin: Callable[[], object]) -> list[str]:
    """Open the store, try to create a run of each sync; the ids of those that were created."""
    begin()
    await store.open()
    won = []
    for number in range(SYNCS):
        try:
            run = await store.create_run(new_run(f"{name}@sync-{number}", f"sync-{number}"))
        except RunLive:
            continue
        won.append(run.id)
    await store.close()
    return won


async def settle_for_ever(store: Store, run_id: str) -> None:
    """Settle all deliveries of a run again and again, the number of times in ``settled_at``; print each number."""
    sys.stdin.readline()
    await store.open()
    _, attempt = await delivering(store, new_run(run_id))
    for number in itertools.count(1):
        await store.settle(run_id, attempt, settling(number))
        print(number, flush=True)


def settling(number: int) -> list[Delivery]:
    """What `settle_for_ever` settles for the ``number``-th time."""
    return [replace(delivery, settled_at=number) for delivery in deliveries(outcome=1 + number % 4)]


def main() -> None:
    store = SqlStore(os.environ["HEADRACE_DATABASE_URL"])
    print("ready", flush=True)
    match sys.argv[1:]:
        case ["race", name]:
            print(*asyncio.run(race(store, name, sys.stdin.readline)))
        case ["settle", run_id]:
            asyncio.run(settle_for_ever(store, run_id))


if __name__ == "__main__":
    main()
