"""Puts everything together: the only room that knows all others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from headrace.aio import in_thread
from headrace.clock import SystemClock
from headrace.config import STORE, Written, assemble, sync_to_json
from headrace.confine import CODE, outside, paths
from headrace.connectors import specs
from headrace.definitions import Kind, Noted, same_spec
from headrace.egress import trusted
from headrace.engines.embedded import EmbeddedEngine
from headrace.errors import ConfigError, Finding, HeadraceError, QueryError, RunFailed, UsageError
from headrace.ids import run_id
from headrace.keep.vault import Vault
from headrace.loader import Loader
from headrace.model import Check, Connection, NewRun, Problem, Run, RunKind, Sync
from headrace.net.guard import GuardedHttp
from headrace.net.http import AiohttpClient
from headrace.net.rehearsal import RehearsalHttp
from headrace.net.ssh_keys import SshKeys
from headrace.net.ssh_loop import SshLoop
from headrace.net.ssh_tunnels import SshTunnels
from headrace.places import Places, opened_vault
from headrace.ports import Destination, Http, Source, Tools
from headrace.preview import Preview, Sample, preview
from headrace.project import Project
from headrace.query import relocated, render
from headrace.run.job import House, Job, Spans, no_spans
from headrace.run.worker import Worker
from headrace.sources.catalog import Catalog, Catalogs, read_catalog
from headrace.stage.errorfiles import LocalErrorFiles
from headrace.stage.journals import LocalJournals
from headrace.stage.local import LocalStage
from headrace.stage.locks import FileLocks
from headrace.stage.seen import LocalSeenIds
from headrace.store_port import Store
from headrace.workshop import Workshop

__all__ = ["App", "Places", "opened", "opened_vault", "specs"]


class App:
    """One project, opened. Faces (command line, API) speak to this and to nothing below it."""

    def __init__(
        self, places: Places, store: Store, vault: Vault, loader: Loader, http: Http, guarded: Http | None = None
    ) -> None:
        self.places, self.store, self.vault, self.loader = places, store, vault, loader
        self.project = Project({}, {}, {})  # until the first `reload`; replaced as a whole by each
        self.doubts: tuple[Finding, ...] = ()  # what is allowed in the configuration, and yet may not be meant
        self.generation = -1  # of the store, at which the project stands
        self.versions: dict[str, int] = {}  # of each sync, see `headrace.definitions.Version`
        self.http = http  # for addresses that stand in files
        self.guarded = guarded or http  # for addresses that were given over the API
        self.spans: Spans = no_spans  # a service that traces puts its own here
        self._reloading = asyncio.Lock()
        self._said: dict[str, Sync] = {}  # the syncs whose versions are noted
        self.workshop = Workshop(self)
        self.clock = SystemClock()
        self.errors = LocalErrorFiles(places.home / "errors")
        self.seen = LocalSeenIds(places.home / "seen")
        self.stage = LocalStage(places.home / "stage")
        self.locks = FileLocks(places.home / "locks")
        self._tools = Tools(http, self.clock, places.home, places.base)
        self._ssh = SshLoop()
        self._catalogs = Catalogs(self._read_catalog, self.clock)
        self.journals = LocalJournals(places.home / "journal", store, self.clock)
        house = House(
            store, self.stage, self.errors, self.seen, self.locks, self.clock, self.open_source, self.open_destination,
            kept_calls=self._kept_calls, spans=self._spans, journals=self.journals,
        )  # fmt: skip
        self._worker = Worker(house)
        self.engine = EmbeddedEngine(self._worker)

    # ---------------------------------------------------------------------------------------------------- the project

    async def reload(self, *, files: bool = False) -> None:
        """Read the store's definitions again, and with ``files`` those too; runs in flight keep what they began with.

        Raises `ConfigError` for what is wrong in the files; the project stays as it was then.
        """
        async with self._reloading:
            loaded = await self.loader.read(files=files)
            self.versions = await self._note(loaded.project)
            self.project, self.doubts, self.generation = loaded.project, loaded.doubts, loaded.generation
            service = self.project.service
            self.journals.seconds, self.journals.size = service.journal_seconds, service.journal_bytes

    async def reload_if_changed(self) -> bool:
        """Reload where somebody, here or in another process, has changed what the store holds since.

        Where our files need what somebody has taken away, the project stays as it was and `doubts` says why.
        """
        generation = await self.store.generation()
        if generation == self.generation:
            return False
        try:
            await self.reload()
        except ConfigError as error:
            self.generation, self.doubts = generation, error.findings
        return True

    async def _note(self, project: Project) -> dict[str, int]:
        """The version of each sync; those that say something new get their next one."""
        said = {name: replace(sync, origin="") for name, sync in project.syncs.items()}
        changed = {name: self._noted_as(project.syncs[name]) for name in said if said[name] != self._said.get(name)}
        newest = await self.store.newest_versions(list(changed)) if changed else {}
        new = [
            each for name, each in changed.items() if name not in newest or not same_spec(newest[name].spec, each.spec)
        ]
        versions = {name: version for name, version in self.versions.items() if name in said}
        versions |= {name: version.version for name, version in newest.items()}
        versions |= await self.store.note_versions(new) if new else {}
        self._said = said
        return versions

    def _spans(self, step: str, sync: str, run: str) -> AbstractContextManager[object]:
        return self.spans(step, sync, run)

    def _kept_calls(self) -> int:
        service = self.project.service
        return service.kept_calls if service.preview else 0

    def _noted_as(self, sync: Sync) -> Noted:
        held = self.loader.stored.get((Kind.SYNC, sync.name)) if sync.origin.startswith(f"{STORE}:") else None
        at, by = (held.updated_at, held.updated_by) if held else (self.clock.now(), f"file:{_file_of(sync)}")
        return Noted(sync.name, sync_to_json(sync), at, by)

    # -------------------------------------------------------------------------------------------------- connectors

    def open_source(self, name: str) -> Source:
        return self._source(self._configured(Kind.SOURCE, name, self.project.sources))

    def open_destination(self, name: str) -> Destination:
        return self._destination(self._configured(Kind.DESTINATION, name, self.project.destinations))

    def _source(self, connection: Connection) -> Source:
        make = specs()["source", connection.type].source
        assert make is not None
        tools = self._tools_for(Kind.SOURCE, connection)
        return make(connection.settings, replace(tools, tunnels=self.tunnels(connection.name)))

    def _destination(self, connection: Connection) -> Destination:
        make = specs()["destination", connection.type].destination
        assert make is not None
        return make(connection.settings, self._tools_for(Kind.DESTINATION, connection))

    def rehearsal_of(self, name: str) -> tuple[Destination, RehearsalHttp] | None:
        """A destination whose requests go nowhere and can be looked at; None for one that not only speaks HTTP."""
        connection = self._configured(Kind.DESTINATION, name, self.project.destinations)
        spec = specs()["destination", connection.type]
        if spec.destination is None or not spec.over_http:
            return None
        http = RehearsalHttp()
        return spec.destination(connection.settings, replace(self._tools, http=http)), http

    async def catalog(self, name: str) -> Catalog:
        """The tables and columns of a source; empty where its connector cannot tell. Raises `SourceError`."""
        return await self._catalogs.of(self._configured(Kind.SOURCE, name, self.project.sources))

    async def _read_catalog(self, connection: Connection) -> Catalog:
        query = specs()["source", connection.type].catalog_query(connection.settings)
        if not query:
            return Catalog()
        source = self._source(connection)
        try:
            return await read_catalog(source, query)
        finally:
            await source.close()

    def _tools_for(self, kind: Kind, connection: Connection) -> Tools:
        """Addresses and paths that an operator wrote into a file are trusted; those given over the API are judged."""
        if trusted(connection.origin):
            return self._tools
        # Once more than when it was saved: a link may lie there since.
        for name, path in paths(specs()[kind.value, connection.type].fields, connection.settings):
            if why := outside(path, self.places.base, self.places.home):
                where = f"{kind.section}.{connection.name}.{name}"
                raise ConfigError([Finding(STORE, 0, where, path, why, CODE)])
        return replace(self._tools, http=self.guarded, confined=True)

    def _configured(self, kind: Kind, name: str, connections: Mapping[str, Connection]) -> Connection:
        """A configured connection. Raises `ConfigError` for a broken one, and `RunFailed` for one that is gone."""
        if name in connections:
            return connections[name]
        if findings := self.project.broken.get((kind, name)):
            raise ConfigError(findings)
        raise RunFailed(
            f"The {kind} {name!r} is not configured any more. Configure it again, or let the sync do without it.",
            code=f"unknown_{kind}",
        )

    def ssh_keys(self, source: str) -> SshKeys:
        """The SSH keys of a source."""
        return SshKeys(self.vault, source)

    def tunnels(self, source: str) -> SshTunnels:
        """The SSH tunnels of a source. To be called on the event loop."""
        return SshTunnels(self.ssh_keys(source), self._ssh)

    async def check(self, role: str, name: str) -> Check:
        """Check one configured source or destination."""
        return await _checked(self.open_source(name) if role == "source" else self.open_destination(name))

    async def check_connection(self, role: str, connection: Connection) -> Check:
        """Check a source or destination that need not be configured."""
        return await _checked(self._source(connection) if role == "source" else self._destination(connection))

    async def close(self) -> None:
        """End what still runs in the background."""
        await in_thread(self._ssh.close)

    def sync(self, name: str) -> Sync:
        """A sync by its name. Raises `UsageError` that lists the known ones, and `ConfigError` for a broken one."""
        if name in self.project.syncs:
            return self.project.syncs[name]
        if findings := self.project.broken.get((Kind.SYNC, name)):
            raise ConfigError(findings)
        known = ", ".join(sorted(self.project.syncs)) or "none"
        raise UsageError(f"There is no sync {name!r}. The syncs are: {known}.", code="unknown_sync")

    async def preview(self, name: str, *, limit: int = 10, last_sync_time: int | None = None) -> Preview:
        """Run a sync's query and map its first rows; nothing is sent and no state moves.

        ``last_sync_time`` defaults to 0: everything the first run would send.
        """
        return await self.preview_of(self.sync(name), limit=limit, last_sync_time=last_sync_time)

    async def preview_of(self, sync: Sync, *, limit: int = 10, last_sync_time: int | None = None) -> Preview:
        """The same for a sync that need not be configured; its source must be."""
        sample = await self.sample_of(sync, limit=limit, last_sync_time=last_sync_time)
        return await in_thread(preview, sync, sample)

    async def sample_of(self, sync: Sync, *, limit: int = 10, last_sync_time: int | None = None) -> Sample:
        """The first rows of a sync's query, before they are mapped."""
        if sync.call is None:
            raise received_only(sync, "no query to preview. See what came in: Data In")
        cursor = max(0, (last_sync_time or 0) - sync.lookback)
        sql = render(sync.query, last_sync_time=cursor, limit=sync.limits.query)
        source = self.open_source(sync.source)
        try:
            as_of = int((await source.now()).timestamp())
            table = await source.preview(sql, limit)
            return Sample(table, as_of, tuple(source.notes))
        except QueryError as error:
            raise relocated(error, sync.query, last_sync_time=cursor) from None
        finally:
            await source.close()

    # -------------------------------------------------------------------------------------------------------- runs

    async def begin(self, name: str, *, fresh: bool = False, trigger: str = "manual") -> Run:
        """The run to carry for a sync: its interrupted one, or a new one. ``fresh`` discards the interrupted one."""
        live = await self.store.live_run(self.sync(name).name)
        return live if live is not None and not fresh else await self.start(name, fresh=fresh, trigger=trigger)

    async def start(self, name: str, *, fresh: bool = False, trigger: str = "manual") -> Run:
        """A new run of a sync. Raises `RunLive` where there is a live one, unless that is to be discarded."""
        sync = self.sync(name)
        if sync.call is None:
            raise received_only(sync, "nothing to start. `headrace serve` delivers calls as they come")
        if fresh and (live := await self.store.live_run(name)):
            await self.discard(live, Problem("discarded", "The run was interrupted and discarded for a fresh one."))
        return await self.store.create_run(self.new_run(sync, trigger))

    def new_run(self, sync: Sync, trigger: str, *, cursor: int | None = None, kind: RunKind = "query") -> NewRun:
        """A run of a sync as it is now, to be recorded; its last_sync_time is the sync's own unless given."""
        now = self.clock.now()
        return NewRun(
            run_id(now, self.clock.random()), sync.name, trigger, cursor, sync_to_json(sync), sync.destinations, now,
            kind, self.versions.get(sync.name),
        )  # fmt: skip

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


