"""Worlds whose destinations remember what they took, and refuse whom they are told to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from headrace.config import sync_to_json
from headrace.ids import run_id
from headrace.model import Counts, Failure, NewRun, Run
from headrace.ports import Batch, Limits, Reply
from headrace.testing.fakes import FakeDestination, World


@dataclass(slots=True)
class Call:
    """A call as it was taken."""

    user: str
    id: str
    body: dict[str, Any]


class Choosy(FakeDestination):
    """Refuses the calls of some users, and keeps the others."""

    def __init__(self, refused: Iterable[str] = (), limits: Limits | None = None) -> None:
        super().__init__(limits=limits)
        self.refused = set(refused)
        self.taken: list[Call] = []

    async def send(self, batch: Batch) -> Reply:
        reply = await super().send(batch)
        calls = [Call(c.get("userId", ""), c["messageId"], c) for c in batch.dicts()]
        failed = {n: Failure("odd", "It is odd.") for n, call in enumerate(calls) if call.user in self.refused}
        self.taken += [call for n, call in enumerate(calls) if n not in failed]
        return replace(reply, failed=failed)

    @property
    def users(self) -> list[str]:
        return sorted(call.user for call in self.taken)


async def resend(world: World, original: Run, *destinations: str) -> Run:
    """Resend a run's failed rows, as `headrace.operations.resend` does, and carry the run."""
    now = world.clock.now()
    spec = {**sync_to_json(world.sync), "resends": original.id}
    name = run_id(now, world.clock.random())
    new = NewRun(name, world.sync.name, "resend", original.cursor, spec, destinations, now, "resend")
    await world.house.store.create_run(new)
    return await world.run()


def told(counts: Counts) -> tuple[int, int, int, int]:
    """Delivered, duplicate, invalid, rejected; nothing is pending."""
    assert counts.pending == 0
    return counts.delivered, counts.duplicate, counts.invalid, counts.rejected
