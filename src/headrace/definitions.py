"""Sources, destinations, syncs and alert channels that were made in the page or by the API, and their versions.

A definition's ``body`` has the keys and values of the same section of ``headrace.yaml``, and is judged by the same
code. Secrets are not in it: in the place of one stands ``{"kept": SLOT}``, and the vault keeps it in that slot of the
record ``KIND/NAME``. What a file defines is never overwritten from here; its syncs have versions all the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from headrace.people import Change


class Kind(StrEnum):
    SOURCE = "source"
    DESTINATION = "destination"
    SYNC = "sync"
    ALERT = "alert"
    SETTINGS = "settings"  # one, named "service"

    @property
    def section(self) -> str:
        """The section of ``headrace.yaml``."""
        return {"settings": "service"}.get(self.value, f"{self.value}s")


@dataclass(frozen=True, slots=True)
class Definition:
    """``version`` grows by one with each edit; it is the ETag."""

    kind: Kind
    name: str
    version: int
    body: Mapping[str, Any]
    updated_at: datetime
    updated_by: str  # as in `Change.actor`


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a sync: ``spec`` as `headrace.config.sync_to_json` writes it, without its origin."""

    sync: str
    version: int
    spec: Mapping[str, Any]
    at: datetime
    by: str  # as in `Change.actor`; file:headrace.yaml where a file was edited


@dataclass(frozen=True, slots=True)
class Noted:
    """A sync as it stands in a configuration that was just read; it becomes a `Version` where it says something new."""

    sync: str
    spec: Mapping[str, Any]  # an ``origin`` in it does not count
    at: datetime
    by: str


def same_spec(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two specs of a sync say the same, wherever they were written."""
    return json.dumps(bare(one), sort_keys=True) == json.dumps(bare(other), sort_keys=True)


def bare(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec without the place where it was written: that is no part of what it says."""
    return {name: value for name, value in spec.items() if name != "origin"}


class DefinitionStore(Protocol):
    """What the store keeps of definitions."""

    async def definitions(self) -> list[Definition]: ...

    async def definition(self, kind: Kind, name: str) -> Definition | None: ...

    async def create_definition(self, definition: Definition, *, audit: Change | None = None) -> None:
        """Raises `Conflict` (``name_taken``)."""
        ...

    async def update_definition(self, definition: Definition, *, audit: Change | None = None) -> None:
        """Where its version is one below the given. Raises `Conflict` (``edited``) otherwise."""
        ...

    async def delete_definition(self, kind: Kind, name: str, version: int, *, audit: Change | None = None) -> None:
        """Raises `Conflict` (``edited``) where the version is another."""
        ...

    async def note_version(self, sync: str, spec: Mapping[str, Any], at: datetime, by: str) -> int:
        """The number of the sync's newest version, which is made now if ``spec`` differs from it."""
        ...

    async def note_versions(self, noted: Sequence[Noted]) -> dict[str, int]:
        """The same for many syncs, each named once, in one transaction: sync → number."""
        ...

    async def newest_versions(self, syncs: Sequence[str]) -> dict[str, Version]:
        """The newest version of each of these syncs that has one."""
        ...

    async def versions(self, sync: str) -> list[Version]:
        """The newest first."""
        ...

    async def generation(self) -> int:
        """Grows with each change of definitions, switches and settings: whoever holds them reads them again."""
        ...

    async def remember(self, key: str, request: str, status: int, body: str, at: datetime) -> None:
        """What was answered to a request with an idempotency key; the first answer stays."""
        ...

    async def recall(self, key: str) -> tuple[str, int, str] | None:
        """(fingerprint of the request, status, body) of the first request with that idempotency key."""
        ...

    async def forget_answered(self, before: datetime) -> int:
        """Forget what was answered before a moment; returns how many answers that were."""
        ...
