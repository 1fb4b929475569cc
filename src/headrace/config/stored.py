"""A sync as JSON and back, exactly: a run keeps the sync it began with, whatever becomes of the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from headrace.model import CallKind, MapOptions, RowLimits, Sync


def sync_to_json(sync: Sync) -> dict[str, Any]:
    """Plain JSON values only; ``start`` in ISO 8601."""
    return {
        **asdict(sync),
        "call": sync.call.value if sync.call else None,
        "destinations": list(sync.destinations),
        "start": sync.start.isoformat() if sync.start else None,
    }


def sync_from_json(stored: Mapping[str, Any]) -> Sync:
    """The sync that `sync_to_json` was given. Keys that an older version did not write have their defaults."""
    values = {field.name: stored[field.name] for field in fields(Sync) if field.name in stored}
    values |= {
        "call": CallKind(stored["call"]) if stored["call"] else None,
        "destinations": tuple(stored["destinations"]),
        "start": datetime.fromisoformat(stored["start"]) if stored.get("start") else None,
        "options": MapOptions(**_known(MapOptions, stored.get("options", {}))),
        "limits": RowLimits(**_known(RowLimits, stored.get("limits", {}))),
    }
    return Sync(**values)


def _known(kind: type[MapOptions | RowLimits], stored: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: stored[field.name] for field in fields(kind) if field.name in stored}
