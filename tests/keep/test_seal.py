"""Sealing one secret."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.keep.seal import Key, Unopenable, key_name, seal, unseal

KEY = Key.new()


@given(st.text(), st.text(), st.text())
def test_what_was_sealed_is_opened(record: str, slot: str, plain: str) -> None:
    """Any text comes back, for any record and slot."""
    assert unseal(KEY, record, slot, seal(KEY, record, slot, plain)) == plain


def test_the_same_secret_is_never_sealed_alike() -> None:
    """Equal secrets cannot be told from their sealed texts."""
    assert len({seal(KEY, "r", "s", "secret") for _ in range(100)}) == 100


@given(st.sampled_from([("source/b", "s"), ("source/a", "t"), ("source/as", ""), ("source/", "as")]))
def test_a_sealed_text_opens_in_its_place_only(place: tuple[str, str]) -> None:
    """Moved to another record or slot, it does not open."""
    with pytest.raises(Unopenable):
        unseal(KEY, *place, seal(KEY, "source/a", "s", "secret"))


@given(st.data())
def test_a_changed_text_does_not_open(data: st.DataObject) -> None:
    """Any bit that is turned over is noticed."""
    head, _, body = seal(KEY, "r", "s", "secret").rpartition(".")
    raw = bytearray(base64.b64decode(body))
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Unopenable):
        unseal(KEY, "r", "s", f"{head}.{base64.b64encode(raw).decode()}")


@pytest.mark.parametrize("damaged", ["", "x", "v1", "v1.abc", "v2.abc.AAAA", "v1.abc.!", "v1.abc."])
def test_a_text_that_is_none_of_ours_is_refused(damaged: str) -> None:
    """Whatever stands in the store instead of a sealed text is told as damage, and is no crash."""

    def opened() -> str:
        key_name(damaged)
        return unseal(KEY, "r", "s", damaged)

    with pytest.raises(Unopenable):
        opened()


def test_another_key_does_not_open() -> None:
    """The name of the key is no part of the key: a text with a forged name stays closed."""
    other = Key.new()
    forged = seal(other, "r", "s", "secret").replace(other.name, KEY.name)
    assert key_name(forged) == KEY.name
    with pytest.raises(Unopenable):
        unseal(KEY, "r", "s", forged)


def test_a_key_is_written_and_read() -> None:
    """A key comes back from its text, and shows itself nowhere else."""
    key = Key.new()
    assert Key.parse(key.text()) == key
    assert key.text() not in repr(key)
    assert repr(key.material) not in repr(key)


@pytest.mark.parametrize("text", ["", "short", "ö" * 43, "A" * 42, "A" * 44, "A" * 86])
def test_what_is_no_key_is_refused(text: str) -> None:
    """Text that is no key is refused without being repeated."""
    with pytest.raises(ValueError, match="32 bytes") as caught:
        Key.parse(text)
    assert not text or text not in str(caught.value)
