"""What every store must do with sealed secrets; a part of `headrace.testing.store_contract.StoreContract`."""

from __future__ import annotations

import asyncio

from headrace.store_port import Store


class SealedContract:
    """The verbs on sealed texts. The class that inherits it gives the fixture ``store``."""

    async def test_a_sealed_text_is_kept_as_it_is(self, store: Store) -> None:
        """Per record and slot there is one text; putting another replaces it, and the neighbours stay."""
        assert await store.read_sealed("source/shop", "ssh_key") is None
        for slot, text in (("ssh_key", "one"), ("ssh_host_key", "two"), ("ssh_key", "three")):
            await store.put_sealed("source/shop", slot, text)
        await store.put_sealed("source/other", "ssh_key", "four")
        assert await store.read_sealed("source/shop", "ssh_key") == "three"
        assert await store.all_sealed() == [
            ("source/other", "ssh_key", "four"),
            ("source/shop", "ssh_host_key", "two"),
            ("source/shop", "ssh_key", "three"),
        ]

    async def test_a_sealed_text_is_forgotten(self, store: Store) -> None:
        """Deleting removes one slot, and is no error where there is nothing."""
        await store.put_sealed("source/shop", "a", "one")
        await store.put_sealed("source/shop", "b", "two")
        for _ in range(2):
            await store.delete_sealed("source/shop", "a")
        assert await store.all_sealed() == [("source/shop", "b", "two")]

    async def test_of_many_that_replace_one_wins(self, store: Store) -> None:
        """A text is replaced only where it is still the one that the caller saw."""
        await store.put_sealed("source/shop", "a", "old")
        done = await asyncio.gather(*(store.replace_sealed("source/shop", "a", "old", f"new {n}") for n in range(5)))
        assert sum(done) == 1
        assert await store.read_sealed("source/shop", "a") == f"new {done.index(True)}"
        assert not await store.replace_sealed("source/shop", "gone", "old", "new")
