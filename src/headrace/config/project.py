"""Files and stored definitions as one `Project`, judged by the same code.

What is wrong in files is said at once, and there is no project then. What the store holds may have become wrong since
it was accepted; it is left out with its reasons (`Project.broken`), and so is what refers to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from headrace.config.alerts import channel
from headrace.config.bodies import STORE, node_of
from headrace.config.connections import Role, connection
from headrace.config.nodes import Map, Node, Scalar
from headrace.config.report import Report
from headrace.config.sections import Written
from headrace.config.service import merged, runtime_settings, service
from headrace.config.syncs import Names, circles, sync
from headrace.config.values import Reader
from headrace.connector import Spec
from headrace.definitions import Definition, Kind
from headrace.errors import ConfigError, Finding
from headrace.model import Connection, Sync
from headrace.project import Project
from headrace.service import Service

Made = TypeVar("Made")
Specs = Mapping[tuple[str, str], Spec]

_NO_PROJECT = ("no_configuration", "empty_file")


def load(base: Path, env: Mapping[str, str], specs: Specs) -> Project:
    """Read the project in ``base``. Raises `ConfigError` with every finding; see `load_with_warnings`."""
    return load_with_warnings(base, env, specs)[0]


def load_with_warnings(
    base: Path, env: Mapping[str, str], specs: Specs, stored: Sequence[Definition] = (), *, need_files: bool = True
) -> tuple[Project, tuple[Finding, ...]]:
    """The project, and what is allowed but unwise; see `assemble`."""
    return assemble(Written(base), env, specs, stored, need_files=need_files)


def assemble(
    written: Written,
    env: Mapping[str, str],
    specs: Specs,
    stored: Sequence[Definition] = (),
    *,
    need_files: bool = True,
) -> tuple[Project, tuple[Finding, ...]]:
    """The project of files and ``stored`` definitions, and what is allowed but unwise.

    ``specs`` holds the connectors by (``source`` | ``destination``, type). A body of ``stored`` holds a `Secret` where
    one is kept. No finding shows the value of a secret. Raises `ConfigError` with all that is wrong in the files; that
    there are none is wrong if ``need_files`` and nothing is stored.
    """
    assembly = _Assembly(written, env, specs, stored)
    project = assembly.project()
    found = [f for f in assembly.report.findings if f.code not in _NO_PROJECT or (need_files and not stored)]
    if found:
        order = written.order
        raise ConfigError(sorted(found, key=lambda finding: (order.get(finding.file, len(order)), finding.line)))
    return project, tuple(assembly.report.warnings)


class _Assembly:
    """The parts of a project on their way together. ``report`` is what is said of the files."""

    def __init__(self, written: Written, env: Mapping[str, str], specs: Specs, stored: Sequence[Definition]) -> None:
        self.written, self.env, self.specs = written, env, specs
        self.report = Report([*written.findings])
        self.reader = Reader(env, self.report)
        self.broken: dict[tuple[Kind, str], list[Finding]] = {}
        self.stored: dict[Kind, dict[str, tuple[Definition, Scalar]]] = {kind: {} for kind in Kind}
        for each in stored:
            key = Scalar(STORE, each.version, each.name)
            if each.name in written.sections[each.kind.section] and each.kind is not Kind.SETTINGS:
                message = "The name is defined in a file, which wins. Rename one of them."
                self.report.warn(key, f"{each.kind.section}.{each.name}", message, "shadowed")
            else:
                self.stored[each.kind][each.name] = each, key

    def project(self) -> Project:
        settings = self._service()
        sources = self._connections(Kind.SOURCE, "source")
        destinations = self._connections(Kind.DESTINATION, "destination")
        self._one_key_one_source(sources)
        names = self._names(settings)
        syncs = self._made(Kind.SYNC, lambda reader, key, node: sync(reader, key, node, names, self._queries(key)))
        self._unbroken(syncs, sources, destinations)
        self._without_circles(syncs)
        mail = settings.mail is not None
        alerts = self._made(Kind.ALERT, lambda reader, key, node: channel(reader, key, node, names, mail=mail))
        return Project(sources, destinations, syncs, alerts, settings, self.broken)

    # ----------------------------------------------------------------------------------------------------- one by one

    def _made(self, kind: Kind, make: Callable[[Reader, Scalar, Node], Made | None]) -> dict[str, Made]:
        """What files and store define of a kind, as far as it is well."""
        made = {}
        for name, (key, node) in self.written.sections[kind.section].items():
            if node is not None and (one := make(self.reader, key, node)) is not None:
                made[name] = one
        for name, (definition, key) in self.stored[kind].items():
            report = Report()
            reader = Reader(self.env, report, _refused_in[kind])
            node = self._node(definition, key, report)
            if node is not None and (one := make(reader, key, node)) is not None:
                made[name] = one
            if report.findings:
                self.broken[kind, name] = report.findings
            self.report.warnings += report.warnings
        return made

    def _connections(self, kind: Kind, role: Role) -> dict[str, Connection]:
        base = self.written.base
        return self._made(kind, lambda reader, key, node: connection(reader, role, key, node, self.specs, base))

    def _node(self, definition: Definition, key: Scalar, report: Report) -> Node | None:
        try:
            return node_of(definition.body, definition.version)
        except ValueError as error:
            report.add(key, f"{definition.kind.section}.{definition.name}", str(error), "bad_body")
            return None

    def _queries(self, key: Scalar) -> Callable[[str], str]:
        return _no_query_file if key.file == STORE else self.written.query

    def _names(self, settings: Service) -> Names:
        def defined(kind: Kind) -> frozenset[str]:
            return frozenset({*self.written.sections[kind.section], *self.stored[kind]})

        return Names(
            sources=defined(Kind.SOURCE),
            destinations=defined(Kind.DESTINATION),
            syncs=defined(Kind.SYNC),
            complete=self.written.complete,
            receiving=frozenset(self._receiving()),
            seconds=settings.seconds,
        )

    def _receiving(self) -> Iterable[str]:
        """Sources of types that receive, whether or not all else about them is well."""
        for name, (_, node) in self.written.sections["sources"].items():
            kind = node.items.get("type") if isinstance(node, Map) else None
            if isinstance(kind, Scalar) and self._receives(kind.text):
                yield name
        for name, (definition, _) in self.stored[Kind.SOURCE].items():
            if self._receives(definition.body.get("type")):
                yield name

    def _receives(self, kind: object) -> bool:
        return isinstance(kind, str) and ("source", kind) in self.specs and self.specs["source", kind].receives

    # ------------------------------------------------------------------------------------------------------- together

    def _service(self) -> Service:
        """The files' settings over those of the store; the files' alone where the two do not go together."""
        written, held = self.written.service(), self.stored[Kind.SETTINGS].get("service")
        if held is None:
            return service(self.reader, written)
        report = Report()
        node = self._node(*held, report)
        if isinstance(node, Map):
            runtime_settings(Reader(self.env, report, _refused_in[Kind.SETTINGS]), node)
        if isinstance(node, Map) and not report.findings:
            both = Report()
            made = service(Reader(self.env, both), merged(node, written))
            if not both.findings:
                return made
            report.findings += both.findings
        self.broken[Kind.SETTINGS, "service"] = report.findings
        return service(self.reader, written)

    def _one_key_one_source(self, sources: dict[str, Connection]) -> None:
        """A write key names the source: no two may have the same."""
        seen: dict[str, str] = {}
        for name, source in list(sources.items()):
            key = source.settings.get("write_key") if self._receives(source.type) else None
            if key and key.reveal() in seen:
                message = f"The source {seen[key.reveal()]!r} has the same write key. Give this one another."
                self._strike(Kind.SOURCE, name, sources, "write_key", message, code="duplicate_write_key")
            elif key:
                seen[key.reveal()] = name

    def _unbroken(
        self, syncs: dict[str, Sync], sources: Mapping[str, Connection], destinations: Mapping[str, Connection]
    ) -> None:
        """Leave out what refers to something that the store holds and that is broken."""
        for name, one in list(syncs.items()):
            for kind, made, referred in (
                (Kind.SOURCE, sources, (one.source,)),
                (Kind.DESTINATION, destinations, one.destinations),
            ):
                for other in referred:
                    if other not in made and (kind, other) in self.broken and name in syncs:
                        message = f"The {kind} {other!r} has errors of its own. Mend it first."
                        place = self._place(Kind.SYNC, name)
                        found = Finding(place.file, place.line, f"syncs.{name}", other, message, "broken_reference")
                        self.broken[Kind.SYNC, name] = [found]
                        del syncs[name]

    def _without_circles(self, syncs: dict[str, Sync]) -> None:
        """Report syncs that wait for one another; of a circle, what the store holds is left out."""
        message = "Syncs wait for one another in a circle. Give one of them a time."
        while waiting := circles(syncs):
            ours = [name for name in waiting if name in self.stored[Kind.SYNC]]
            for name in ours or waiting:
                self._strike(Kind.SYNC, name, syncs, "schedule", message, syncs[name].schedule, code="schedule_circle")

    def _strike(
        self, kind: Kind, name: str, made: dict[str, Made], key: str, message: str, value: str = "", *, code: str
    ) -> None:
        place = self._place(kind, name)
        finding = Finding(place.file, place.line, f"{kind.section}.{name}.{key}", value, message, code)
        if name in self.stored[kind]:
            self.broken[kind, name] = [finding]
        else:
            self.report.findings.append(finding)
        del made[name]

    def _place(self, kind: Kind, name: str) -> Scalar:
        if name in self.stored[kind]:
            return self.stored[kind][name][1]
        return self.written.sections[kind.section][name][0]


def _no_query_file(_name: str) -> str:
    raise ValueError("A query file belongs to the files of a project. Write the query itself.")


def _of_headrace(name: str) -> str:
    if name.upper().startswith("HEADRACE_"):
        return f"{name} is Headrace's own, and no setting of a connection. Name another variable."
    return ""


def _none(_name: str) -> str:
    return "Variables stand in files and in connections only. Write the value; where ${ is meant as text, write $${."


# Whoever writes a sync must not read the machine's environment by it; nor an owner the keys of Headrace itself.
_refused_in = {
    Kind.SOURCE: _of_headrace,
    Kind.DESTINATION: _of_headrace,
    Kind.ALERT: _of_headrace,
    Kind.SYNC: _none,
    Kind.SETTINGS: _none,
}
