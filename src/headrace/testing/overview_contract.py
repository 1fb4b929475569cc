"""What every store must tell of all syncs at one look."""

from __future__ import annotations

from headrace.model import RunState, SyncState
from headrace.store_port import Store
from headrace.testing.store_samples import AS_OF, COLUMNS, LATER, NOON, ended, new_run


class OverviewContract:
    """The class that inherits it gives the fixture ``store``."""

    async def test_the_newest_run_of_each(self, store: Store) -> None:
        """Of each sync that is asked for the newest run, live or not, whether or not a scheduler knows the sync."""
        await ended(store, RunState.PARTIAL, new_run("old", "people", NOON))
        await store.create_run(new_run("new", "people", LATER))
        await ended(store, RunState.PARTIAL, new_run("other", "orders", NOON))
        await store.create_run(new_run("unasked", "others", NOON))
        found = await store.newest_run_of_each(["people", "orders", "none"])
        assert {name: run.id for name, run in found.items()} == {"people": "new", "orders": "other"}
        assert found["people"] == await store.run("new")
        assert found["orders"] == await store.run("other")

    async def test_of_more_syncs_than_a_query_names(self, store: Store) -> None:
        """However many syncs are asked for, each is told."""
        names = [f"sync_{n}" for n in range(1_201)]
        for name in (names[0], names[600], names[-1]):
            await store.create_run(new_run(f"run-{name}", name))
        assert set(await store.newest_run_of_each(names)) == {names[0], names[600], names[-1]}

    async def test_the_states_of_all(self, store: Store) -> None:
        """Cursor, columns and switch of each sync the store knows, as `sync_state` tells them one by one."""
        assert await store.sync_states() == {}
        await ended(store, RunState.PARTIAL, new_run("old", "people", NOON))
        await store.set_enabled("orders", False)
        states = await store.sync_states()
        assert states == {"people": SyncState(AS_OF, COLUMNS, None), "orders": SyncState(0, (), False)}
        assert states["people"] == await store.sync_state("people")
