"""The words of Headrace as frozen values. Nothing here does anything; everything else speaks in these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal


class CallKind(StrEnum):
    """The six API calls a row can become."""

    IDENTIFY = "identify"
    TRACK = "track"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"
    ALIAS = "alias"

    @property
    def body(self) -> str:
        """The name of the call's free part: ``traits`` or ``properties``."""
        return "traits" if self in (CallKind.IDENTIFY, CallKind.GROUP, CallKind.ALIAS) else "properties"


class RunState(StrEnum):
    """Where a run stands. The first three are live; the others are ends."""

    QUEUED = "queued"
    EXTRACTING = "extracting"
    DELIVERING = "delivering"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"  # every row is settled, some were not taken; each is listed with its reason
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def live(self) -> bool:
        return self in (RunState.QUEUED, RunState.EXTRACTING, RunState.DELIVERING)


RunKind = Literal["query", "resend", "received"]
"""Where a run's rows come from: its query; the failed rows of another run, which moves no cursor; journals of calls."""


class Secret:
    """Text that never prints: ``repr``, ``str`` and formatting show dots; ``reveal()`` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "•••"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a Secret is not pickled")


@dataclass(frozen=True, slots=True)
class Connection:
    """A configured connector: a Source or a Destination, before it is opened.

    ``settings`` holds one value per declared field (defaults filled in, secrets as `Secret`).
    """

    name: str
    type: str
    settings: Mapping[str, Any]
    origin: str = ""  # "headrace.yaml:12", for messages


@dataclass(frozen=True, slots=True)
class MapOptions:
    """How values of a sync become JSON. The defaults follow the Pipelines API."""

    null_handling: str = "send"  # send | omit; "send" writes JSON null, which unsets the attribute downstream
    null_columns: Mapping[str, str] = field(default_factory=dict)  # column → send | omit, over null_handling
    timezone: str = "UTC"  # of timestamps without a zone
    decimals: str = "number"  # number | string
    big_integers: str = "number"  # number | string, for |n| > 2^53
    binary: str = "base64"  # base64 | hex
    lower_case: bool = False  # lower-case every column name that is not reserved
    email_identity: bool = False  # identify: traits.email alone is identity enough


@dataclass(frozen=True, slots=True)
class RowLimits:
    """What one sync may return. Defaults: the brief's two tables."""

    records: int = 30_000_000
    columns: int = 512
    columns_warning: int = 300
    column_name: int = 128  # characters
    id_column_name: int = 191  # characters, of the userId and the timestamp column
    record_bytes: int = 512 * 1024  # of the record as JSON
    column_bytes: int = 128 * 1024  # of one value as JSON
    query: int = 131_072  # characters


@dataclass(frozen=True, slots=True)
class Sync:
    """The standing order: source + query + type of call + destinations + schedule."""

    name: str
    source: str
    call: CallKind | None  # None: the source is of type `http`, and each call names its own kind
    query: str
    destinations: tuple[str, ...]
    description: str = ""
    schedule: str = "manual"
    start: datetime | None = None
    enabled: bool = True
    lookback: int = 0  # seconds taken off last_sync_time
    deduplicate_for: int = 12 * 3600  # seconds after receipt during which a messageId is not delivered again; 0: never
    retry_failed: bool = False  # rows that a destination refused are read and sent again by the next runs
    options: MapOptions = field(default_factory=MapOptions)
    limits: RowLimits = field(default_factory=RowLimits)
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """What a connector found out about its own connection.

    ``problems`` stop a run; ``warnings`` do not (a role that could write). Each is one sentence that says what to do.
    """

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)  # "server" → "PostgreSQL 15.18", for people
    passing: bool = False  # the problems may pass by themselves: no answer, or a server that is failing

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one call was not delivered: an invalid row, or a destination's refusal."""

    code: str  # stable, snake_case; may name a field after a colon: bad_type:context
    message: str  # one sentence for people
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a run's rows at one destination. They always add up to ``extracted``."""

    delivered: int = 0
    duplicate: int = 0
    invalid: int = 0
    rejected: int = 0
    pending: int = 0

    @property
    def total(self) -> int:
        return self.delivered + self.duplicate + self.invalid + self.rejected + self.pending


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a run ended badly: a stable code and a sentence with the fix."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a sync, as the ledger tells it."""

    id: str
    sync: str
    state: RunState
    attempt: int  # fencing: grows each time a worker takes the run up
    trigger: str  # manual | schedule | after | full | resend | received
    call: CallKind | None  # None: each call names its own kind
    cursor: int  # the last_sync_time this run's query saw, Unix seconds
    as_of: int | None  # the source's clock just before the query: the next last_sync_time
    spec: Mapping[str, Any]  # the sync as it was when the run began (JSON)
    destinations: tuple[str, ...]
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    extracted: int = 0
    unmapped: int = 0  # rows that became no call; counted as invalid at every destination
    counts: Mapping[str, Counts] = field(default_factory=dict)
    problem: Problem | None = None
    warnings: tuple[str, ...] = ()
    cancel_requested: bool = False
    kind: RunKind = "query"
    version: int | None = None  # of the sync, see `headrace.definitions.Version`
    due: datetime | None = None  # the due time that this run is for


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is to be recorded. ``cursor`` is the last_sync_time its query will see; None: the sync's own."""

    id: str
    sync: str
    trigger: str
    cursor: int | None
    spec: Mapping[str, Any]
    destinations: tuple[str, ...]
    created_at: datetime
    kind: RunKind = "query"
    version: int | None = None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list. Empty: all."""

    syncs: tuple[str, ...] = ()
    states: tuple[RunState, ...] = ()
    triggers: tuple[str, ...] = ()
    failed_rows: bool = False  # only those with rows that were not delivered
    since: datetime | None = None  # created at that moment or later
    until: datetime | None = None  # created before that moment


@dataclass(frozen=True, slots=True)
class RunTotals:
    """What runs add up to. ``states`` counts the runs; a row counts once at each destination it was for."""

    states: Mapping[str, int] = field(default_factory=dict)
    extracted: int = 0  # rows read, whatever number of destinations they were for
    counts: Counts = field(default_factory=Counts)


@dataclass(frozen=True, slots=True)
class RunBar:
    """A run in a chart: its state, its time, and its counts over all destinations."""

    id: str
    sync: str
    state: RunState
    created_at: datetime
    ended_at: datetime | None
    extracted: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class SyncState:
    """What is remembered of a sync between its runs."""

    cursor: int = 0  # last_sync_time: Unix seconds; 0 before the first settled run
    columns: tuple[tuple[str, str], ...] = ()  # name and type of each column of the last settled run
    enabled: bool | None = None  # None: as the configuration says


@dataclass(frozen=True, slots=True)
class Part:
    """A numbered file of staged calls."""

    seq: int  # from 0
    first_row: int  # number of its first row in the run, from 1
    rows: int  # rows read from the source
    calls: int  # rows that became calls, and are in the file
    bytes: int
    errors: str | None = None  # name of the error file that holds its invalid rows


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one part at one destination.

    ``outcomes`` holds one byte per call of the part (`Settled` values), or None while nothing is settled.
    """

    seq: int
    destination: str
    calls: int
    outcomes: bytes | None = None
    settled_at: int | None = None  # Unix seconds of the last settling
    errors: tuple[str, ...] = ()  # error files written for it


class Settled:
    """The byte that `Delivery.outcomes` holds for each call."""

    PENDING, DELIVERED, DUPLICATE, INVALID, REJECTED = 0, 1, 2, 3, 4
