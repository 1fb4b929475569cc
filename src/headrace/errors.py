"""Every error a user can meet, named by what the caller does next.

HeadraceError              has a stable ``code`` and a message: what happened: which thing. What to do.
├── ConfigError            mend the configuration; carries every finding at once (exit 3)
├── UsageError             mend the command (exit 2)
├── RunFailed              this run ends as failed; nothing is retried
│   ├── SourceError        the database refused: connection, grants, bad SQL
│   │   └── QueryError     the query itself is at fault; line and column in the user's text
│   ├── DestinationDenied  the destination refuses our credentials (401, 403)
│   ├── DestinationDown    the destination did not answer for as long as we retry
│   └── StageFull          our own disk is full or failing
├── Unreachable            no answer came over the network; the call may or may not have been received: retry
└── Conflict               somebody else is at it
    ├── RunLive            the sync has a live run
    └── Fenced             this worker was replaced; it must change nothing any more
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class HeadraceError(Exception):
    """The root. ``code`` is stable; scripts may match on it."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong in a configuration."""

    file: str
    line: int
    where: str  # syncs.people.call
    value: str  # the offending value as written; "" where there is none
    message: str  # what is wrong and how to mend it
    code: str

    def __str__(self) -> str:
        shown = f" = {self.value!r}" if self.value else ""
        return f"{self.file}:{self.line}: {self.where}{shown}: {self.message} [{self.code}]"


class ConfigError(HeadraceError):
    code = "config"

    def __init__(self, findings: Sequence[Finding]) -> None:
        count = len(findings)
        head = f"The configuration has {count} error{'s' if count != 1 else ''}:"
        super().__init__("\n".join([head, *(f"  {finding}" for finding in findings)]))
        self.findings = tuple(findings)


class UsageError(HeadraceError):
    code = "usage"


class RunFailed(HeadraceError):
    code = "run_failed"


class SourceError(RunFailed):
    code = "source"


class QueryError(SourceError):
    """``line`` and ``column`` are 1-based places in the user's query, where the database told them."""

    code = "query"

    def __init__(
        self, message: str, *, line: int | None = None, column: int | None = None, code: str | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.line = line
        self.column = column


class DestinationDenied(RunFailed):
    code = "destination_denied"


class DestinationDown(RunFailed):
    code = "destination_down"


class StageFull(RunFailed):
    code = "stage_full"


class Unreachable(HeadraceError):
    code = "unreachable"


class Conflict(HeadraceError):
    code = "conflict"


class RunLive(Conflict):
    code = "run_live"

    def __init__(self, message: str, *, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class Fenced(Conflict):
    code = "fenced"
