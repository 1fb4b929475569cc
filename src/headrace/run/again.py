"""Rows that a destination refused are read and sent again by the next runs, with fresh values.

At the end of a run `note` remembers each refused row by a key that names it whatever its values, and forgets those
that were delivered since. The next run reads its query once more from where the oldest of them was first read, and
keeps the rows that are `Wanted`: see `headrace.run.rows_again`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import polars_hash as plh

from headrace.aio import in_thread
from headrace.calls.batch import CallsBatch
from headrace.calls.encode import frame
from headrace.model import CallKind, Delivery, Run, Settled
from headrace.retries import Retry
from headrace.run.job import House, Job
from headrace.run.rows_query import cursor_of

TRIES, LONGEST = 5, timedelta(days=14)  # per row
MOST = 100_000  # rows of a sync, each destination counted

DERIVED = r"^\d{8}-\d{6}-[0-9a-z]{6}-\d+$"  # a messageId that was made of run and row: it names no row
_EVENTS = (CallKind.TRACK, CallKind.PAGE, CallKind.SCREEN)
_WHO = ("user_id", "anonymous_id", "group_id", "previous_id")
_EVENT = "e"
_TOO_MANY = (
    "More than {most:,} rows were refused, and not all of them will be tried again. When the destination takes them, "
    "send everything once: headrace run --full {sync}"
)
_NAMELESS = (
    "{count:,} refused rows cannot be told from others and will not be tried again: give the query a messageId, or "
    "events a timestamp. To send them as they were: headrace resend {run}"
)
Place = tuple[str, str]  # destination, key


def keys(calls: CallsBatch) -> pl.Series:
    """What names each call's row in any run: its own messageId, else its kind and identifiers; null where nothing does.

    Events need a timestamp besides, and the name of such a key starts with ``e``: it may still stand for several rows.
    """
    event = calls.kind in _EVENTS
    facts = (*_WHO, "name", "timestamp") if event else _WHO
    there = frame(calls)
    told = there.select("message_id", *(name if name in there.columns else pl.lit(None).alias(name) for name in facts))
    named = pl.any_horizontal(pl.col(name).is_not_null() for name in _WHO)
    if event:
        named = named & pl.col("timestamp").is_not_null()
    own = ~pl.col("message_id").str.contains(DERIVED)
    row = pl.concat_str(pl.struct(pl.col(list(facts)).cast(pl.String)).struct.json_encode(), pl.lit(calls.kind.value))
    text = told.select(pl.when(own).then("message_id").when(named).then(row).alias("key"), own=own)
    hashed = plh.col("key").nchash.xxh3_128(return_binary=True, byte_order="big").bin.encode("hex")
    letter = pl.when("own").then(pl.lit("m")).otherwise(pl.lit(_EVENT if event else "w"))
    return text.select(pl.concat_str(letter, hashed)).to_series()


def is_event(key: str) -> bool:
    """Whether a key is that of an event without a messageId of its own."""
    return key.startswith(_EVENT)


# ------------------------------------------------------------------------------------------------ before: who is wanted


@dataclass(slots=True)
class Wanted:
    """Rows to be sent again, by key; and which of them the run's own query has given already."""

    retries: Mapping[str, Sequence[Retry]]
    met: set[str] = field(default_factory=set)

    @classmethod
    async def of(cls, house: House, job: Job) -> Wanted | None:
        """What the run is to send again; None if nothing."""
        if not job.sync.retry_failed:
            return None
        found: dict[str, list[Retry]] = defaultdict(list)
        for retry in await house.store.retries(job.sync.name):
            if retry.destination in job.run.destinations and not _given_up(retry, house.clock.now()):
                found[retry.key].append(retry)
        return cls(found) if found else None

    def meet(self, calls: CallsBatch) -> None:
        """Note the calls of the run's own query: whatever of them was wanted goes everywhere with the others."""
        found = keys(calls)
        self.met.update(found.filter(found.is_in(list(self.retries))))

    @property
    def missing(self) -> Mapping[str, Sequence[Retry]]:
        """What the run's own query has not given."""
        return {key: retries for key, retries in self.retries.items() if key not in self.met}


# ------------------------------------------------------------------------------------------ after: what became of them


