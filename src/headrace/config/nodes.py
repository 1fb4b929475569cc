"""YAML text as nodes that know their lines. Scalars stay as written: what they mean depends on who asks.

So ``password: 0123`` is the text 0123 and ``country: no`` the text no. Anchors, aliases and ``<<`` work; how much
aliases may expand to is limited, as are depth and size, so that no file can eat the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from headrace.errors import Finding

MOST_BYTES = 5_000_000  # of one file
_MOST_SIZE = 500_000  # of all values, aliases counted as often as they stand
_MOST_DEPTH = 40
_CHARACTERS_PER_SIZE = 100

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same events; C reads megabytes in a second
_CONTROL = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_QUOTING = ("'", '"', "|", ">")
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")} | {"!"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as text. ``literal``: a block written with ``|``, whose first line stands below ``line``."""

    file: str
    line: int
    text: str
    quoted: bool = True
    literal: bool = False

    @property
    def empty(self) -> bool:
        """Nothing was written, or ``null``."""
        return not self.quoted and self.text.lower() in ("", "~", "null")

    @property
    def size(self) -> int:
        return 1 + len(self.text) // _CHARACTERS_PER_SIZE


@dataclass(frozen=True, slots=True)
class List:
    file: str
    line: int
    items: tuple[Node, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Map:
    file: str
    line: int
    keys: dict[str, Scalar]
    items: dict[str, Node]
    size: int


Node = Scalar | List | Map


def parse(file: str, data: bytes) -> tuple[Node | None, list[Finding]]:
    """The document of a file, and what is wrong with its form; None where it cannot be read, or holds nothing."""
    if len(data) > MOST_BYTES:
        message = f"The file has {len(data):,} bytes; at most {MOST_BYTES:,} are read. Split it over headrace/*.yaml."
        return None, [Finding(file, 1, "yaml", "", message, "file_too_large")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return None, [Finding(file, line, "yaml", "", "The file is not UTF-8. Save it as UTF-8.", "not_utf8")]
    if match := _CONTROL.search(text):
        line = text[: match.start()].count("\n") + 1
        message = f"A control character (U+{ord(match.group()):04X}) stands here. Remove it."
        return None, [Finding(file, line, "yaml", "", message, "yaml_syntax")]
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except _TooMuch as error:
        builder.found(error.line, str(error), "yaml_too_large")
        return None, builder.findings
    except yaml.YAMLError as error:
        builder.found(*_syntax(text, error), "yaml_syntax")
        return None, builder.findings
    return builder.root, builder.findings


class _TooMuch(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class _Frame:
    """A collection that is being read."""

    line: int
    anchor: str | None
    mapping: bool
    label: str  # of the path
    nodes: list[Node | None] = field(default_factory=list)  # of a mapping: key, value, key, value…; None: given up

    def next_label(self) -> str:
        if not self.mapping:
            return f"[{len(self.nodes)}]"
        key = self.nodes[-1] if len(self.nodes) % 2 else None
        return f".{key.text}" if isinstance(key, Scalar) else ""


class _Builder:
    """Takes events, makes nodes; has no recursion, so depth is no danger."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.findings: list[Finding] = []
        self._frames: list[_Frame] = []
        self._anchors: dict[str, Node | None] = {}  # None while the anchor's own value is being read
        self._documents = 0

    def found(self, line: int, message: str, code: str, key: str = "") -> None:
        labels = [frame.label for frame in self._frames] + [f".{key}" if key else ""]
        where = "".join(labels).lstrip(".")
        self.findings.append(Finding(self.file, line, where or "yaml", "", message, code))

    def take(self, event: yaml.Event) -> None:
        assert event.start_mark is not None, "parsers mark every event"
        line = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents == 2:
                    self.found(line, "A second document begins here. Write one per file, without ---.", "yaml_document")
            case yaml.AliasEvent():
                self._put(self._alias(str(event.anchor), line), line)
            case yaml.ScalarEvent():
                self._tag(event.tag, line)
                node = Scalar(self.file, line, event.value, event.style in _QUOTING, event.style == "|")
                self._put(node, line, event.anchor)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._tag(event.tag, line)
                self._open(event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                frame = self._frames[-1]
                collection = self._map(frame) if frame.mapping else self._list(frame)
                self._frames.pop()
                self._put(collection, frame.line, frame.anchor)

    def _open(self, event: Any, line: int) -> None:
        if len(self._frames) >= _MOST_DEPTH:
            raise _TooMuch(line, f"Values are nested more than {_MOST_DEPTH} deep. Write them flatter.")
        label = self._frames[-1].next_label() if self._frames else ""
        self._frames.append(_Frame(line, event.anchor, isinstance(event, yaml.MappingStartEvent), label))
        if event.anchor:
            self._anchors[event.anchor] = None

    def _put(self, node: Node | None, line: int, anchor: str | None = None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if node is not None and node.size > _MOST_SIZE:
            raise _TooMuch(line, "The values, with their aliases written out, are too many. Use fewer aliases.")
        if self._frames:
            self._frames[-1].nodes.append(node)
        elif self._documents == 1:
            self.root = node

    def _alias(self, name: str, line: int) -> Node | None:
        """The node an alias stands for. Its name is not shown: an unquoted password may begin with ``*``."""
        if (node := self._anchors.get(name)) is not None:
            return node
        if name in self._anchors:
            self.found(line, "This alias stands inside what it names. Write the value out.", "yaml_alias")
        else:
            message = "No anchor has the name of this alias. A value that begins with * must stand in quotes."
            self.found(line, message, "yaml_alias")
        return None

    def _tag(self, tag: str | None, line: int) -> None:
        if tag is not None and tag not in _TAGS:
            self.found(line, "Tags have no meaning here. A value that begins with ! must stand in quotes.", "yaml_tag")

    def _list(self, frame: _Frame) -> List:
        items = tuple(node for node in frame.nodes if node is not None)
        return List(self.file, frame.line, items, 1 + sum(node.size for node in items))

    def _map(self, frame: _Frame) -> Map:
        keys: dict[str, Scalar] = {}
        items: dict[str, Node] = {}
        merged: list[Node] = []
        for key, value in zip(frame.nodes[::2], frame.nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                line = key.line if key is not None else frame.line
                self.found(line, "A key must be a plain word.", "yaml_key")
            elif key.text == "<<" and not key.quoted:
                merged += [value] if value is not None else []
            elif key.text in keys:
                first = keys[key.text].line
                message = f"The key {key.text!r} stands here twice; first in line {first}. Remove one."
                self.found(key.line, message, "duplicate_key", key.text)
            else:
                keys[key.text] = key
                items |= {key.text: value} if value is not None else {}
        for source in self._merged(merged):
            keys = {**source.keys, **keys}
            items = {**source.items, **items}
        return Map(self.file, frame.line, keys, items, 1 + sum(1 + node.size for node in items.values()))

    def _merged(self, nodes: list[Node]) -> Iterator[Map]:
        """The mappings that ``<<`` names, the strongest first."""
        for node in nodes:
            for source in node.items if isinstance(node, List) else (node,):
                if isinstance(source, Map):
                    yield source
                else:
                    self.found(node.line, "What << takes up must be a mapping, or a list of mappings.", "yaml_merge")


def _syntax(text: str, error: yaml.YAMLError) -> tuple[int, str]:
    """Line and message of a syntax error. What stood in the file is not repeated: it may be a secret."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return 1, "The YAML cannot be read. Check for characters that do not belong in text."
    opened = getattr(error, "context_mark", None) or mark
    lines = text.split("\n")
    shown = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        return mark.line + 1, "A tab stands where YAML wants spaces. Indent with spaces."
    context = getattr(error, "context", None) or ""
    problem = re.sub(r"'[^']*'|\"[^\"]*\"|#x?\w+", "…", getattr(error, "problem", None) or "")
    if "quoted scalar" in context and "end of stream" in problem:
        return opened.line + 1, "The quote that opens here is not closed. Close it."
    if "flow" in context and "${" in shown:
        return mark.line + 1, "Inside { } and [ ], a ${NAME} must stand in quotes."
    if "mapping values" in problem:
        return mark.line + 1, "A second colon stands in this line, or the indentation is wrong. Quote the value."
    if any(word in context for word in ("alias", "anchor", "tag")) or "cannot start any token" in problem:
        return (
            opened.line + 1,
            "A value that begins with * & ! % @ or ` must stand in quotes: a cron line, for example.",
        )
    return mark.line + 1, f"The YAML cannot be read here: {problem}. Check indentation, quotes and brackets."
