"""The ports: what the engine asks of sources, destinations, the stage and the clock. The store's: `store_port`.

The engine owns retries, rate limits, splitting, concurrency, metrics and secrets; an adapter holds only its own
knowledge. Rules that bind both sides:

- `close` is called once, always, also after an error.
- A call may be sent again with the same ``message_id``; nothing else about it changes.
- After a reply of ``RETRY`` the engine waits at least as long as the destination said.
- An adapter raises the errors of `headrace.errors` and no others; secrets never enter a message.
- No adapter sleeps, retries, reads the wall clock or draws lots by itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.access import NoTunnels, Tunnels
from headrace.calls.batch import CallsBatch
from headrace.calls.textjoin import joined
from headrace.model import Check, Delivery, Failure, Secret

# --------------------------------------------------------------------------------------------------------- sources


class Source(Protocol):
    """A database that is only ever read.

    One instance serves one reader: `now` and `read` use the same connection, in that order, so that nothing the
    query sees is newer than what `now` said… and nothing committed later is claimed to be seen.

    Columns of ``read`` and ``preview`` are plain Arrow types (no extension types). Two of them say more by field
    metadata, see `headrace.calls.batch.JSON_FIELD` and `NUMERIC_FIELD`: text that *is* JSON, and text that is a
    decimal number of any size. Duplicate column names are passed on as they are; the mapping judges them.
    """

    notes: Mapping[str, int]
    """Things that had to be changed while reading, as sentence → number of values; read after `read` ended."""

    async def check(self) -> Check:
        """Connect, read, prove that the role cannot write. Raises nothing: all that is wrong is in the `Check`."""
        ...

    async def now(self) -> datetime:
        """The database's own clock, in UTC. Opens the connection; called immediately before `read`."""
        ...

    async def preview(self, sql: str, limit: int) -> pa.Table:
        """The first ``limit`` rows, without fetching the others."""
        ...

    def read(self, sql: str) -> AsyncGenerator[pa.RecordBatch, None]:
        """Run one statement read-only and stream its result in bounded memory.

        At least one batch is yielded, empty if need be, so that the columns are known. Raises `QueryError` for
        what is wrong with the query (with its place) and `SourceError` for the rest. When the consumer stops
        early or is cancelled, and closes the generator, the statement is cancelled in the database.
        """
        ...

    async def close(self) -> None: ...


# ---------------------------------------------------------------------------------------------------- destinations


@dataclass(frozen=True, slots=True)
class Limits:
    """What a destination takes. Bytes are of the uncompressed body."""

    calls: int = 1_000  # per batch
    bytes: int = 500_000  # per batch
    call_bytes: int = 32_768  # per call
    in_flight: int = 8  # requests at the same time
    rate: float | None = None  # requests per second, per account; None: no limit
    overhead: int = 256  # bytes of a body that are not calls: brackets, sentAt
    ordered: bool = False  # True: one batch at a time, in row order


@dataclass(frozen=True, slots=True)
class Encoded:
    """A calls batch in a destination's own words: one fragment of body per call, in the order of the batch.

    ``lanes`` maps an endpoint's name to one text per call, null where the call has nothing to say there; most
    destinations have one lane without nulls. ``invalid`` holds, by position in the batch, the calls this
    destination can never take (its own limits); their fragments are ignored.

    ``ending`` is what every text already ends with. A destination that joins its calls with commas lets each end
    with one: then a batch's body is a slice of the column's own buffer, and nothing is copied.
    """

    lanes: Mapping[str, pa.LargeStringArray]
    invalid: Mapping[int, Failure] = field(default_factory=dict)
    ending: bytes = b""


@dataclass(frozen=True, slots=True)
class Batch:
    """The calls of one request: positions of an `Encoded`, cut within the destination's `Limits`."""

    calls: CallsBatch
    encoded: Encoded
    positions: Sequence[int] | npt.NDArray[np.int64]  # into calls and lanes; ascending
    number: int  # of the batch within its part, for messages only

    def __len__(self) -> int:
        return len(self.positions)

    def fragments(self, lane: str) -> list[bytes]:
        """The texts of one lane, without the nulls and without their ending."""
        texts = self.encoded.lanes[lane].take(pa.array(self.positions, pa.int64()))
        return [text.encode().removesuffix(self.encoded.ending) for text in texts.to_pylist() if text is not None]

    def joined(self, lane: str, separator: bytes = b",") -> bytes | memoryview:
        """The texts of one lane, joined; zero-copy where they end with the separator."""
        return joined(self.encoded.lanes[lane], self.positions, separator, self.encoded.ending)

    def dicts(self) -> Iterator[dict[str, Any]]:
        """The batch's calls as dicts, for APIs whose limits make speed pointless."""
        return self.calls.dicts(self.positions)


