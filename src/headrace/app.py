"""Puts everything together: the only room that knows all others."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from headrace.aio import in_thread
from headrace.clock import SystemClock
from headrace.config import load_with_warnings, sync_to_json, variables
from headrace.connector import Spec
from headrace.engines.embedded import EmbeddedEngine
from headrace.errors import Finding, HeadraceError, QueryError, UsageError
from headrace.ids import run_id
from headrace.keep.keys import key_place
from headrace.keep.vault import VALUE, Vault, variable
from headrace.model import Check, Connection, Problem, Project, Run, Sync
from headrace.net.http import AiohttpClient
from headrace.net.ssh_keys import SshKeys
from headrace.net.ssh_loop import SshLoop
from headrace.net.ssh_tunnels import SshTunnels
from headrace.ports import Destination, NewRun, Source, Store, Tools
from headrace.preview import Preview, preview
from headrace.query import relocated, render
from headrace.run.job import House, Job
from headrace.run.worker import Worker
from headrace.stage import durable
from headrace.stage.errorfiles import LocalErrorFiles
from headrace.stage.local import LocalStage
from headrace.stage.locks import FileLocks
from headrace.stage.seen import LocalSeenIds
from headrace.store import open_store

SOURCES = (
    "postgresql", "mysql", "sqlserver", "snowflake", "bigquery", "redshift", "databricks", "clickhouse", "duckdb",
    "sqlite", "files",
)  # fmt: skip
DESTINATIONS = ("customerio", "mixpanel", "segment", "webhook", "files", "workspace")


class _Connectors(Mapping[tuple[str, str], Spec]):
    """Every connector's declaration, by role and type; a connector is imported when it is first looked at."""

    _rooms = (*(("source", name) for name in SOURCES), *(("destination", name) for name in DESTINATIONS))

    def __getitem__(self, key: tuple[str, str]) -> Spec:
        if key not in self._rooms:
            raise KeyError(key)
        spec: Spec = importlib.import_module("headrace.{}s.{}".format(*key)).SPEC
        return spec

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._rooms)

    def __len__(self) -> int:
        return len(self._rooms)

    def __contains__(self, key: object) -> bool:
        return key in self._rooms


_connectors = _Connectors()


def specs() -> Mapping[tuple[str, str], Spec]:
    """Every connector's declaration, by (``source`` | ``destination``, type)."""
    return _connectors


@dataclass(frozen=True, slots=True)
class Places:
    """Where a project lives: its folder, its state folder, and the address of its store."""

    base: Path
    home: Path
    database_url: str | None = None

    @classmethod
    def of(cls, base: Path, env: Mapping[str, str]) -> Places:
        home = env.get("HEADRACE_HOME")
        return cls(base, Path(home).absolute() if home else base / ".headrace", env.get("HEADRACE_DATABASE_URL"))


