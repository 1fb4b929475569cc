"""A project folder as one `Project`, or everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from headrace.config.connections import connection
from headrace.config.files import File, read
from headrace.config.nodes import Map, Node, Scalar, parse
from headrace.config.report import Report
from headrace.config.syncs import Names, circles, sync
from headrace.config.values import Reader
from headrace.connector import Spec
from headrace.errors import ConfigError, Finding
from headrace.model import Project

Made = TypeVar("Made")

SECTIONS = ("sources", "destinations", "syncs")

Entries = dict[str, tuple[Scalar, Node | None]]  # None: the value could not be read, which is reported


def load(base: Path, env: Mapping[str, str], specs: Mapping[tuple[str, str], Spec]) -> Project:
    """Read the project in ``base``. Raises `ConfigError` with every finding; see `load_with_warnings`."""
    return load_with_warnings(base, env, specs)[0]


def load_with_warnings(
    base: Path, env: Mapping[str, str], specs: Mapping[tuple[str, str], Spec]
) -> tuple[Project, tuple[Finding, ...]]:
    """The project, and what is allowed but unwise.

    ``specs`` holds the connectors by (``source`` | ``destination``, type). No finding shows the value of a secret.
    """
    report = Report()
    reader = Reader(env, report)
    files, unread = read(base)
    report.findings += unread
    sections, complete = _sections(files, reader)
    names = Names(
        sources=frozenset(sections["sources"]),
        destinations=frozenset(sections["destinations"]),
        syncs=frozenset(sections["syncs"]),
        complete=complete and not unread,
    )
    project = Project(
        sources=_made(sections["sources"], lambda key, node: connection(reader, "source", key, node, specs)),
        destinations=_made(
            sections["destinations"], lambda key, node: connection(reader, "destination", key, node, specs)
        ),
        syncs=_made(sections["syncs"], lambda key, node: sync(reader, key, node, names, base)),
    )
    for name in circles(project.syncs):
        key = sections["syncs"][name][0]
        message = "Syncs wait for one another in a circle. Give one of them a time."
        report.add(key, f"syncs.{name}.schedule", message, "schedule_circle", project.syncs[name].schedule)
    if report.findings:
        order = {file.name: index for index, file in enumerate(files)}
        raise ConfigError(sorted(report.findings, key=lambda found: (order.get(found.file, len(order)), found.line)))
    return project, tuple(report.warnings)


def _made(entries: Entries, make: Callable[[Scalar, Node], Made | None]) -> dict[str, Made]:
    """The entries that are well, made into what they stand for."""
    made = {name: make(key, node) for name, (key, node) in entries.items() if node is not None}
    return {name: one for name, one in made.items() if one is not None}


def _sections(files: list[File], reader: Reader) -> tuple[dict[str, Entries], bool]:
    """All entries of all files by section; False if one of the files could not be read in full."""
    sections: dict[str, Entries] = {section: {} for section in SECTIONS}
    complete, filled = True, False
    for file in files:
        root, findings = parse(file.name, file.data)
        reader.report.findings += findings
        if root is None or (isinstance(root, Scalar) and root.empty):
            complete = complete and not findings
            continue
        filled = True
        if isinstance(root, Map):
            reader.unknown_keys(root, SECTIONS, "")
            for section in SECTIONS:
                complete = _collect(sections[section], section, root, reader) and complete
        else:
            complete = False
            message = "A map with sources, destinations and syncs is expected."
            reader.report.add(root, "yaml", message, "wrong_type")
    if files and complete and not filled:
        message = "The file is empty. Write sources, destinations and syncs, or let `headrace init` write an example."
        reader.report.add(Scalar(files[0].name, 1, ""), "yaml", message, "empty_file")
    return sections, complete


def _collect(entries: Entries, section: str, root: Map, reader: Reader) -> bool:
    """Add the section's entries; False if it could not be read."""
    node = root.items.get(section)
    if node is None or (isinstance(node, Scalar) and node.empty):
        return node is not None or section not in root.keys
    if not isinstance(node, Map):
        message = f"A map of names is expected, like {section}: {{name: …}}"
        reader.report.add(node, section, message, "wrong_type")
        return False
    for name, key in node.keys.items():
        if name in entries:
            first = entries[name][0]
            message = f"The name is also used in {first.file}, line {first.line}. Rename or remove one."
            reader.report.add(key, f"{section}.{name}", message, "duplicate_name")
        else:
            entries[name] = (key, node.items.get(name))
    return True
