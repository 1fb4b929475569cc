"""Nodes as values of declared fields, with the environment put in: the same for connectors and for syncs.

``${NAME}`` is taken from the environment; ``${NAME:-default}`` has a default for a variable that is not set or
empty; ``$${`` is a literal ``${``. The value that a finding shows is what stands in the file, not in the variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import copy
from typing import Any, TypeVar
from urllib.parse import urlsplit

from headrace.config.nodes import List, Map, Node, Scalar
from headrace.config.report import Report, nearest, written
from headrace.connector import Field
from headrace.model import Secret

N = TypeVar("N", int, float)

_VARIABLE = re.compile(r"(\$\$\{)|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")
REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")  # a value that is one variable, and nothing else
_INTEGER = re.compile(r"[+-]?[0-9][0-9_]{0,30}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_KINDS = {Scalar: "one value", List: "a list", Map: "a map"}


class Wrong(Exception):
    """A value that a field does not take: the message with the fix, and a stable code."""

    def __init__(self, message: str, code: str = "wrong_type") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def _any_variable(_name: str) -> str:
    return ""


class Reader:
    """Reads fields from mappings and reports what is wrong with them.

    ``refused`` says why a variable may not stand here; "" where it may.
    """

    def __init__(self, env: Mapping[str, str], report: Report, refused: Callable[[str], str] = _any_variable) -> None:
        self._env = env
        self._refused = refused
        self.report = report

    def fields(
        self, node: Map, fields: Iterable[Field], where: str, *, literal: Collection[str] = ()
    ) -> dict[str, Any]:
        """One value per field; the default where it is absent or wrong. ``literal`` names fields without variables."""
        values: dict[str, Any] = {}
        for field in fields:
            here = f"{where}.{field.name}"
            given = node.items.get(field.name)
            values[field.name] = copy(field.default)
            if given is None and field.name in node.keys:
                continue  # reported when the file was parsed
            if given is not None and not (isinstance(given, Scalar) and given.empty):
                values[field.name] = self.value(given, field, here, expand=field.name not in literal)
            elif field.required:
                message = f"The required key {field.name!r} is missing. {field.help}{_example(field)}"
                self.report.add(given or node, here, message, "missing_key")
        return values

    def unknown_keys(self, node: Map, known: Collection[str], where: str) -> None:
        """Report the keys that nobody reads. Their values are not shown: a mistyped key may hold a secret."""
        for name, key in node.keys.items():
            if name not in known:
                message = f"The key {name!r} is not known here. {nearest(name, known)}"
                self.report.add(key, f"{where}.{name}".lstrip("."), message, "unknown_key")

    def value(self, node: Node, field: Field, where: str, *, expand: bool = True) -> Any:
        """The field's value; its default if the node does not hold one, which is reported."""
        try:
            if field.kind in ("map", "list"):
                return self._collection(node, field, where)
            if field.kind == "group":
                return self._group(node, field, where)
            if not isinstance(node, Scalar):
                if field.kind == "secret" and isinstance(node, Map) and "kept" in node.keys:
                    raise Wrong("The secret that was kept is lost, or no key opens it. Give it again.", "secret_lost")
                raise Wrong(f"One value is expected, not {_KINDS[type(node)]}.{_example(field)}")
            text = self.text(node, where, secret=field.kind == "secret") if expand else node.text
            if text is None:
                return field.default
            if field.required and not text.strip():
                raise Wrong(f"The value is empty. {field.help}{_example(field)}", "missing_value")
            return _CONVERT[field.kind](text, field)
        except Wrong as wrong:
            shown = "" if _may_be_secret(node, field) else written(node)
            from_outside = isinstance(node, Scalar) and expand and "${" in node.text and field.kind != "secret"
            message = f"{wrong.message} (The value comes from the environment.)" if from_outside else wrong.message
            self.report.add(node, where, message, wrong.code, shown)
            return field.default

    def text(self, node: Scalar, where: str, *, secret: bool = False) -> str | None:
        """The scalar with its variables put in; None if one of them is missing, which is reported."""
        whole = True

        def put(match: re.Match[str]) -> str:
            nonlocal whole
            escaped, name, default = match.groups()
            if escaped:
                return "${"
            if name and (why := self._refused(name)):
                whole = False
                self.report.add(node, where, why, "variable_refused", f"${{{name}}}")
                return ""
            held = self._env.get(name) if name else None
            if held is not None and (held or default is None):
                return held
            if default is not None:
                return str(default)
            whole = False
            if name is None:
                message = "A variable is written ${NAME} or ${NAME:-default}. Where ${ is meant as text, write $${."
                self.report.add(node, where, message, "bad_variable", "" if secret else written(node))
            else:
                otherwise = f"keep it: headrace secret set {name}" if secret else f"write ${{{name}:-default}}"
                message = f"The environment variable {name} is not set. Set it, or {otherwise}."
                self.report.add(node, where, message, "missing_variable", f"${{{name}}}")
            return ""

        text = _VARIABLE.sub(put, node.text)
        return text if whole else None

    def plain(self, node: Node, where: str) -> Any:
        """A free-form value as JSON would have it: map, list, text, number, boolean or None."""
        if isinstance(node, Map):
            return {name: self.plain(item, f"{where}.{name}") for name, item in node.items.items()}
        if isinstance(node, List):
            return [self.plain(item, f"{where}[{index}]") for index, item in enumerate(node.items)]
        text = self.text(node, where, secret=True)
        return text if text is None or node.quoted else typed(text)

    def _group(self, node: Node, field: Field, where: str) -> dict[str, Any]:
        if not isinstance(node, Map):
            raise Wrong(f"A map is expected, not {_KINDS[type(node)]}.{_example(field)}")
        self.unknown_keys(node, [inner.name for inner in field.fields], where)
        return self.fields(node, field.fields, where)

    def _collection(self, node: Node, field: Field, where: str) -> Any:
        wanted = Map if field.kind == "map" else List
        if not isinstance(node, wanted):
            raise Wrong(f"{_KINDS[wanted].capitalize()} is expected, not {_KINDS[type(node)]}.{_example(field)}")
        return self.plain(node, where)


