"""What the files of a project say, read once: their entries by section, as nodes with lines; nothing is judged yet."""

from __future__ import annotations

from pathlib import Path

from headrace.config.files import File, mentioned, read, read_query
from headrace.config.nodes import Map, Node, Scalar, parse
from headrace.config.report import Report
from headrace.config.values import Reader
from headrace.errors import Finding

SECTIONS = ("sources", "destinations", "syncs", "alerts")  # maps of names
SERVICE = "service"  # a map of settings

Entries = dict[str, tuple[Scalar, Node | None]]  # None: the value could not be read, which is reported


class Written:
    """All that stands in the files of a project. It stays as it was read, whatever becomes of the files.

    ``findings`` is what is wrong with their form; ``complete`` is False where one of them could not be read in full.
    """

    def __init__(self, base: Path) -> None:
        files, unread = read(base)
        report = Report()
        self.base = base
        self.order = {file.name: index for index, file in enumerate(files)}
        self.variables = {name for file in files for name in mentioned(file.data)}
        self.sections: dict[str, Entries] = {section: {} for section in (*SECTIONS, SERVICE)}
        whole = all(finding.code == "no_configuration" for finding in unread)
        self.complete = self._collect(files, Reader({}, report)) and whole
        self.findings: tuple[Finding, ...] = (*unread, *report.findings)
        self._queries: dict[str, str | ValueError] = {}

    def query(self, name: str) -> str:
        """The text of a query file, as it was when it was first asked for. Raises `ValueError` that says what to do."""
        if name not in self._queries:
            try:
                self._queries[name] = read_query(self.base, name)
            except ValueError as error:
                self._queries[name] = error
        found = self._queries[name]
        if isinstance(found, ValueError):
            raise ValueError(str(found))  # noqa: TRY004  it is one already
        return found

    def service(self) -> Map:
        """The settings of all files as one map; empty where there are none."""
        entries = self.sections[SERVICE]
        first = next((key for key, _ in entries.values()), Scalar(next(iter(self.order), "headrace.yaml"), 1, ""))
        items = {name: node for name, (_, node) in entries.items() if node is not None}
        return Map(first.file, first.line, {name: key for name, (key, _) in entries.items()}, items, 1)

    def _collect(self, files: list[File], reader: Reader) -> bool:
        complete, filled = True, False
        for file in files:
            root, findings = parse(file.name, file.data)
            reader.report.findings += findings
            if root is None or (isinstance(root, Scalar) and root.empty):
                complete = complete and not findings
                continue
            filled = True
            if isinstance(root, Map):
                reader.unknown_keys(root, list(self.sections), "")
                for section in self.sections:
                    complete = self._section(section, root, reader) and complete
            else:
                complete = False
                message = "A map with sources, destinations and syncs is expected."
                reader.report.add(root, "yaml", message, "wrong_type")
        if files and complete and not filled:
            message = (
                "The file is empty. Write sources, destinations and syncs, or let `headrace init` write an example."
            )
            reader.report.add(Scalar(files[0].name, 1, ""), "yaml", message, "empty_file")
        return complete

    def _section(self, section: str, root: Map, reader: Reader) -> bool:
        """Add the section's entries; False if it could not be read."""
        entries, node = self.sections[section], root.items.get(section)
        if node is None or (isinstance(node, Scalar) and node.empty):
            return node is not None or section not in root.keys
        if not isinstance(node, Map):
            example = "{key: …}" if section == SERVICE else "{name: …}"
            what = "settings" if section == SERVICE else "names"
            reader.report.add(node, section, f"A map of {what} is expected, like {section}: {example}", "wrong_type")
            return False
        for name, key in node.keys.items():
            if name in entries:
                first = entries[name][0]
                message = f"The name is also used in {first.file}, line {first.line}. Rename or remove one."
                reader.report.add(key, f"{section}.{name}", message, "duplicate_name")
            else:
                entries[name] = (key, node.items.get(name))
        return True
