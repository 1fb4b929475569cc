"""The vault: `headrace.access.Keep` over the store, which holds sealed texts only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from headrace.access import SealedStore
from headrace.aio import in_thread
from headrace.errors import HeadraceError
from headrace.keep.keys import KeyPlace
from headrace.keep.seal import Key, Unopenable, key_name, seal, unseal
from headrace.model import Secret

VALUE = "value"


def variable(name: str) -> str:
    """The record of a variable for ``${NAME}`` in the configuration; its slot is `VALUE`."""
    return f"variable/{name}"


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a change of keys did."""

    sealed: int  # secrets that were sealed anew
    key: str  # name of the key that seals now
    dropped: tuple[str, ...]  # names of the keys that were thrown away
    needless: tuple[str, ...]  # names of the keys that are not needed any more, and that we may not throw away


class Vault:
    """Seals and opens. Another process may change the keys at any time: a key that is missed is looked for again."""

    def __init__(self, store: SealedStore, place: KeyPlace) -> None:
        self._store = store
        self._place = place
        self._keys: list[Key] = []

    async def put(self, record: str, slot: str, secret: Secret) -> None:
        key, used = await self._sealing_key(), None
        while key != used:  # sealed while another process changes the keys, it would miss its key soon
            await self._store.put_sealed(record, slot, seal(key, record, slot, secret.reveal()))
            key, used = await self._sealing_key(), key

    async def get(self, record: str, slot: str) -> Secret | None:
        sealed = await self._store.read_sealed(record, slot)
        return None if sealed is None else Secret(await self._opened(record, slot, sealed))

    async def delete(self, record: str, slot: str) -> None:
        await self._store.delete_sealed(record, slot)

    async def slots(self, record: str) -> list[str]:
        return [slot for held, slot, _ in await self._store.all_sealed() if held == record]

    async def records(self) -> list[str]:
        """Every record that holds something, sorted."""
        return sorted({record for record, _, _ in await self._store.all_sealed()})

    async def keys(self) -> dict[str, int]:
        """How many secrets each key opens, by its name; the sealing key first, then those that are not here."""
        self._keys = await in_thread(self._place.read)
        counts = Counter(_key_of(record, slot, sealed) for record, slot, sealed in await self._store.all_sealed())
        names = [key.name for key in self._keys]
        return {name: counts[name] for name in [*names, *(name for name in counts if name not in names)]}

    async def rotate(self) -> Rotation:
        """Seal everything with the newest key, and throw the others away.

        Makes a new key, unless one waits from a change that was interrupted, or from the user. May be interrupted at
        any time: both keys are kept until the last secret is sealed anew, and the next call goes on.
        """
        self._keys = await in_thread(self._place.read)
        if self._place.writable and len(self._keys) < 2:
            self._keys = [Key.new(), *self._keys]
            await in_thread(self._place.write, self._keys)
        if not self._keys:
            raise _no_key(self._place.shown)
        key, sealed = self._keys[0], 0
        for record, slot, old in await self._store.all_sealed():
            if _key_of(record, slot, old) == key.name:
                continue
            new = seal(key, record, slot, await self._opened(record, slot, old))
            sealed += await self._store.replace_sealed(record, slot, old, new)
        return await self._without_the_old(key, sealed)

    async def _without_the_old(self, key: Key, sealed: int) -> Rotation:
        """Forget the keys that nothing is sealed with any more: what was put meanwhile may still need one."""
        needed = {_key_of(*each) for each in await self._store.all_sealed()} | {key.name}
        old = tuple(each.name for each in self._keys if each.name not in needed)
        if not self._place.writable:
            return Rotation(sealed, key.name, (), old)
        self._keys = [each for each in self._keys if each.name in needed]
        await in_thread(self._place.write, self._keys)
        return Rotation(sealed, key.name, old, ())

    async def _sealing_key(self) -> Key:
        self._keys = await in_thread(self._place.read)  # each time: another process may have begun a change of keys
        if not self._keys:
            if await self._store.all_sealed():
                raise _no_key(self._place.shown)
            self._keys = await in_thread(self._place.create)
        return self._keys[0]

    async def _opened(self, record: str, slot: str, sealed: str) -> str:
        name = _key_of(record, slot, sealed)
        if all(key.name != name for key in self._keys):
            self._keys = await in_thread(self._place.read)
        key = next((key for key in self._keys if key.name == name), None)
        if key is None:
            raise HeadraceError(
                f"{_shown(record, slot)} was sealed with the key {name}, which is not in "
                f"{self._place.shown}. Put that key back, or {_anew(record)}.",
                code="key_missing",
            )
        try:
            return unseal(key, record, slot, sealed)
        except Unopenable as error:
            raise _damaged(record, slot) from error


def _shown(record: str, slot: str) -> str:
    kind, _, name = record.partition("/")
    return f"The secret {name!r}" if record == variable(name) else f"The {slot} of the {kind} {name!r}"


def _anew(record: str) -> str:
    kind, _, name = record.partition("/")
    again = f"set it again: headrace secret set {name}"
    return again if kind == "variable" else f"begin anew: headrace ssh-key forget {name}"


def _key_of(record: str, slot: str, sealed: str) -> str:
    try:
        return key_name(sealed)
    except Unopenable as error:
        raise _damaged(record, slot) from error


def _damaged(record: str, slot: str) -> HeadraceError:
    return HeadraceError(
        f"{_shown(record, slot)} cannot be opened: it was changed, or belongs to another record. "
        f"Find out who writes to the store, and {_anew(record)}.",
        code="secret_damaged",
    )


def _no_key(place: str) -> HeadraceError:
    return HeadraceError(
        f"The store holds secrets, and there is no key in {place}. Put the key back that sealed them: it is in the "
        "file `key` of the state folder, unless HEADRACE_KEY or HEADRACE_KEY_FILE named another place. If it is lost, "
        "make another (headrace key new), put it there, and set every secret again.",
        code="key_missing",
    )
