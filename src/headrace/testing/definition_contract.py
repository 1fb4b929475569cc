"""What every store must do with definitions, versions of syncs and remembered answers.

Subclass `DefinitionContract` and give it the fixture ``store``.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from headrace.definitions import Definition, Kind, Noted
from headrace.errors import Conflict, HeadraceError
from headrace.people import Change, WriteKey
from headrace.store_port import Store
from headrace.testing.store_samples import LATER, NOON

BODY: dict[str, Any] = {"type": "sqlite", "path": "a'b.sqlite", "deep": {"list": [1, 2.5, None, True, "é"]}}


def definition(name: str = "shop", version: int = 1, kind: Kind = Kind.SOURCE, **body: Any) -> Definition:
    return Definition(kind, name, version, body or BODY, NOON, "user:ada@example.com")


def change(action: str) -> Change:
    return Change(NOON, "user:ada@example.com", action, "source/shop")


def noted(sync: str, **spec: Any) -> Noted:
    return Noted(sync, spec, NOON, "file:headrace.yaml")


class DefinitionContract:
    """The verbs of `headrace.definitions.DefinitionStore`."""

    async def test_a_definition_comes_back_as_it_was(self, store: Store) -> None:
        """Body, version, moment and author are kept; the same name may stand in another kind."""
        assert await store.definition(Kind.SOURCE, "shop") is None
        made = [definition(), definition(kind=Kind.SYNC, query="SELECT 1")]
        for one in made:
            await store.create_definition(one)
        assert await store.definitions() == made
        assert await store.definition(Kind.SOURCE, "shop") == made[0]

    async def test_a_name_is_given_once(self, store: Store) -> None:
        """A second definition of a name is refused, and the first stays."""
        await store.create_definition(definition())
        with pytest.raises(Conflict) as refused:
            await store.create_definition(definition(path="other"))
        assert refused.value.code == "name_taken"
        assert await store.definitions() == [definition()]

    async def test_an_edit_needs_the_version_below(self, store: Store) -> None:
        """Whoever edits or deletes what somebody else edited meanwhile is refused, and changes nothing."""
        await store.create_definition(definition())
        await store.update_definition(definition(version=2, path="second"))
        for late in (definition(version=2, path="lost"), definition(version=4), definition("unknown", 2)):
            with pytest.raises(Conflict) as refused:
                await store.update_definition(late)
            assert refused.value.code == "edited"
        for name, version in (("shop", 1), ("unknown", 1)):
            with pytest.raises(Conflict) as refused:
                await store.delete_definition(Kind.SOURCE, name, version)
            assert refused.value.code == "edited"
        assert await store.definitions() == [definition(version=2, path="second")]
        await store.delete_definition(Kind.SOURCE, "shop", 2)
        assert await store.definitions() == []

    async def test_of_two_editors_one_wins(self, store: Store) -> None:
        """However many edit the same version at once, one is taken and all others are refused."""
        await store.create_definition(definition())
        edits = [store.update_definition(definition(version=2, path=str(number))) for number in range(5)]
        outcomes = await asyncio.gather(*edits, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 4 + ["NoneType"]

    async def test_each_change_is_seen_and_logged(self, store: Store) -> None:
        """A change bumps the generation and is logged in its own transaction; a refused one does neither."""
        seen = [await store.generation()]
        await store.create_definition(definition(), audit=change("source.create"))
        seen.append(await store.generation())
        await store.update_definition(definition(version=2), audit=change("source.update"))
        seen.append(await store.generation())
        with pytest.raises(Conflict):
            await store.update_definition(definition(version=2), audit=change("source.lost"))
        with pytest.raises(Conflict):
            await store.create_definition(definition(), audit=change("source.lost"))
        with pytest.raises(Conflict):
            await store.delete_definition(Kind.SOURCE, "shop", 7, audit=change("source.lost"))
        assert await store.generation() == seen[-1]
        await store.delete_definition(Kind.SOURCE, "shop", 2, audit=change("source.delete"))
        seen.append(await store.generation())
        assert seen == sorted(set(seen)), "grows with each change"
        logged = [entry.change.action for entry in await store.audit()]
        assert logged == ["source.delete", "source.update", "source.create"]

    async def test_a_deleted_sync_begins_anew(self, store: Store) -> None:
        """Who makes a sync of that name again gets neither its last_sync_time nor its switch."""
        await store.create_definition(definition("people", kind=Kind.SYNC, query="SELECT 1"))
        await store.set_cursor("people", 77)
        await store.set_enabled("people", False)
        await store.set_cursor("orders", 5)
        await store.delete_definition(Kind.SYNC, "people", 1)
        state = await store.sync_state("people")
        assert (state.cursor, state.enabled, state.columns) == (0, None, ())
        assert (await store.sync_state("orders")).cursor == 5

    async def test_a_deleted_source_takes_its_write_keys_along(self, store: Store) -> None:
        """A key of a source that is gone opens nothing, also when the name is used again."""
        await store.create_definition(definition(type="http"))
        for source in ("shop", "other"):
            await store.create_write_key(WriteKey(source, f"hash of {source}", source, "web", NOON))
        await store.delete_definition(Kind.SOURCE, "shop", 1)
        assert [key.source for key in await store.write_keys()] == ["other"]

    async def test_a_version_is_made_where_a_sync_says_something_new(self, store: Store) -> None:
        """The same spec, wherever it stands, is the same version; another is the next one, also where it was before."""
        first = await store.note_version("people", {"query": "a", "origin": "headrace.yaml:3"}, NOON, "file:x.yaml")
        again = await store.note_version("people", {"origin": "store:7", "query": "a"}, LATER, "user:ada")
        second = await store.note_version("people", {"query": "b"}, LATER, "user:ada")
        back = await store.note_version("people", {"query": "a"}, LATER, "user:bob")
        assert (first, again, second, back) == (1, 1, 2, 3)
        found = await store.versions("people")
        assert [(one.version, one.spec, one.at, one.by) for one in found] == [
            (3, {"query": "a"}, LATER, "user:bob"),
            (2, {"query": "b"}, LATER, "user:ada"),
            (1, {"query": "a"}, NOON, "file:x.yaml"),
        ]
        assert await store.versions("orders") == []

    async def test_many_versions_are_noted_together(self, store: Store) -> None:
        """A thousand syncs are noted in one call, and found again in one."""
        names = [f"sync_{number}" for number in range(1000)]
        assert set((await store.note_versions([noted(name, query="a") for name in names])).values()) == {1}
        mixed = [noted(name, query="b" if name.endswith("7") else "a") for name in names]
        versions = await store.note_versions(mixed)
        assert {name for name, version in versions.items() if version == 2} == {n for n in names if n.endswith("7")}
        newest = await store.newest_versions([*names, "unknown"])
        assert {name: version.version for name, version in newest.items()} == versions

    async def test_processes_that_note_the_same_agree(self, store: Store) -> None:
        """Services that start at once on new files make one version, not one each."""
        one = [noted(f"sync_{number}", query="a") for number in range(20)]
        outcomes = await asyncio.gather(*(store.note_versions(one) for _ in range(5)))
        assert all(outcome == {each.sync: 1 for each in one} for outcome in outcomes)
        assert len(await store.versions("sync_3")) == 1

    async def test_the_first_answer_is_remembered(self, store: Store) -> None:
        """A key recalls what was answered first; old answers are forgotten, newer ones stay."""
        assert await store.recall("k") is None
        await store.remember("k", "print", 201, '{"a": "é"}', NOON)
        await store.remember("k", "other", 409, "", NOON)
        await store.remember("later", "print", 200, "", LATER)
        assert await store.recall("k") == ("print", 201, '{"a": "é"}')
        assert await store.forget_answered(NOON) == 0
        assert await store.forget_answered(NOON + timedelta(seconds=1)) == 1
        assert await store.recall("k") is None
        assert await store.recall("later") == ("print", 200, "")

    async def test_what_cannot_be_logged_is_not_done(self, store: Store) -> None:
        """The change and its entry are one transaction: where the entry fails, the definition stays as it was."""
        unloggable = Change(NOON, "user:ada", "source.create", "source/shop", after={"body": object()})
        with pytest.raises((TypeError, HeadraceError)):
            await store.create_definition(definition(), audit=unloggable)
        assert await store.definitions() == []
