"""Reads a project: its files when told to, what the store defines each time; and judges what it might become."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from headrace.aio import in_thread
from headrace.config import Written, assemble, mentioned
from headrace.connectors import specs
from headrace.definitions import Definition, Kind
from headrace.errors import Finding, HeadraceError
from headrace.keep.vault import VALUE, Vault, variable
from headrace.model import Secret
from headrace.project import Project
from headrace.store_port import Store
from headrace.workshop_secrets import put_back, record, slots_of

Opened = dict[str, dict[str, Secret]]
"""Secrets by record and slot. What a slot holds never changes."""

_LOST = ("key_missing", "secret_damaged")  # no reason to keep all the rest from working


@dataclass(frozen=True, slots=True)
class Loaded:
    """A project as it was read, what is allowed in it but unwise, and the store's generation just before."""

    project: Project
    doubts: tuple[Finding, ...]
    generation: int


class Loader:
    """Reads one project. ``written`` is what its files said, and ``stored`` what the store defined, when last read."""

    def __init__(
        self, written: Written, env: Mapping[str, str], store: Store, vault: Vault, *, need_files: bool = True
    ) -> None:
        self.written = written
        self.stored: dict[tuple[Kind, str], Definition] = {}
        self._env, self._store, self._vault, self._need_files = env, store, vault, need_files
        self._opened: Opened = {}

    async def read(self, *, files: bool = False) -> Loaded:
        """The project as it is now. Raises `ConfigError` for what is wrong in the files; the old ones count then."""
        written = await in_thread(Written, self.written.base) if files else self.written
        generation = await self._store.generation()
        stored = await self._store.definitions()
        self._opened = await self._open(stored)
        self.stored = {(each.kind, each.name): each for each in stored}
        project, doubts = await self._assembled(written, [_complete(each, self._opened) for each in stored])
        self.written = written
        return Loaded(project, doubts, generation)

    async def trial(self, candidate: Definition) -> Project:
        """The project with one definition added or replaced, of which nothing is saved."""
        held = {key: _complete(each, self._opened) for key, each in self.stored.items()}
        held[candidate.kind, candidate.name] = candidate
        project, _ = await self._assembled(self.written, list(held.values()))
        return project

    async def _assembled(
        self, written: Written, definitions: Sequence[Definition]
    ) -> tuple[Project, tuple[Finding, ...]]:
        env = await self._environment(written, definitions)
        judged = partial(assemble, written, env, specs(), definitions, need_files=self._need_files)
        return await in_thread(judged)

    def opened(self, kind: Kind, name: str) -> Mapping[str, Secret]:
        """The kept secrets of a definition by slot."""
        return self._opened.get(record(kind, name), {})

    async def _open(self, definitions: Sequence[Definition]) -> Opened:
        """The kept secrets of all definitions. Those that are open already are taken over."""
        opened: Opened = {}
        for each in definitions:
            own, known = record(each.kind, each.name), self.opened(each.kind, each.name)
            for slot in slots_of(each.kind, each.body):
                secret = known.get(slot) or await self._kept(own, slot)
                if secret is not None:
                    opened.setdefault(own, {})[slot] = secret
        return opened

    def in_environment(self, name: str) -> bool:
        """Whether the environment has a variable: a kept one of that name does not count then."""
        return name in self._env

    async def _environment(self, written: Written, definitions: Sequence[Definition]) -> Mapping[str, str]:
        """The environment; and what the vault keeps of the variables that it lacks and the configuration mentions."""
        stored = {name for each in definitions for name in mentioned(_text(each))}
        lacking = (written.variables | stored) - self._env.keys()
        if not lacking:
            return self._env
        kept = lacking & {found.removeprefix(variable("")) for found in await self._vault.records()}
        found: dict[str, str] = {}
        for name in sorted(kept):
            in_files = name in written.variables
            secret = await (self._vault.get(variable(name), VALUE) if in_files else self._kept(variable(name), VALUE))
            found |= {name: secret.reveal()} if secret is not None else {}
        return {**self._env, **found}

    async def _kept(self, of: str, slot: str) -> Secret | None:
        try:
            return await self._vault.get(of, slot)
        except HeadraceError as error:
            if error.code in _LOST:
                return None
            raise


def _complete(definition: Definition, opened: Opened) -> Definition:
    return put_back(definition, opened.get(record(definition.kind, definition.name), {}))


def _text(definition: Definition) -> bytes:
    return json.dumps(dict(definition.body), default=lambda _secret: "").encode()