class App:
    """One project, opened. Faces (command line, API) speak to this and to nothing below it."""

    def __init__(
        self,
        project: Project,
        places: Places,
        store: Store,
        vault: Vault,
        http: AiohttpClient,
        doubts: Sequence[Finding] = (),
    ) -> None:
        self.project, self.places, self.store, self.vault = project, places, store, vault
        self.doubts = doubts  # what is allowed in the configuration, and yet may not be meant
        self.clock = SystemClock()
        self.errors = LocalErrorFiles(places.home / "errors")
        self.seen = LocalSeenIds(places.home / "seen")
        self.stage = LocalStage(places.home / "stage")
        self.locks = FileLocks(places.home / "locks")
        self._tools = Tools(http, self.clock, places.home, places.base)
        self._ssh = SshLoop()
        house = House(
            store, self.stage, self.errors, self.seen, self.locks, self.clock, self.open_source, self.open_destination
        )
        self._worker = Worker(house)
        self.engine = EmbeddedEngine(self._worker)

    # -------------------------------------------------------------------------------------------------- connectors

    def open_source(self, name: str) -> Source:
        connection = _configured("source", name, self.project.sources)
        make = specs()["source", connection.type].source
        assert make is not None
        return make(connection.settings, replace(self._tools, tunnels=self.tunnels(name)))

    def open_destination(self, name: str) -> Destination:
        connection = _configured("destination", name, self.project.destinations)
        make = specs()["destination", connection.type].destination
        assert make is not None
        return make(connection.settings, self._tools)

    def ssh_keys(self, source: str) -> SshKeys:
        """The SSH keys of a source."""
        return SshKeys(self.vault, source)

    def tunnels(self, source: str) -> SshTunnels:
        """The SSH tunnels of a source. To be called on the event loop."""
        return SshTunnels(self.ssh_keys(source), self._ssh)

    async def check(self, role: str, name: str) -> Check:
        """Check one configured source or destination."""
        opened = self.open_source(name) if role == "source" else self.open_destination(name)
        try:
            return await opened.check()
        finally:
            await opened.close()

    async def close(self) -> None:
        """End what still runs in the background."""
        await in_thread(self._ssh.close)

    def sync(self, name: str) -> Sync:
        """A sync by its name. Raises `UsageError` that lists the known ones."""
        try:
            return self.project.syncs[name]
        except KeyError:
            known = ", ".join(sorted(self.project.syncs)) or "none"
            raise UsageError(f"There is no sync {name!r}. The syncs are: {known}.", code="unknown_sync") from None

    async def preview(self, name: str, *, limit: int = 10, last_sync_time: int | None = None) -> Preview:
        """Run a sync's query and map its first rows; nothing is sent and no state moves.

        ``last_sync_time`` defaults to 0: everything the first run would send.
        """
        sync = self.sync(name)
        cursor = max(0, (last_sync_time or 0) - sync.lookback)
        sql = render(sync.query, last_sync_time=cursor, limit=sync.limits.query)
        source = self.open_source(sync.source)
        try:
            as_of = int((await source.now()).timestamp())
            table = await source.preview(sql, limit)
            return preview(sync, table, as_of, list(source.notes))
        except QueryError as error:
            raise relocated(error, sync.query, last_sync_time=cursor) from None
        finally:
            await source.close()

    # -------------------------------------------------------------------------------------------------------- runs

    async def begin(self, name: str, *, fresh: bool = False, trigger: str = "manual") -> Run:
        """The run to carry for a sync: its interrupted one, or a new one. ``fresh`` discards the interrupted one."""
        sync = self.sync(name)
        live = await self.store.live_run(name)
        if live is not None and not fresh:
            return live
        if live is not None:
            await self.discard(live, Problem("discarded", "The run was interrupted and discarded for a fresh one."))
        state = await self.store.sync_state(name)
        now = self.clock.now()
        new = NewRun(
            run_id(now, self.clock.random()), name, trigger, state.cursor, sync_to_json(sync), sync.destinations, now
        )
        return await self.store.create_run(new)

    async def carry(self, run: Run, watch: Callable[[Job], None] = lambda _: None) -> Run:
        """Carry a run to its end, or until its job is told to stop."""
        return await self.engine.carry(run, watch)

    async def discard(self, run: Run, problem: Problem) -> Run:
        """End a live run that nobody works on as cancelled, and give its space back."""
        release = self.locks.hold(run.id)
        if release is None:
            raise HeadraceError(
                f"The run {run.id!r} of sync {run.sync!r} is being worked on by another process. Stop that first.",
                code="run_live",
            )
        try:
            ended = await self.store.abandon(run.id, self.clock.now(), problem)
            await self.stage.discard(run.id)
            await self.seen.remember(run.id, await self.store.deliveries(run.id))
        finally:
            release()
        return ended

    async def cancel(self, wanted: str) -> Run:
        """Cancel a run: at once if nobody works on it, else its worker stops within seconds."""
        run = await self.find_run(wanted)
        if not await self.store.request_cancel(run.id):
            raise UsageError(f"The run {run.id!r} has ended already ({run.state}).", code="run_ended")
        release = self.locks.hold(run.id)
        if release is None:
            return run
        release()
        return await self.discard(run, Problem("cancelled", "The run was cancelled."))

    async def find_run(self, wanted: str) -> Run:
        """A run by its id. Raises `UsageError`."""
        run = await self.store.run(wanted)
        if run is None:
            raise UsageError(f"There is no run {wanted!r}. List them with: headrace runs", code="unknown_run")
        return run

    async def failures(self, run: Run) -> Iterator[pa.Table]:
        """The failed rows of a run, a table at a time (`headrace.calls.failures.SCHEMA`)."""
        return self.errors.read(run.id, await self.store.error_files(run.id))

    async def tidy(self) -> None:
        """Do what a crash kept a run from doing at its end, and forget ids that no sync looks back to."""
        for held in self.stage.runs():
            run = await self.store.run(held)
            if run is not None and not run.state.live:
                await self.stage.discard(held)
        for held in self.seen.runs():
            run = await self.store.run(held)
            if run is not None and not run.state.live:
                await self.seen.remember(held, await self.store.deliveries(held))
        for held in self.locks.runs():
            run = await self.store.run(held)
            if run is not None and not run.state.live and (release := self.locks.hold(held)) is not None:
                release()
        longest = max((sync.deduplicate_for for sync in self.project.syncs.values()), default=0)
        await self.seen.forget(int(self.clock.now().timestamp()) - longest)


def _configured(role: str, name: str, connections: Mapping[str, Connection]) -> Connection:
    """A configured connection. Raises `HeadraceError` for one that only an interrupted run remembers."""
    if name not in connections:
        raise HeadraceError(
            f"The interrupted run needs the {role} {name!r}, which is not configured any more. Configure it again, or "
            "discard the run: headrace run SYNC --fresh",
            code=f"unknown_{role}",
        )
    return connections[name]


@asynccontextmanager
async def opened(base: Path, env: Mapping[str, str]) -> AsyncIterator[App]:
    """Read the project in ``base`` and open it. Raises `ConfigError` and what opening the store raises."""
    project, doubts = load_with_warnings(base, await _environment(base, env), specs())
    async with opened_vault(base, env) as (store, vault):
        http = AiohttpClient()
        try:
            app = App(project, Places.of(base, env), store, vault, http, tuple(doubts))
            try:
                await app.tidy()
                yield app
            finally:
                await app.close()
        finally:
            await http.close()


@asynccontextmanager
async def opened_vault(base: Path, env: Mapping[str, str]) -> AsyncIterator[tuple[Store, Vault]]:
    """Open the store of the project in ``base``, whatever its configuration, and the vault over it."""
    places = Places.of(base, env)
    try:
        places.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise durable.failed(places.home, error) from error
    store = await open_store(places.home, places.database_url)
    try:
        yield store, Vault(store, key_place(env, places.home))
    finally:
        await store.close()


async def _environment(base: Path, env: Mapping[str, str]) -> Mapping[str, str]:
    """The environment; and what the vault keeps of the variables that it lacks and the configuration mentions."""
    lacking = variables(base) - env.keys()
    places = Places.of(base, env)
    if not lacking or not (places.database_url or (places.home / "store.sqlite").exists()):
        return env
    async with opened_vault(base, env) as (_, vault):
        kept = lacking & {record.removeprefix(variable("")) for record in await vault.records()}
        found = {name: await vault.get(variable(name), VALUE) for name in sorted(kept)}
    return {**env, **{name: secret.reveal() for name, secret in found.items() if secret is not None}}