async def note(house: House, job: Job) -> None:
    """Remember what the run could not deliver, and forget what it has delivered now. Called before it ends."""
    if not job.sync.retry_failed or job.run.kind == "received":
        return
    run = await house.store.run(job.id)
    if run is None or run.as_of is None:
        return
    deliveries = await house.store.deliveries(job.id)
    known = {(retry.destination, retry.key): retry for retry in await house.store.retries(job.sync.name)}
    outcome = await _look(house, job, deliveries, known)
    if run.kind == "resend":  # what people try by hand is no try of ours
        refused = outcome.refused & known.keys()
    else:
        refused = await _told_apart(house, job, deliveries, outcome)
    kept, gone = _judged(house.clock.now(), job, run, known, outcome, refused)
    room = MOST - len(known.keys() - kept.keys() - set(gone))
    warnings = []
    if len(kept) > room or outcome.too_many:
        warnings.append(_TOO_MANY.format(most=MOST, sync=job.sync.name))
    nameless = outcome.nameless + len(outcome.refused) - len(refused)
    if nameless and run.kind != "resend":
        warnings.append(_NAMELESS.format(count=nameless, run=job.id))
    changed = [retry for place, retry in list(kept.items())[:room] if retry != known.get(place)]
    if changed or gone or warnings:
        await house.store.set_retries(job.id, job.attempt, changed, gone, warnings)


@dataclass(slots=True)
class _Outcome:
    """What a run's parts tell of rows by name."""

    refused: set[Place] = field(default_factory=set)
    delivered: set[Place] = field(default_factory=set)  # of those that are known
    pending: set[Place] = field(default_factory=set)  # of those that are known
    nameless: int = 0
    too_many: bool = False

    def add(self, delivery: Delivery, names: pl.Series, known: pl.Series) -> None:
        """Take in one part at one destination."""
        outcomes = np.frombuffer(delivery.outcomes or bytes(delivery.calls), np.uint8)
        bad = (outcomes == Settled.REJECTED) | (outcomes == Settled.INVALID)
        for name in names.filter(pl.Series(bad)):
            if name is None:
                self.nameless += 1
            elif len(self.refused) < MOST:
                self.refused.add((delivery.destination, name))
            else:
                self.too_many = True
        for name, outcome in zip(names.filter(known), outcomes[known.to_numpy()], strict=True):
            if outcome in (Settled.DELIVERED, Settled.DUPLICATE):
                self.delivered.add((delivery.destination, name))
            elif outcome == Settled.PENDING:
                self.pending.add((delivery.destination, name))


async def _look(house: House, job: Job, deliveries: Sequence[Delivery], known: Mapping[Place, Retry]) -> _Outcome:
    """Go through the parts that matter: those with refused calls, and all where something is known already."""
    outcome = _Outcome()
    wanted = [key for _, key in known]
    for seq, made in _by_part(deliveries).items():
        if known or any(_has_refused(delivery) for delivery in made):
            names = await in_thread(keys, await house.stage.read(job.id, seq))
            mine = names.is_in(wanted).fill_null(False)
            for delivery in made:
                outcome.add(delivery, names, mine)
    return outcome


async def _told_apart(house: House, job: Job, deliveries: Sequence[Delivery], outcome: _Outcome) -> set[Place]:
    """The refused rows whose name stands for one row of the run only, where it matters: events."""
    events = [key for _, key in outcome.refused if is_event(key)]
    if not events:
        return outcome.refused
    counts: Counter[str] = Counter()
    for seq in _by_part(deliveries):
        names = await in_thread(keys, await house.stage.read(job.id, seq))
        counts.update(names.filter(names.is_in(events)))
    return {place for place in outcome.refused if counts[place[1]] <= 1}


def _judged(
    now: datetime, job: Job, run: Run, known: Mapping[Place, Retry], outcome: _Outcome, refused: Iterable[Place]
) -> tuple[dict[Place, Retry], list[Place]]:
    """What to remember and what to forget. A row that was looked for in vain has had a try as well."""
    kept = {}
    gone = [place for place in known if place in outcome.delivered - outcome.refused]
    looked_for = set() if run.kind == "resend" else known.keys() - outcome.delivered - outcome.pending
    for place in sorted({*refused, *looked_for}, key=lambda place: (place not in known, place)):
        retry = known.get(place)
        if retry is None:
            kept[place] = Retry(*place, cursor_of(job), 0, now, job.id)
            continue
        if retry.run != job.id and run.kind != "resend" and place[0] in run.destinations:
            retry = replace(retry, tries=retry.tries + 1, run=job.id)
        if _given_up(retry, now):
            gone.append(place)
        else:
            kept[place] = retry
    return kept, gone


def _given_up(retry: Retry, now: datetime) -> bool:
    return retry.tries >= TRIES or now - retry.since > LONGEST


def _by_part(deliveries: Sequence[Delivery]) -> dict[int, list[Delivery]]:
    parts: dict[int, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        if delivery.calls:
            parts[delivery.seq].append(delivery)
    return parts


def _has_refused(delivery: Delivery) -> bool:
    return any(outcome in (delivery.outcomes or b"") for outcome in (Settled.INVALID, Settled.REJECTED))
