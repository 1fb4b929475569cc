"""Data In: calls that were kept to be looked at, each with its row and what every destination answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a call at one destination. ``status`` and ``text`` are the HTTP answer's, where there was one."""

    outcome: str  # pending | delivered | duplicate | invalid | rejected
    reason: str = ""
    request: str = ""  # method and address, without secrets
    status: int | None = None
    text: str = ""  # the start of the answer
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeptCall:
    """One call. ``values`` is the row it was made from; of a call that came over HTTP, the call as it came."""

    id: int  # grows; 0 before it is kept
    at: datetime
    source: str
    sync: str
    run: str | None  # None: just received, and in no run yet
    row: int
    kind: str  # identify, track, …; "" for a row that became no call
    user: str  # userId, else anonymousId
    name: str  # event, page, screen or group
    message_id: str
    call: Mapping[str, Any] | None
    values: Mapping[str, Any]
    reason: str = ""  # why it became no call
    answers: Mapping[str, Answer] = field(default_factory=dict)  # by destination


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to show. Empty: all. ``text`` is looked for in user, name and messageId, in any case."""

    source: str = ""
    sync: str = ""
    run: str = ""
    kind: str = ""
    outcome: str = ""
    text: str = ""
    row: int = 0  # of the run

    def takes(self, call: KeptCall) -> bool:
        wanted = self.text.lower()
        return (
            self.source in ("", call.source)
            and self.sync in ("", call.sync)
            and self.run in ("", call.run or "")
            and self.kind in ("", call.kind)
            and self.row in (0, call.row)
            and (not self.outcome or any(answer.outcome == self.outcome for answer in call.answers.values()))
            and (not wanted or any(wanted in text.lower() for text in (call.user, call.name, call.message_id)))
        )


class CallStore(Protocol):
    """The calls that are kept for a set time."""

    async def keep_calls(self, calls: Sequence[KeptCall]) -> None:
        """Keep them; what was kept of the same runs before is replaced. Of each source only the newest stay."""
        ...

    async def kept_call(self, call_id: int) -> KeptCall | None: ...

    async def kept_calls(self, wanted: CallFilter, before: int | None = None, limit: int = 50) -> list[KeptCall]:
        """The newest first; ``before`` an id."""
        ...

    async def kept_since(self, after: int, limit: int = 500) -> list[KeptCall]:
        """Those behind an id, the oldest first; for whoever follows along."""
        ...

    async def newest_kept(self) -> int:
        """The highest id there is; 0 where there is none."""
        ...

    async def forget_calls(self, before: datetime) -> int: ...
