"""What every store must do with rows to be tried again. The class that inherits it gives the fixture ``store``."""

from __future__ import annotations

import pytest

from headrace.errors import Fenced
from headrace.model import RunState
from headrace.retries import Retry
from headrace.store_port import Store
from headrace.testing.store_samples import LATER, NOON, delivering, new_run, read


def retry(key: str, destination: str = "crm", tries: int = 0) -> Retry:
    """A row that is to be tried again."""
    return Retry(destination, key, 7, tries, NOON, "run-1")


class RetryContract:
    """`headrace.retries.RetryStore`."""

    async def test_retries_are_replaced_and_forgotten(self, store: Store) -> None:
        """Per destination and key there is one; another takes its place; what is gone is gone; other syncs stay."""
        run_id, attempt = await delivering(store)
        other, its = await delivering(store, new_run("run-2", "orders"))
        await store.set_retries(other, its, [retry("a")], [])
        await store.set_retries(run_id, attempt, [retry("a"), retry("b"), retry("a", "mail")], [])
        await store.set_retries(run_id, attempt, [retry("a", tries=1)], [("crm", "b"), ("crm", "unknown")])
        assert await store.retries("people") == [retry("a", tries=1), retry("a", "mail")]
        assert await store.retries("orders") == [retry("a")]

    async def test_warnings_come_once(self, store: Store) -> None:
        """What is noted is told by the run, once however often it is noted."""
        run_id, attempt = await delivering(store)
        for _ in range(2):
            await store.set_retries(run_id, attempt, [], [], ["Too many."])
        assert (await read(store, run_id)).warnings == ("a warning", "Too many.")

    async def test_a_replaced_worker_notes_nothing(self, store: Store) -> None:
        """Neither retries nor warnings come from a zombie, or after the end."""
        run_id, attempt = await delivering(store)
        newest = await store.take(run_id, LATER)
        with pytest.raises(Fenced):
            await store.set_retries(run_id, attempt, [retry("a")], [], ["Too many."])
        await store.finish(run_id, newest, RunState.FAILED, LATER)
        with pytest.raises(Fenced):
            await store.set_retries(run_id, newest, [retry("a")], [], ["Too many."])
        assert await store.retries("people") == []
        assert (await read(store, run_id)).warnings == ("a warning",)
