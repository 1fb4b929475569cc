"""Data In: some calls of each run are kept, to be looked at, with their rows and what every destination said.

Kept are the first calls of the run and, of the rows that became none, the first as well: up to a quarter of all. What
came back over HTTP is noted while the first calls are delivered (`Lookout`), so that a run of millions costs no more.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.aio import in_thread
from headrace.calls.batch import CallsBatch
from headrace.calls.failures import row_values
from headrace.datain import Answer, KeptCall
from headrace.errors import HeadraceError
from headrace.exchange import Exchange
from headrace.model import Delivery, Part, Run, Settled
from headrace.run.job import House, Job
from headrace.run.settle import NAMES

log = logging.getLogger(__name__)

BYTES = 1 << 20  # of a run's kept calls, and as much of their rows: wide rows are kept in smaller numbers
INVALID_SHARE = 4  # one of so many may be a row that became no call

_NOT_TAKEN = (Settled.INVALID, Settled.REJECTED)


def leading(deliveries: Sequence[Delivery], wanted: int) -> dict[int, int]:
    """Of a run's deliveries to one destination: how many of each part's first calls are among the ``wanted`` first."""
    found: dict[int, int] = {}
    for delivery in sorted(deliveries, key=lambda delivery: delivery.seq):
        if wanted <= 0:
            break
        found[delivery.seq] = min(delivery.calls, wanted)
        wanted -= delivery.calls
    return found


@dataclass(frozen=True, slots=True)
class Lookout:
    """Notes what one destination says to the first calls of one part."""

    job: Job
    destination: str
    seq: int
    first: int

    @classmethod
    def of(cls, job: Job, delivery: Delivery) -> Lookout:
        return cls(job, delivery.destination, delivery.seq, job.leading.get(delivery.seq, 0))

    def wants(self, positions: Sequence[int] | npt.NDArray[np.int64]) -> bool:
        """Whether a batch with these calls, in ascending order, is of interest."""
        return bool(positions[0] < self.first)

    def note(self, positions: Sequence[int] | npt.NDArray[np.int64], exchanges: Sequence[Exchange]) -> None:
        """Remember one try; a later one takes its place. Of several requests the last that went wrong, or the last."""
        if not exchanges:  # a destination that does not speak HTTP
            return
        wrong = [one for one in exchanges if one.status is None or one.status >= 400]
        told = (wrong or exchanges)[-1]
        answer = Answer("pending", request=told.request, status=told.status, text=told.text, at=told.at)
        for position in positions:
            if position >= self.first:
                break
            self.job.answers[self.destination, self.seq, int(position)] = answer


async def keep(house: House, job: Job, ended: Run, deliveries: Sequence[Delivery]) -> None:
    """Keep calls of a run that has just ended, before its parts are discarded. Trouble is logged, and harms no run."""
    room = house.kept_calls()
    if not (room and ended.extracted and ended.as_of is not None):
        return
    try:
        await house.store.keep_calls(await _chosen(house, job, ended, deliveries, room))
    except Exception as error:  # noqa: BLE001  the run is over and well; that nobody can look at it is no reason to fail
        reason = error.message if isinstance(error, HeadraceError) else type(error).__name__
        log.warning("calls of a run were not kept", extra={"sync": ended.sync, "run": ended.id, "reason": reason})


async def _chosen(house: House, job: Job, ended: Run, deliveries: Sequence[Delivery], room: int) -> list[KeptCall]:
    parts = await house.store.parts(job.id) if job.parts is None else job.parts
    found: list[KeptCall] = []
    if any(part.errors for part in parts):
        found += await in_thread(_without_call, house, job, ended, parts, max(1, room // INVALID_SHARE))
    room -= len(found)
    size = BYTES
    for part in parts:
        if room <= 0 or size <= 0:
            break
        if part.calls:
            calls = await house.stage.read(job.id, part.seq)
            calls = calls.take(range(min(room, _within(calls, size))))
            mine = [delivery for delivery in deliveries if delivery.seq == part.seq]
            found += await in_thread(_of_part, house, job, ended, calls, mine)
            room -= len(calls)
            size -= int(calls.columns.nbytes)
    return sorted(found, key=lambda call: call.row)


def _within(calls: CallsBatch, size: int) -> int:
    """How many calls fit into so many bytes; at least one."""
    sizes = np.zeros(len(calls), np.int64)
    for column in calls.columns.columns:
        if pa.types.is_large_string(column.type):
            sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)
    return max(1, int(np.searchsorted(np.cumsum(sizes), size, "right")))


# --------------------------------------------------------------------------------------------- rows that became calls


def _of_part(house: House, job: Job, ended: Run, calls: CallsBatch, deliveries: Sequence[Delivery]) -> list[KeptCall]:
    """The calls that are kept of a part, the first of it, with their answers."""
    rows = calls.columns.column("row").to_pylist()
    columns = (calls.meta or {}).get("columns", [])
    reasons = {one.destination: _reasons(house, job, one, rows) for one in deliveries}
    whole = ended.kind == "received" or not columns  # there was no row: the call is all there is
    found = []
    for position, (row, call) in enumerate(zip(rows, calls.dicts(), strict=True)):
        answers = {
            one.destination: _answer(job, one, position, reasons[one.destination].get(row, "")) for one in deliveries
        }
        kept = KeptCall(
            id=0,
            at=_ending(ended),
            source=job.sync.source,
            sync=ended.sync,
            run=ended.id,
            row=row,
            kind=calls.kind.value,
            user=call.get("userId") or call.get("anonymousId") or "",
            name=call.get("event") or call.get("name") or call.get("groupId") or "",
            message_id=call["messageId"],
            call=call,
            values=call if whole else row_values(call, columns),
            answers=answers,
        )
        found.append(kept)
    return found


def _answer(job: Job, delivery: Delivery, position: int, reason: str) -> Answer:
    outcome = delivery.outcomes[position] if delivery.outcomes else Settled.PENDING
    said = job.answers.get((delivery.destination, delivery.seq, position), Answer("pending"))
    at = said.at
    if at is None and outcome != Settled.PENDING and delivery.settled_at is not None:
        at = datetime.fromtimestamp(delivery.settled_at, UTC)
    return replace(said, outcome=NAMES[outcome], reason=reason, at=at)


def _reasons(house: House, job: Job, delivery: Delivery, rows: Sequence[int]) -> dict[int, str]:
    """Why a destination did not take calls of these rows, by row."""
    outcomes = (delivery.outcomes or b"")[: len(rows)]
    if not any(outcome in _NOT_TAKEN for outcome in outcomes):
        return {}
    wanted = pa.array(rows, pa.int64())
    found: dict[int, str] = {}
    for table in house.errors.read(job.id, delivery.errors):
        mine = pc.and_(
            pc.is_in(table.column("row"), wanted), pc.equal(table.column("destination"), delivery.destination)
        )
        told = table.filter(mine).select(["row", "message"]).to_pydict()
        found.update(zip(told["row"], told["message"], strict=True))
    return found


# ------------------------------------------------------------------------------------------ rows that became no call


def _without_call(house: House, job: Job, ended: Run, parts: Sequence[Part], limit: int) -> list[KeptCall]:
    """The first rows of the run that became no call, with the reason."""
    found: list[KeptCall] = []
    size = BYTES // INVALID_SHARE
    for row in _invalid_rows(house, job, parts):
        size -= len(row["values"])
        if found and (size < 0 or len(found) == limit):
            break
        found.append(_invalid(job, ended, row))
    return found


def _invalid_rows(house: House, job: Job, parts: Sequence[Part]) -> Iterator[Mapping[str, Any]]:
    for part in parts:
        if part.errors is not None:
            for table in house.errors.read(job.id, [part.errors]):
                yield from table.to_pylist()


def _invalid(job: Job, ended: Run, row: Mapping[str, Any]) -> KeptCall:
    answer = Answer("invalid", row["message"], at=_ending(ended))
    return KeptCall(
        id=0,
        at=_ending(ended),
        source=job.sync.source,
        sync=ended.sync,
        run=ended.id,
        row=row["row"],
        kind="",
        user=row["user_id"] or "",
        name="",
        message_id=row["message_id"] or "",
        call=None,
        values=json.loads(row["values"]),
        reason=row["message"],
        answers=dict.fromkeys(ended.destinations, answer),
    )


def _ending(ended: Run) -> datetime:
    assert ended.ended_at is not None, "a run that has ended"
    return ended.ended_at
