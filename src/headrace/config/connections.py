"""The sections ``sources:`` and ``destinations:``: each connection against the fields its connector declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from headrace.config.bodies import STORE
from headrace.config.nodes import Map, Node, Scalar
from headrace.config.report import nearest, written
from headrace.config.values import Reader
from headrace.confine import CODE, outside, paths
from headrace.connector import Field, Spec
from headrace.model import Connection

Role = Literal["source", "destination"]

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def good_name(reader: Reader, key: Scalar, where: str) -> bool:
    """Whether a source, destination or sync may be called so; if not, it is reported."""
    if _NAME.fullmatch(key.text):
        return True
    message = "A name begins with a-z and has at most 63 of a-z, 0-9, _ and -. Rename it."
    reader.report.add(key, where, message, "bad_name", written(key))
    return False


def connection(
    reader: Reader, role: Role, key: Scalar, node: Node, specs: Mapping[tuple[str, str], Spec], base: Path
) -> Connection | None:
    """The connection under ``key``; None where something is wrong with it, which is reported.

    ``base`` is the project's folder, in which the files of what the store defines must lie.
    """
    report, where = reader.report, f"{role}s.{key.text}"
    before = len(report.findings)
    good_name(reader, key, where)
    if not isinstance(node, Map):
        report.add(node, where, f"A map is expected. Example: {key.text}: {{type: …}}", "wrong_type")
        return None
    node = replace(node, line=key.line)  # there one looks for what is missing
    spec = _spec(reader, role, node, where, specs)
    if spec is None:
        return None
    reader.unknown_keys(node, ["type", *(field.name for field in spec.fields)], where)
    settings = reader.fields(node, spec.fields, where)
    if len(report.findings) == before and spec.validate is not None:
        for name, message in spec.validate(settings):
            at = node.items.get(name) or key
            report.add(at, f"{where}.{name}", message, "bad_combination")
    for name, path in paths(spec.fields, settings) if key.file == STORE else ():
        if message := outside(path, base):
            report.add(node.items.get(name) or key, f"{where}.{name}", message, CODE)
    for field in spec.fields:
        _warn_of_literal(reader, node.items.get(field.name), field, where, key.text)
    if len(report.findings) > before:
        return None
    return Connection(key.text, spec.type, settings, f"{key.file}:{key.line}")


def _spec(reader: Reader, role: Role, node: Map, where: str, specs: Mapping[tuple[str, str], Spec]) -> Spec | None:
    """The connector that ``type`` names; None where it names none, which is reported."""
    known = sorted(name for kind, name in specs if kind == role)
    field = Field("type", "text", f"It names the connector: {', '.join(known) or 'none is installed'}.", required=True)
    name = reader.fields(node, [field], where)["type"]
    if name is None or (role, name) in specs:
        return specs.get((role, name or ""))
    other = "destination" if role == "source" else "source"
    if (other, name) in specs:
        message = f"{name!r} is a {other}, not a {role}. Known: {', '.join(known)}."
    else:
        message = f"There is no {role} type {name!r}. {nearest(name, known)}"
    given = node.items["type"]
    reader.report.add(given, f"{where}.type", message, "unknown_type", written(given))
    return None


def _warn_of_literal(reader: Reader, node: Node | None, field: Field, where: str, name: str) -> None:
    if node is None or node.file == STORE:
        return
    if field.kind == "secret" and isinstance(node, Scalar) and not node.empty and "${" not in node.text:
        variable = re.sub(r"[^A-Z0-9]", "_", f"{name}_{field.name}".upper())
        message = f"The secret stands in the file. Write ${{{variable}}} and set that variable instead."
        reader.report.warn(node, f"{where}.{field.name}", message, "literal_secret")
