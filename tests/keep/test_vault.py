"""The vault over a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from headrace.errors import HeadraceError
from headrace.keep.keys import EnvironmentKeys, FileKeys
from headrace.keep.seal import Key, key_name
from headrace.keep.vault import Vault
from headrace.model import Secret
from headrace.store import SqlStore

PLAIN = {("source/a", "x"): "plain-1", ("source/a", "y"): "plain-ö", ("variable/B", "value"): "plain-3"}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = SqlStore(f"sqlite:///{tmp_path}/store.sqlite")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def file(tmp_path: Path) -> FileKeys:
    return FileKeys(tmp_path / "key")


async def fill(vault: Vault) -> None:
    for (record, slot), plain in PLAIN.items():
        await vault.put(record, slot, Secret(plain))


async def held(vault: Vault) -> dict[tuple[str, str], str | None]:
    found = {place: await vault.get(*place) for place in PLAIN}
    return {place: secret.reveal() if secret else None for place, secret in found.items()}


async def test_secrets_come_back(store: SqlStore, file: FileKeys, tmp_path: Path) -> None:
    """What is put comes back, from any vault over the same store and keys; the store's file holds none of it."""
    vault = Vault(store, file)
    assert await vault.get("source/a", "x") is None
    await fill(vault)
    assert await held(Vault(store, file)) == PLAIN
    assert await vault.slots("source/a") == ["x", "y"]
    assert await vault.records() == ["source/a", "variable/B"]
    await vault.delete("source/a", "y")
    assert await vault.slots("source/a") == ["x"]
    await store.close()
    assert b"plain-" not in (tmp_path / "store.sqlite").read_bytes()


async def test_a_text_moved_to_another_record_stays_closed(store: SqlStore, file: FileKeys) -> None:
    """Who can write to the store cannot make one source use the secret of another."""
    vault = Vault(store, file)
    await fill(vault)
    moved = await store.read_sealed("source/a", "x")
    assert moved is not None
    await store.put_sealed("source/evil", "x", moved)
    with pytest.raises(HeadraceError, match="belongs to another record") as caught:
        await vault.get("source/evil", "x")
    assert caught.value.code == "secret_damaged"


async def test_a_missing_key_is_told_by_name(store: SqlStore, file: FileKeys, tmp_path: Path) -> None:
    """Another machine without the key is told which key it lacks; it makes none of its own beside the others."""
    await fill(Vault(store, file))
    (key,) = file.read()
    stranger = Vault(store, EnvironmentKeys(Key.new().text()))
    with pytest.raises(HeadraceError, match=key.name) as caught:
        await stranger.get("source/a", "x")
    assert caught.value.code == "key_missing"
    empty = FileKeys(tmp_path / "elsewhere")
    with pytest.raises(HeadraceError, match="Put the key back"):
        await Vault(store, empty).put("source/a", "z", Secret("new"))
    assert empty.read() == []


async def test_rotation_seals_everything_anew(store: SqlStore, file: FileKeys) -> None:
    """A change of keys leaves every secret as it was, sealed with a new key, and the old key gone."""
    vault, other = Vault(store, file), Vault(store, file)
    await fill(vault)
    assert await held(other) == PLAIN
    (old,) = file.read()
    done = await vault.rotate()
    (new,) = file.read()
    assert (done.sealed, done.key, done.dropped, done.needless) == (len(PLAIN), new.name, (old.name,), ())
    assert await vault.keys() == {new.name: len(PLAIN)}
    assert await held(vault) == await held(other) == PLAIN  # the other still had the old key in memory


async def test_rotation_of_the_environment_s_keys(store: SqlStore) -> None:
    """Keys of the environment are changed by their owner: a new one in front, and the old one out when told so."""
    old, new = Key.new(), Key.new()
    await fill(Vault(store, EnvironmentKeys(old.text())))
    alone = await Vault(store, EnvironmentKeys(old.text())).rotate()
    assert (alone.sealed, alone.key, alone.needless) == (0, old.name, ())
    done = await Vault(store, EnvironmentKeys(f"{new.text()},{old.text()}")).rotate()
    assert (done.sealed, done.key, done.needless) == (len(PLAIN), new.name, (old.name,))
    assert await held(Vault(store, EnvironmentKeys(new.text()))) == PLAIN


class Crash(Exception):
    """The process dies here."""


@pytest.mark.parametrize("after", range(7))
async def test_rotation_may_be_interrupted(store: SqlStore, file: FileKeys, after: int) -> None:
    """Wherever a change of keys breaks off, every secret opens, before and after it is taken up and ended."""
    await fill(Vault(store, file))
    steps = iter(range(after))

    def step() -> None:
        if next(steps, None) is None:
            raise Crash

    class Breaking(FileKeys):
        def write(self, keys: Sequence[Key]) -> None:
            step()
            super().write(keys)
            step()

    class BreakingStore(SqlStore):
        async def replace_sealed(self, record: str, slot: str, old: str, new: str) -> bool:
            step()
            return await SqlStore.replace_sealed(self, record, slot, old, new)

    breaking = BreakingStore(str(store._database._writer.url))
    await breaking.open()
    try:
        with pytest.raises(Crash):
            await Vault(breaking, Breaking(Path(file.shown))).rotate()
    finally:
        await breaking.close()
    assert await held(Vault(store, file)) == PLAIN
    await Vault(store, file).put("source/new", "x", Secret("put in between"))
    await Vault(store, file).rotate()
    (key,) = file.read()
    assert {key_name(sealed) for *_, sealed in await store.all_sealed()} == {key.name}
    assert await held(Vault(store, file)) == PLAIN


async def test_a_secret_put_during_a_rotation_keeps_its_key(store: SqlStore, file: FileKeys) -> None:
    """A process that read the keys before a change began, and stores after it ended, seals once more."""
    await fill(Vault(store, file))
    vault, real = Vault(store, file), store.put_sealed

    async def late(record: str, slot: str, sealed: str) -> None:
        if key_name(sealed) == before.name:
            await Vault(store, file).rotate()  # begins and ends while the sealed text is on its way
        await real(record, slot, sealed)

    (before,) = file.read()
    store.put_sealed = late  # type: ignore[method-assign]  # to act at that very moment
    await vault.put("source/new", "x", Secret("late"))
    assert before not in file.read()
    secret = await Vault(store, file).get("source/new", "x")
    assert secret is not None
    assert secret.reveal() == "late"