def _file_of(sync: Sync) -> str:
    return sync.origin.rpartition(":")[0]


async def _checked(opened: Source | Destination) -> Check:
    try:
        return await opened.check()
    finally:
        await opened.close()


def received_only(sync: Sync, what: str) -> UsageError:
    """What is refused for a sync whose source is of type `http`."""
    return UsageError(f"Programs send calls to the source of {sync.name!r}: there is {what}.", code="received_only")


@asynccontextmanager
async def opened(base: Path, env: Mapping[str, str], *, need_files: bool = True) -> AsyncIterator[App]:
    """Read the project in ``base`` and open it. Raises `ConfigError` and what opening the store raises.

    Without ``need_files`` a folder without files is an empty project.
    """
    places, written = Places.of(base, env), Written(base)
    if not places.has_store():  # what is wrong is said before anything is made
        assemble(written, env, specs(), need_files=need_files)
    async with opened_vault(base, env) as (store, vault):
        http, guarded = AiohttpClient(), GuardedHttp(lambda: app.project.service.egress_allow)
        try:
            loader = Loader(written, env, store, vault, need_files=need_files)
            app = App(places, store, vault, loader, http, guarded)
            try:
                await app.reload()
                await app.tidy()
                yield app
            finally:
                await app.close()
        finally:
            await guarded.close()
            await http.close()
