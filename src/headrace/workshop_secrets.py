"""The secrets of a definition: taken out of its body when it is saved, put back when it is used, dotted when shown.

In the body a marker stands for a secret, ``{"kept": SLOT}``. Each new value gets a slot of its own, so that saving the
body is the one moment in which the new secret begins to count; of two editors at once, the loser changes nothing.
A value that is one variable, ``${NAME}``, is no secret and stays.

Addresses and free-form maps may hold secrets that nobody declared as such: they are shown to owners alone.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from headrace.config import KEPT, REFERENCE
from headrace.connector import Field
from headrace.connectors import fields_of
from headrace.definitions import Definition, Kind
from headrace.model import Secret

Body = Mapping[str, Any]
VEIL = "•••"


def record(kind: Kind, name: str) -> str:
    """The vault's record of a definition."""
    return f"{kind}/{name}"


def taken_out(kind: Kind, given: Body, before: Body) -> tuple[dict[str, Any], dict[str, Secret]]:
    """A body as it is stored, and its new secrets by slot.

    A secret that is absent from ``given``, or ``{"kept": true}``, is the one of ``before``; null removes it. What was
    kept for another type is not taken over.
    """
    same = before if before.get("type") == given.get("type") else {}
    return _taken_out(given, same, fields_of(kind, given.get("type")), "")


def _taken_out(
    given: Body, before: Body, fields: Iterable[Field], within: str
) -> tuple[dict[str, Any], dict[str, Secret]]:
    body, new = dict(given), dict[str, Secret]()
    for field in fields:
        name = field.name
        value, old = given.get(name, KEPT), before.get(name)
        if field.kind == "group" and name in given and isinstance(value, Mapping):
            below = old if isinstance(old, Mapping) else {}
            body[name], inner = _taken_out(value, below, field.fields, f"{within}{name}.")
            new |= inner
        elif field.kind != "secret":
            continue
        elif _is_marker(value):
            if old is not None:
                body[name] = old
            elif name in given:
                body[name] = dict(KEPT)  # which opens nothing: only we say which slot
        elif value is None:
            del body[name]
        elif isinstance(value, str | int | float):
            text = value if isinstance(value, str) else json.dumps(value)
            if text and not REFERENCE.fullmatch(text):
                slot = f"{within}{name}.{secrets.token_hex(4)}"
                body[name], new[slot] = {"kept": slot}, Secret(text)
    return body, new


def put_back(definition: Definition, opened: Mapping[str, Secret]) -> Definition:
    """The definition with its secrets, by slot; the marker stays where one is missing."""
    fields = fields_of(definition.kind, definition.body.get("type"))
    return replace(definition, body=_replaced(definition.body, fields, opened))


def _replaced(body: Body, fields: Iterable[Field], opened: Mapping[str, Secret]) -> dict[str, Any]:
    made = dict(body)
    for field, value in _present(body, fields):
        if field.kind == "group":
            made[field.name] = _replaced(value, field.fields, opened)
        elif _is_marker(value):
            made[field.name] = opened.get(str(value["kept"]), value)
    return made


def slots_of(kind: Kind, body: Body) -> set[str]:
    """The vault's slots that a stored body refers to."""
    return set(_slots(body, fields_of(kind, body.get("type"))))


def _slots(body: Body, fields: Iterable[Field]) -> Iterator[str]:
    for field, value in _present(body, fields):
        if field.kind == "group":
            yield from _slots(value, field.fields)
        elif _is_marker(value) and isinstance(value["kept"], str):
            yield value["kept"]


def dotted(body: Body) -> dict[str, Any]:
    """A stored body as it may be shown: `KEPT` in the place of each marker."""
    return {name: _dotted(value) for name, value in body.items()}


def _dotted(value: Any) -> Any:
    if _is_marker(value):
        return dict(KEPT)
    return dotted(value) if isinstance(value, Mapping) else value


def veiled(kind: Kind, body: Body) -> dict[str, Any]:
    """A body as those see it who may not handle connections, and as the audit log keeps it.

    Of addresses only the host remains, and of free-form maps, such as HTTP headers, only the names.
    """
    if kind in (Kind.SYNC, Kind.SETTINGS):
        return dict(body)
    return _veiled(body, fields_of(kind, body.get("type")))


def _veiled(body: Body, fields: Iterable[Field]) -> dict[str, Any]:
    declared = {field.name: field for field in fields}
    made: dict[str, Any] = {}
    for name, value in body.items():
        field = declared.get(name)
        if field and field.kind == "group" and isinstance(value, Mapping):
            made[name] = _veiled(value, field.fields)
        elif field and field.kind == "map" and isinstance(value, Mapping):
            made[name] = dict.fromkeys(value, VEIL)
        elif field and field.kind == "url" and isinstance(value, str):
            made[name] = _host_of(value)
        else:
            made[name] = value
    return made


def _host_of(url: str) -> str:
    """An address without its user, path and query, any of which may let its bearer in."""
    if REFERENCE.fullmatch(url):
        return url
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return VEIL
    shown = f"{parts.scheme}://{host}" if host else VEIL
    return shown if url.rstrip("/") == shown else f"{shown}/{VEIL}"


def _present(body: Body, fields: Iterable[Field]) -> Iterator[tuple[Field, Any]]:
    """The fields that hold or may hold a secret, with what stands there."""
    for field in fields:
        value = body.get(field.name)
        if field.kind == "secret" or (field.kind == "group" and isinstance(value, Mapping)):
            yield field, value


def _is_marker(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"kept"}