class Verdict(StrEnum):
    """What a destination said about a whole batch."""

    ACCEPTED = "accepted"  # all calls but those in ``failed`` are delivered
    RETRY = "retry"  # nothing is known to be delivered; send the same batch again after ``after`` seconds
    REFUSED = "refused"  # at least one call is bad and we were not told which: split until it is alone
    DENIED = "denied"  # credentials: stop delivering to this destination


@dataclass(frozen=True, slots=True)
class Reply:
    """A destination's answer to one batch.

    ``failed`` (by index in the *batch*, 0-based) holds calls that were refused one by one; they are never sent
    again. With ACCEPTED all others are delivered; with REFUSED nothing is, and the others are sent again. ``code``
    and ``reason`` explain REFUSED, RETRY and DENIED: a stable code and the destination's words.
    """

    verdict: Verdict = Verdict.ACCEPTED
    failed: Mapping[int, Failure] = field(default_factory=dict)
    after: float | None = None  # seconds
    code: str = ""
    reason: str = ""


class Destination(Protocol):
    """A system that takes calls. ``encode`` is pure and runs in a worker thread; ``send`` runs on the loop."""

    limits: Limits

    async def check(self) -> Check:
        """Reach the system and prove the credentials without changing anything there. Raises nothing."""
        ...

    def encode(self, calls: CallsBatch) -> Encoded:
        """One body fragment per call, vectorised. Depends on ``calls`` alone: the same part, the same bytes."""
        ...

    async def send(self, batch: Batch) -> Reply:
        """Send one batch once. Raises `Unreachable` where no answer came; everything else is in the `Reply`.

        Never called for more than ``limits.in_flight`` batches at once. Sending again must do no harm.
        """
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An HTTP answer. ``headers`` have lower-case names; ``body`` is cut after 1 MiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self, limit: int = 500) -> str:
        """The start of the body, for messages: printable, on one line."""
        words = self.body[: 4 * limit].decode("utf-8", "replace").split()
        return "".join(c if c.isprintable() else "�" for c in " ".join(words))[:limit]


class Http(Protocol):
    """The one HTTP client. It follows no redirects and never retries."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: Sequence[bytes | memoryview] = (),
        headers: Mapping[str, str] | None = None,
        auth: tuple[Secret, Secret] | None = None,  # Basic: user and password
        gzip: bool = False,  # compress the body (in a thread) and say so
        timeout: float = 60.0,  # seconds, for the whole exchange
    ) -> HttpReply:
        """One request. Raises `Unreachable` with a sentence that names host, port and cause."""
        ...


# ------------------------------------------------------------------------------------------ the stage, and the clock


class Stage(Protocol):
    """Where a run's calls wait between reading and delivering. A write is durable when it returns."""

    async def write(self, run_id: str, seq: int, calls: CallsBatch) -> int:
        """Write a part; returns its bytes. Raises `StageFull`."""
        ...

    async def read(self, run_id: str, seq: int) -> CallsBatch: ...

    async def discard(self, run_id: str) -> None:
        """Give the space of a run back. Not an error if there is nothing."""
        ...


class ErrorFiles(Protocol):
    """Where failed rows are kept, column by column, compressed; the ledger knows which files count."""

    async def write(self, run_id: str, name: str, failures: pa.Table) -> None:
        """Write one file (schema `headrace.calls.failures.SCHEMA`), durably. Raises `StageFull`."""
        ...

    def read(self, run_id: str, names: Sequence[str]) -> Iterator[pa.Table]:
        """The files in the given order; one table each."""
        ...


class SeenIds(Protocol):
    """Which messageIds each destination received, and when: what makes a call a duplicate.

    An id is remembered as 128 bits of its text. Memory does not grow with the number of ids.
    """

    async def note(self, run_id: str, seq: int, message_ids: pa.LargeStringArray) -> None:
        """Note the ids of one staged part, before anything is delivered."""
        ...

    async def claim(
        self, run_id: str, destination: str, seqs: Sequence[int], since: int
    ) -> Mapping[int, Sequence[int]]:
        """Find the run's duplicates, by part: positions of calls whose id came before.

        Before: earlier in this run; in another live run's claim; or received after ``since`` (Unix seconds). All
        other ids are claimed for this run. Asking again gives the same answer.
        """
        ...

    async def remember(self, run_id: str, deliveries: Sequence[Delivery]) -> None:
        """Turn the run's claims into received ids where the call was delivered, and give the others up."""
        ...


class Locks(Protocol):
    """Who works on a run. The lock of a process that died is free at once."""

    def hold(self, run_id: str) -> Callable[[], None] | None:
        """Take the run's lock; returns what releases it, or None when another process holds it."""
        ...


class Clock(Protocol):
    """Time and chance, so that tests can hold both."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...

    def random(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What a connector is given besides its settings."""

    http: Http
    clock: Clock
    home: Path  # the state folder, absolute
    base: Path  # the folder of the configuration: relative paths in settings start here
    tunnels: Tunnels = NoTunnels()  # noqa: RUF009  it has no state
    confined: bool = False  # only files in `base`, none hidden and none in `home`: see `headrace.confine`
