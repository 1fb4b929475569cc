"""The rows of previews, held in memory for a while: mapped once more, they need not be read once more."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from headrace.api.errors import ApiError
from headrace.people import Actor
from headrace.ports import Clock
from headrace.preview import Sample

KEPT = 600.0  # seconds
MOST_BYTES = 64 * 2**20  # of all that are held; the oldest make room


@dataclass(frozen=True, slots=True)
class _Held:
    owner: str
    until: float
    sample: Sample


class Samples:
    """Samples by an id that only their owner can use. Another process, or this one started anew, knows none of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: OrderedDict[str, _Held] = OrderedDict()

    def hold(self, owner: Actor, sample: Sample) -> str:
        """Hold a sample; returns its id."""
        key = secrets.token_urlsafe(12)
        self._held[key] = _Held(_name(owner), self._clock.monotonic() + KEPT, sample)
        self._make_room()
        return key

    def find(self, owner: Actor, key: str) -> Sample:
        """Raises `ApiError` (``preview_gone``)."""
        self._make_room()
        found = self._held.get(key)
        if found is None or found.owner != _name(owner):
            raise ApiError(
                "The rows of this preview are not held any more. Run the query again.", code="preview_gone", status=410
            )
        return found.sample

    def _make_room(self) -> None:
        now, size = self._clock.monotonic(), sum(held.sample.table.nbytes for held in self._held.values())
        while self._held:
            oldest = next(iter(self._held.values()))
            if oldest.until > now and (size <= MOST_BYTES or len(self._held) == 1):
                return
            size -= oldest.sample.table.nbytes
            self._held.popitem(last=False)


def _name(actor: Actor) -> str:
    return f"{actor.kind}:{actor.id}"
