"""How a connector declares itself: its fields once, for validation, forms, docs and help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headrace.ports import Destination, Source, Tools

FieldKind = Literal["text", "secret", "integer", "number", "boolean", "choice", "url", "path", "map", "list", "group"]


@dataclass(frozen=True, slots=True)
class Field:
    """One setting. ``name`` is what stands in ``headrace.yaml``; ``help`` is a sentence, ``example`` a value.

    Values arrive at the connector as: text, url, path, choice → ``str``; secret → `Secret`; integer → ``int``;
    number → ``float``; boolean → ``bool``; map → ``dict[str, Any]``; list → ``list[Any]``; absent → ``default``;
    group → ``dict[str, Any]`` with a value for each of its own ``fields``.
    """

    name: str
    kind: FieldKind
    help: str
    required: bool = False
    default: Any = None
    example: Any = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    fields: tuple[Field, ...] = ()  # of a group


@dataclass(frozen=True, slots=True)
class Spec:
    """A connector: what it is called, what it needs, how it is made."""

    type: str
    title: str
    summary: str
    fields: tuple[Field, ...]
    source: Callable[[Mapping[str, Any], Tools], Source] | None = None
    destination: Callable[[Mapping[str, Any], Tools], Destination] | None = None
    validate: Callable[[Mapping[str, Any]], list[tuple[str, str]]] | None = None
    """Rules between fields: (field name, what is wrong and how to mend it) for each that is broken."""
    receives: bool = False
    """A source to which programs send calls: there is nothing to query, and each call names its own kind."""
    dialect: str = ""
    """Of a source's SQL, as editors know it: postgresql, mysql, sqlserver …"""
    catalog: str | Callable[[Mapping[str, Any]], str] = ""
    """A query that tells every column the account may read, in order: schema, table, column, type. By the settings,
    where it depends on them; empty where there is none."""
    grants: str = ""
    """The statements that make an account which only reads; names in them are those of the fields' examples."""
    guide: str = ""
    """The page of the documentation that shows how to connect it: how-to/connect-postgresql.md"""
    over_http: bool = False
    """A destination that sends by `Tools.http` alone: with a client that sends nothing, its requests can be shown."""

    def catalog_query(self, settings: Mapping[str, Any]) -> str:
        """The query for all tables and columns; empty where the source has none."""
        return self.catalog if isinstance(self.catalog, str) else self.catalog(settings)
