"""A definition's body, which is JSON, as nodes: so that what the store holds is judged by the code that judges files.

And back: what stands in a file as a body, without its secrets, for whoever shows it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headrace.config.nodes import List, Map, Node, Scalar
from headrace.config.values import REFERENCE, as_number, typed
from headrace.connector import Field
from headrace.model import Secret

STORE = "store"  # stands for the file's name; the definition's version stands for the line
KEPT: Mapping[str, Any] = {"kept": True}  # is shown in the place of a secret

_MOST_DEPTH = 30
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def node_of(value: Any, line: int, depth: int = 0) -> Node:
    """JSON as a node; a `Secret` in it as text without variables. Raises `ValueError` that says what to mend."""
    if depth > _MOST_DEPTH:
        raise ValueError(f"Values are nested more than {_MOST_DEPTH} deep. Write them flatter.")
    if isinstance(value, Mapping):
        keys = {_sound(name): Scalar(STORE, line, name) for name in value}
        items = {name: node_of(item, line, depth + 1) for name, item in value.items()}
        return Map(STORE, line, keys, items, 1 + sum(1 + node.size for node in items.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        nodes = tuple(node_of(item, line, depth + 1) for item in value)
        return List(STORE, line, nodes, 1 + sum(node.size for node in nodes))
    if isinstance(value, Secret):
        return Scalar(STORE, line, value.reveal().replace("${", "$${"))
    if isinstance(value, str):
        return Scalar(STORE, line, _sound(value))
    return Scalar(STORE, line, _word(value), quoted=False)


def body_of(node: Map, fields: Iterable[Field]) -> dict[str, Any]:
    """What stands in a file as a body: variables as they are written, `KEPT` for each secret that is no variable."""
    declared = {field.name: field for field in fields}
    return {name: _shown(item, declared.get(name)) for name, item in node.items.items()}


def _shown(node: Node, field: Field | None) -> Any:
    if isinstance(node, Map):
        return body_of(node, field.fields if field else ())
    if isinstance(node, List):
        return [_shown(item, None) for item in node.items]
    if node.empty:
        return None
    if field is None or field.kind in ("map", "list"):
        return node.text if node.quoted else typed(node.text)
    if field.kind == "secret":
        return node.text if REFERENCE.fullmatch(node.text) else dict(KEPT)
    return as_number(node.text, field)


def _word(value: Any) -> str:
    """A number, boolean or null as YAML writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("A number is infinite, or none at all. Write another.")
    return repr(value)


def _sound(text: Any) -> str:
    """The text, if every store takes it."""
    if not isinstance(text, str):
        raise ValueError("A key must be a text.")  # noqa: TRY004  one kind of error for what is wrong with a body
    if _UNSTORABLE.search(text):
        raise ValueError("A text holds a character that cannot be stored (NUL, or half of a pair). Remove it.")
    return text
