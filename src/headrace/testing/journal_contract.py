"""What every store of journals keeps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from headrace.journal import Journal, JournalStore

AT = datetime(2026, 11, 23, 19, 0, 0, 123_456, tzinfo=UTC)


async def add(store: JournalStore, name: str, source: str = "web") -> Journal:
    return await store.add_journal(source, name, 3, 300, AT, AT + timedelta(seconds=5))


class JournalStoreContract:
    """Derive from it, and give a fixture ``store``: an open store without journals."""

    async def test_a_journal_comes_back_as_it_was_added(self, store: JournalStore) -> None:
        """All facts of a journal are kept, moments to the microsecond."""
        added = await add(store, "a")
        assert added == Journal("web", 1, "a", 3, 300, AT, AT + timedelta(seconds=5))
        assert await store.journals("web") == [added]

    async def test_numbers_count_from_one_in_each_source(self, store: JournalStore) -> None:
        """Each source counts for itself, and `journals` gives those behind a number, in order."""
        for name in ("a", "b", "c"):
            await add(store, name)
        await add(store, "x", "app")
        assert [(journal.seq, journal.name) for journal in await store.journals("web", after=1)] == [(2, "b"), (3, "c")]
        assert await store.newest_journals() == {"web": 3, "app": 1}
        assert await store.journals("nothing") == []

    async def test_the_same_name_has_the_same_number(self, store: JournalStore) -> None:
        """Whoever could not learn whether a journal was numbered may ask again, and uses up no number."""
        await add(store, "a")
        assert (await add(store, "a")).seq == 1
        assert (await add(store, "b")).seq == 2
        assert (await add(store, "a")).seq == 1

    async def test_numbers_outlive_their_journals(self, store: JournalStore) -> None:
        """Forgetting gives the names of the files back, and no number is given a second time."""
        for name in ("a", "b", "c"):
            await add(store, name)
        await add(store, "x", "app")
        assert await store.forget_journals("web", 2) == ["a", "b"]
        assert [journal.name for journal in await store.journals("web")] == ["c"]
        assert await store.forget_journals("web", 3) == ["c"]
        assert await store.forget_journals("web", 3) == []
        assert await store.newest_journals() == {"web": 3, "app": 1}
        assert (await add(store, "d")).seq == 4

    async def test_many_at_once_leave_no_gap(self, store: JournalStore) -> None:
        """However many are numbered side by side, the numbers are consecutive, and none appears behind a later one."""
        seen: list[int] = []

        async def watch() -> None:
            while len(seen) < 30:
                found = [journal.seq for journal in await store.journals("web")]
                assert found == list(range(1, len(found) + 1))
                seen[:] = found

        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            for number in range(30):
                group.create_task(add(store, f"journal-{number}"))
        assert await store.newest_journals() == {"web": 30}

    async def test_a_source_with_odd_characters(self, store: JournalStore) -> None:
        """A name with the signs of a pattern is itself alone."""
        await add(store, "a", "web_%")
        await add(store, "b", "webx1")
        assert await store.newest_journals() == {"web_%": 1, "webx1": 1}
