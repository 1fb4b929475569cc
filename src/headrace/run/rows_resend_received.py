"""The failed calls of a run whose calls came over HTTP: each is read again as it came."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime

from headrace.calls.mapping import Mapped
from headrace.calls.received import Received
from headrace.calls.received_intake import Sizes, batch, read
from headrace.calls.received_parts import ORDER, as_text, calls_batch, failure_of
from headrace.model import CallKind, Failure
from headrace.run.intake import Findings, Portion
from headrace.run.job import House, Job
from headrace.run.rows_resend import Again, failed_rows, original_of, settled_elsewhere

_ANY_SIZE = Sizes(1 << 30, 1 << 30)  # it was measured when it came


@dataclass(frozen=True, slots=True)
class _Call:
    """A failed call, read again; ``failure`` says why it still is none."""

    again: Again
    received: Received
    failure: Failure | None


class ResendReceived:
    """An `Intake`. As a batch of calls has one kind, there is a pile for each, and one for what still is no call."""

    def __init__(self, house: House, job: Job) -> None:
        self.found = Findings(own_ids=True)
        self._house, self._job = house, job

    async def portions(self) -> AsyncGenerator[Portion, None]:
        house, job = self._house, self._job
        original = await original_of(house, job)
        self.found.as_of = math.floor(house.clock.now().timestamp())
        piles: dict[CallKind | None, list[_Call]] = defaultdict(list)
        sizes: dict[CallKind | None, int] = defaultdict(int)
        async for row in failed_rows(house, job, original):
            call = _read(job, row, original.id, original.created_at)
            kind = None if call.failure else CallKind(call.received.kind)
            piles[kind].append(call)
            sizes[kind] += len(row.row.values)
            if len(piles[kind]) >= house.part_rows or sizes[kind] >= house.part_bytes:
                yield self._portion(kind, piles.pop(kind))
                del sizes[kind]
        for kind in (*ORDER, None):
            if kind in piles:
                yield self._portion(kind, piles[kind])

    def _portion(self, kind: CallKind | None, calls: Sequence[_Call]) -> Portion:
        work = functools.partial(_mapped, kind, calls, self.found.as_of)
        known = functools.partial(settled_elsewhere, self._job, [call.again.owed for call in calls])
        return Portion(len(calls), work, None, own_ids=True, known=known)


def _read(job: Job, again: Again, original: str, at: datetime) -> _Call:
    """The call as it came, under the messageId that it had, or a name of its own by run and row."""
    row = again.row
    sent = read(b'{"batch":[' + row.values.encode() + b"]}")
    [received] = batch(sent, int(at.timestamp() * 1000), _ANY_SIZE, lambda: row.message_id or f"{original}-{row.row}")
    return _Call(again, received, row.failure if received.code else failure_of(received, job.sync.options))


def _mapped(kind: CallKind | None, calls: Sequence[_Call], as_of: int, first_row: int) -> Mapped:
    wrong = {first_row + n: call for n, call in enumerate(calls) if kind is None}
    return Mapped(
        calls_batch(kind or ORDER[0], [] if kind is None else [call.received for call in calls], first_row, as_of),
        {row: call.failure for row, call in wrong.items() if call.failure is not None},
        {row: as_text(call.received) for row, call in wrong.items()},
        {},
    )