def typed(text: str) -> Any:
    """What text without quotes means in a free-form value."""
    if text.lower() in ("", "~", "null"):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if re.match(r"[+-]?0[0-9]", text):  # a telephone number, a postal code
        return text
    if _INTEGER.fullmatch(text):
        return int(text.replace("_", ""))
    return float(text) if _NUMBER.fullmatch(text) else text


def as_number(text: str, field: Field) -> Any:
    """The text of a number or boolean as its field takes it; any other text, and what does not fit, as it is."""
    if field.kind not in ("integer", "number", "boolean"):
        return text
    try:
        return _CONVERT[field.kind](text, field)
    except Wrong:  # it holds a variable
        return text


def _text(text: str, _field: Field) -> str:
    return text


def _secret(text: str, _field: Field) -> Secret:
    return Secret(text)


def _integer(text: str, field: Field) -> int:
    if not _INTEGER.fullmatch(text.strip()):
        raise Wrong(f"A whole number is expected.{_example(field)}")
    return _in_range(int(text.strip().replace("_", "")), field)


def _number(text: str, field: Field) -> float:
    if not _NUMBER.fullmatch(text.strip()):
        raise Wrong(f"A number is expected.{_example(field)}")
    return _in_range(float(text.strip()), field)


def _boolean(text: str, _field: Field) -> bool:
    if text.strip().lower() not in _BOOLEANS:
        raise Wrong("Write true or false.")
    return _BOOLEANS[text.strip().lower()]


def _choice(text: str, field: Field) -> str:
    folded = {choice.lower(): choice for choice in field.choices}
    if text.strip().lower() not in folded:
        raise Wrong(f"Write one of: {', '.join(field.choices)}.", "unknown_choice")
    return folded[text.strip().lower()]


def _url(text: str, field: Field) -> str:
    try:
        parts = urlsplit(text)
        sound = bool(parts.scheme and parts.hostname) and (parts.port or 1) > 0 and text.split() == [text]
    except ValueError:
        sound = False
    if not sound:
        raise Wrong(f"A URL with scheme and host is expected.{_example(field, 'https://api.example.com')}", "bad_url")
    return text


_CONVERT: dict[str, Callable[[str, Field], Any]] = {
    "text": _text,
    "path": _text,
    "secret": _secret,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "choice": _choice,
    "url": _url,
}


def _in_range(number: N, field: Field) -> N:
    if field.minimum is not None and number < field.minimum:
        raise Wrong(f"At least {field.minimum:g} is expected.{_example(field)}", "out_of_range")
    if field.maximum is not None and number > field.maximum:
        raise Wrong(f"At most {field.maximum:g} is expected.{_example(field)}", "out_of_range")
    return number


def _example(field: Field, otherwise: Any = None) -> str:
    example = field.example if field.example is not None else otherwise
    return f" Example: {field.name}: {example}" if example is not None and field.kind != "secret" else ""


def _may_be_secret(node: Node, field: Field) -> bool:
    """Secrets, free-form maps (an SSH password), and addresses that hold credentials."""
    return field.kind in ("secret", "map", "list", "group") or (field.kind == "url" and "@" in written(node))
