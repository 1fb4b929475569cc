"""The store port on a SQL database: which verb reads, which writes."""

from __future__ import annotations

from pathlib import Path

from headrace.store import dump, folder, history, ledger, sealed
from headrace.store.alerts import AlertVerbs
from headrace.store.definitions import DefinitionVerbs
from headrace.store.journals import JournalVerbs
from headrace.store.kept import CallVerbs
from headrace.store.migrate import migrate
from headrace.store.overview import OverviewVerbs
from headrace.store.people import PeopleVerbs
from headrace.store.retries import RetryVerbs
from headrace.store.schedules import ScheduleVerbs
from headrace.store.verbs import reads, writes


class SqlStore(
    ScheduleVerbs, DefinitionVerbs, PeopleVerbs, JournalVerbs, CallVerbs, RetryVerbs, AlertVerbs, OverviewVerbs
):
    """The ledger in a SQLite file (``sqlite:////path``) or on PostgreSQL (``postgresql://…``). A `store_port.Store`."""

    async def open(self) -> None:
        await self._database.prepare(migrate)

    async def dump(self, path: Path) -> int:
        """Write everything to a file, as of one moment; returns the number of rows. See `headrace.store.dump`."""
        return await self._database.read(lambda connection: dump.dump(connection, path))

    async def load(self, path: Path) -> int:
        """Fill this store, which must be empty, from a file that `dump` wrote."""
        return await self._database.write(lambda connection: dump.load(connection, path))

    async def require_empty(self) -> None:
        """Raises `HeadraceError` (``not_empty``) where there is something that `load` would not replace."""
        await self._database.read(dump.require_empty)

    async def close(self) -> None:
        await self._database.close()

    sync_state = reads(ledger.sync_state)
    set_cursor = writes(ledger.set_cursor)
    set_enabled = writes(ledger.set_enabled)

    create_run = writes(ledger.create_run)
    record_skip = writes(ledger.record_skip)
    run = reads(ledger.run)
    live_run = reads(ledger.live_run)
    runs = reads(ledger.newest_runs)
    find_runs = reads(history.find_runs)
    runs_ended_since = reads(history.runs_ended_since)
    forget_runs = writes(history.forget_runs)
    abandon = writes(ledger.abandon)
    request_cancel = writes(ledger.request_cancel)
    cancel_requested = reads(ledger.cancel_requested)

    take = writes(ledger.take)
    extract_anew = writes(ledger.extract_anew)
    add_parts = writes(ledger.add_parts)
    staged = writes(ledger.staged)
    settle = writes(ledger.settle)
    finish = writes(ledger.finish)

    parts = reads(ledger.read_parts)
    deliveries = reads(ledger.read_deliveries)
    error_files = reads(ledger.error_files)

    state_folder = writes(folder.state_folder)
    adopt_folder = writes(folder.adopt_folder)

    put_sealed = writes(sealed.put_sealed)
    read_sealed = reads(sealed.read_sealed)
    all_sealed = reads(sealed.all_sealed)
    replace_sealed = writes(sealed.replace_sealed)
    delete_sealed = writes(sealed.delete_sealed)
