"""One configuration, read and valid: what files and the store define together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headrace.alerting import Channel
from headrace.definitions import Kind
from headrace.errors import Finding
from headrace.model import Connection, Sync
from headrace.service import Service


@dataclass(frozen=True, slots=True)
class Project:
    """``broken`` holds what the store defines and cannot be used (any more), with the reasons; files have no such."""

    sources: Mapping[str, Connection]
    destinations: Mapping[str, Connection]
    syncs: Mapping[str, Sync]
    alerts: Mapping[str, Channel] = field(default_factory=dict)
    service: Service = field(default_factory=Service)
    broken: Mapping[tuple[Kind, str], Sequence[Finding]] = field(default_factory=dict)
