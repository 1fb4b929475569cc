"""Every connector by role and type, and the fields of everything that can be defined."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from headrace.config import ALERT_FIELDS, CHANNEL_FIELDS, RUNTIME_KEYS, SERVICE_FIELDS, SYNC_FIELDS
from headrace.connector import Field, Spec
from headrace.definitions import Kind

SOURCES = (
    "postgresql", "mysql", "sqlserver", "snowflake", "bigquery", "redshift", "databricks", "clickhouse", "duckdb",
    "sqlite", "files", "http",
)  # fmt: skip
DESTINATIONS = ("customerio", "mixpanel", "segment", "webhook", "files", "workspace")


class _Connectors(Mapping[tuple[str, str], Spec]):
    """Every connector's declaration, by role and type; a connector is imported when it is first looked at."""

    _rooms = (*(("source", name) for name in SOURCES), *(("destination", name) for name in DESTINATIONS))

    def __getitem__(self, key: tuple[str, str]) -> Spec:
        if key not in self._rooms:
            raise KeyError(key)
        spec: Spec = importlib.import_module("headrace.{}s.{}".format(*key)).SPEC
        return spec

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._rooms)

    def __len__(self) -> int:
        return len(self._rooms)

    def __contains__(self, key: object) -> bool:
        return key in self._rooms


_connectors = _Connectors()


def specs() -> Mapping[tuple[str, str], Spec]:
    """Every connector's declaration, by (``source`` | ``destination``, type)."""
    return _connectors


def fields_of(kind: Kind, type_: object = None) -> tuple[Field, ...]:
    """The fields of a definition beside ``type``; of sources, destinations and alerts those of their type."""
    match kind:
        case Kind.SYNC:
            return SYNC_FIELDS
        case Kind.SETTINGS:
            return tuple(field for field in SERVICE_FIELDS if field.name in RUNTIME_KEYS)
        case Kind.ALERT:
            return (*ALERT_FIELDS, *(CHANNEL_FIELDS.get(type_, ()) if isinstance(type_, str) else ()))
        case _:
            key = (kind.value, type_ if isinstance(type_, str) else "")
            return specs()[key].fields if key in specs() else ()
