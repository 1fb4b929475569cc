"""Where sources, destinations, syncs and alert channels are made, changed and deleted by people and programs.

Everything is judged before it is saved, together with all that refers to it, by the code that judges files. What a
file defines is shown here and edited there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from headrace.config import SERVICE, STORE, body_of
from headrace.config.nodes import Map, Scalar
from headrace.connectors import fields_of
from headrace.definitions import Definition, Kind
from headrace.errors import ConfigError, Conflict, Finding, RunLive, UsageError
from headrace.model import Check, Connection
from headrace.people import Change
from headrace.project import Project
from headrace.workshop_secrets import dotted, put_back, record, slots_of, taken_out, veiled

if TYPE_CHECKING:
    from headrace.app import App

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """A definition as it may be shown: a secret that has a value is ``{"kept": true}`` in its body.

    ``version`` is the ETag; of what a file defines it is 0, of its syncs their newest version.
    """

    kind: Kind
    name: str
    body: Body
    origin: str  # file | store
    place: str  # headrace.yaml:12; store
    version: int
    updated_at: datetime | None = None
    updated_by: str = ""
    findings: tuple[Finding, ...] = ()  # why it cannot be used (any more)


class Workshop:
    """The definitions of one `App`. Verbs that write take the ``audit`` entry without its before and after."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = asyncio.Lock()  # so that no two edits here are fine alone, and wrong together

    # ----------------------------------------------------------------------------------------------------- to look at

    async def shown(self, kind: Kind, name: str) -> Shown:
        """One definition. Raises `UsageError` (``unknown_source`` …)."""
        await self._app.reload_if_changed()
        return self._shown(kind, name)

    async def listed(self, kind: Kind) -> list[Shown]:
        """All of a kind, by name."""
        await self._app.reload_if_changed()
        return self._all(kind)

    async def users(self, kind: Kind) -> Mapping[str, list[str]]:
        """What refers to the definitions of a kind, by their names: ``sync people``."""
        await self._app.reload_if_changed()
        users = [each for other in (Kind.SYNC, Kind.ALERT) for each in self._all(other)]
        found: dict[str, list[str]] = {}
        for each in users:
            for name in set(_referred(each, kind)):
                found.setdefault(name, []).append(f"{each.kind} {each.name}")
        return found

    # ----------------------------------------------------------------------------------------------------- to work on

    async def create(self, kind: Kind, name: str, body: Body, *, by: str, audit: Change | None = None) -> Shown:
        """Raises `Conflict` (``name_taken``), and `ConfigError` with all that is wrong."""
        async with self._editing():
            if name in self._in_files(kind) or self._stored(kind, name) is not None:
                raise Conflict(
                    f"There is a {kind} {name!r} already, in {self._place(kind, name)}. Choose another name.",
                    code="name_taken",
                )
            return await self._save(kind, name, body, None, by, audit)

    async def update(
        self, kind: Kind, name: str, body: Body, version: int, *, by: str, audit: Change | None = None
    ) -> Shown:
        """Replace the body. A secret that is absent or ``{"kept": true}`` stays; null removes it.

        Raises `Conflict` (``edited``, ``managed_by_file``), and `ConfigError` with all that is wrong. The settings may
        be updated from version 0, where there are none yet.
        """
        async with self._editing():
            old = await self._editable(kind, name, version)
            return await self._save(kind, name, body, old, by, audit)

    async def delete(self, kind: Kind, name: str, version: int, *, audit: Change | None = None) -> None:
        """Raises `Conflict` (``edited``, ``managed_by_file``, ``in_use``, ``run_live``). A sync's runs are kept."""
        async with self._editing():
            old = await self._editable(kind, name, version)
            if old is None:
                raise _unknown(kind, name)
            if users := ", ".join(sorted(set(self._users(kind, name)))):
                raise Conflict(f"The {kind} {name!r} is in use: {users}. Change or delete that first.", code="in_use")
            if kind is Kind.SYNC and (run := await self._app.store.live_run(name)) is not None:
                raise RunLive(f"The sync {name!r} has a live run: {run.id}. Wait for it, or cancel it.", run_id=run.id)
            change = replace(audit, before=_told(kind, old.body)) if audit else None
            await self._app.store.delete_definition(kind, name, version, audit=change)
            for slot in await self._app.vault.slots(record(kind, name)):
                await self._app.vault.delete(record(kind, name), slot)
            await self._app.reload_if_changed()

    async def judge(self, kind: Kind, name: str, body: Body) -> tuple[Finding, ...]:
        """All that would be wrong with a body, and with what refers to it; nothing is saved."""
        try:
            await self._tried(kind, name, body)
        except ConfigError as error:
            return error.findings
        return ()

    async def connection(self, kind: Kind, name: str, body: Body) -> Connection:
        """A source or destination with settings that are not saved. Raises `ConfigError` with all that is wrong."""
        project = await self._tried(kind, name, body)
        return (project.sources if kind is Kind.SOURCE else project.destinations)[name]

    async def test(self, kind: Kind, name: str, body: Body) -> Check:
        """Check a source or destination with settings that are not saved; kept secrets are used where it says so."""
        return await self._app.check_connection(kind.value, await self.connection(kind, name, body))

    # ------------------------------------------------------------------------------------------------------- saving

    @asynccontextmanager
    async def _editing(self) -> AsyncIterator[None]:
        async with self._lock:
            await self._app.reload_if_changed()
            yield

    async def _save(
        self, kind: Kind, name: str, body: Body, old: Definition | None, by: str, audit: Change | None
    ) -> Shown:
        """Secrets first, each in a slot of its own; they begin to count with the definition that names them."""
        store, vault, before = self._app.store, self._app.vault, old.body if old else {}
        made, secrets = taken_out(kind, body, before)
        new = Definition(kind, name, old.version + 1 if old else 1, made, self._app.clock.now(), by)
        await self._judged(put_back(new, {**self._app.loader.opened(kind, name), **secrets}))
        was = _told(kind, before) if old else None
        change = replace(audit, before=was, after=_told(kind, made)) if audit else None
        for slot, secret in secrets.items():
            await vault.put(record(kind, name), slot, secret)
        try:
            await (store.update_definition if old else store.create_definition)(new, audit=change)
        except Conflict:
            await self._forget(kind, name, secrets)
            raise
        await self._forget(kind, name, slots_of(kind, before) - slots_of(kind, made))
        await self._app.reload_if_changed()
        return self._shown(kind, name)

    async def _forget(self, kind: Kind, name: str, slots: Iterable[str]) -> None:
        for slot in slots:
            await self._app.vault.delete(record(kind, name), slot)

    async def _tried(self, kind: Kind, name: str, body: Body) -> Project:
        """The project with a body that is not saved. Raises `ConfigError`."""
        await self._app.reload_if_changed()
        if name in self._in_files(kind):
            raise self._managed(kind, name)
        old = self._stored(kind, name)
        made, secrets = taken_out(kind, body, old.body if old else {})
        candidate = Definition(kind, name, old.version if old else 0, made, self._app.clock.now(), "")
        return await self._judged(put_back(candidate, {**self._app.loader.opened(kind, name), **secrets}))

    async def _judged(self, candidate: Definition) -> Project:
        """The project with the candidate. Raises `ConfigError` where it, or what was well without it, is broken."""
        project = await self._app.loader.trial(candidate)
        if own := project.broken.get((candidate.kind, candidate.name)):
            raise ConfigError(own)
        before = self._app.project.broken
        if others := [finding for key, each in project.broken.items() if key not in before for finding in each]:
            raise ConfigError(others)
        return project

    async def _editable(self, kind: Kind, name: str, version: int) -> Definition | None:
        """What the store holds, in this version; None for settings that nobody made yet."""
        if name in self._in_files(kind):
            raise self._managed(kind, name)
        old = self._stored(kind, name)
        if old is None and kind is Kind.SETTINGS and name == SERVICE and version == 0:
            return None
        if old is None:
            raise _unknown(kind, name)
        if old.version != version:
            raise Conflict(
                f"The {kind} {name!r} was edited by {old.updated_by}. Look at it again, then make your change.",
                code="edited",
            )
        return old

    def _users(self, kind: Kind, name: str) -> Iterator[str]:
        """What refers to a definition, whether or not it is well: ``sync people``."""
        for other in (Kind.SYNC, Kind.ALERT):
            for each in self._all(other):
                if name in _referred(each, kind):
                    yield f"{other} {each.name}"

    # ------------------------------------------------------------------------------------------------------- looking

    def _in_files(self, kind: Kind) -> Collection[str]:
        return () if kind is Kind.SETTINGS else self._app.loader.written.sections[kind.section]

    def _stored(self, kind: Kind, name: str) -> Definition | None:
        """What the store defines, with markers in the place of secrets."""
        return self._app.loader.stored.get((kind, name))

    def _all(self, kind: Kind) -> list[Shown]:
        stored = (name for held, name in self._app.loader.stored if held is kind)
        return [self._shown(kind, name) for name in sorted({*self._in_files(kind), *stored})]

    def _shown(self, kind: Kind, name: str) -> Shown:
        findings = tuple(self._app.project.broken.get((kind, name), ()))
        if name in self._in_files(kind):
            _, node = self._app.loader.written.sections[kind.section][name]
            body = body_of(node, fields_of(kind, _type_of(node))) if isinstance(node, Map) else {}
            version = self._app.versions.get(name, 0) if kind is Kind.SYNC else 0
            return Shown(kind, name, body, "file", self._place(kind, name), version, findings=findings)
        held = self._stored(kind, name)
        if held is None and kind is Kind.SETTINGS and name == SERVICE:
            return Shown(kind, name, {}, "store", STORE, 0)
        if held is None:
            raise _unknown(kind, name)
        body, at, by = dotted(held.body), held.updated_at, held.updated_by
        return Shown(kind, name, body, "store", STORE, held.version, at, by, findings)

    def _place(self, kind: Kind, name: str) -> str:
        if name not in self._in_files(kind):
            return f"the {STORE}"
        key, _ = self._app.loader.written.sections[kind.section][name]
        return f"{key.file}:{key.line}"

    def _managed(self, kind: Kind, name: str) -> Conflict:
        place = self._place(kind, name)
        return Conflict(f"The {kind} {name!r} is managed by a file: {place}. Edit it there.", code="managed_by_file")


def _told(kind: Kind, body: Body) -> dict[str, Any]:
    """What the audit log tells of a stored body."""
    return veiled(kind, dotted(body))


def _unknown(kind: Kind, name: str) -> UsageError:
    return UsageError(f"There is no {kind} {name!r}. See the list.", code=f"unknown_{kind}")


def _type_of(node: Map) -> str:
    kind = node.items.get("type")
    return kind.text if isinstance(kind, Scalar) else ""


def _referred(user: Shown, kind: Kind) -> list[str]:
    """The names of definitions of a kind that a sync or alert channel gives."""
    body = user.body
    match user.kind, kind:
        case Kind.SYNC, Kind.SOURCE:
            return [str(body.get("source"))]
        case (Kind.SYNC, Kind.DESTINATION) | (Kind.ALERT, Kind.SYNC):
            return [str(name) for name in _listed(body.get(kind.section))]
        case Kind.SYNC, Kind.SYNC:
            first, _, other = " ".join(str(body.get("schedule", "")).split()).lower().partition(" ")
            return [other] if first == "after" else []
        case _:
            return []


def _listed(value: Any) -> Collection[Any]:
    return value if isinstance(value, list) else ()
