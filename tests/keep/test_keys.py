"""Where keys come from."""

from __future__ import annotations

import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from headrace.errors import HeadraceError
from headrace.keep.keys import EnvironmentKeys, FileKeys, KeyringKeys, key_place
from headrace.keep.seal import Key

ONE, TWO = Key.new(), Key.new()


def test_the_variable_holds_one_or_several(tmp_path: Path) -> None:
    """HEADRACE_KEY holds keys, by commas; the first seals."""
    place = key_place({"HEADRACE_KEY": f"{ONE.text()}, {TWO.text()}"}, tmp_path)
    assert isinstance(place, EnvironmentKeys)
    assert place.read() == place.create() == [ONE, TWO]


def test_a_file_is_made_when_it_is_needed(tmp_path: Path) -> None:
    """The key file of the state folder is made once, for its owner alone; reading makes nothing."""
    place = key_place({}, tmp_path / "home")
    assert place.read() == []
    assert not (tmp_path / "home").exists()
    made = place.create()
    assert len(made) == 1
    assert place.create() == place.read() == made
    assert stat.S_IMODE((tmp_path / "home" / "key").stat().st_mode) == 0o600
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["key"]


def test_another_file_may_be_named(tmp_path: Path) -> None:
    """HEADRACE_KEY_FILE names the file, where a system hands keys out."""
    (tmp_path / "mounted").write_text(f"{TWO.text()}\n")
    assert key_place({"HEADRACE_KEY_FILE": str(tmp_path / "mounted")}, tmp_path / "home").read() == [TWO]


def test_two_that_make_the_file_get_one_key(tmp_path: Path) -> None:
    """Processes that need the first key at the same moment end with the same one."""
    places = [FileKeys(tmp_path / "key") for _ in range(8)]
    (tmp_path / "key.0.tmp").touch()  # what a crash left is in nobody's way
    with ThreadPoolExecutor(1) as pool:
        found = list(pool.map(lambda place: place.create(), places))
    assert len({keys[0].name for keys in found}) == 1


@pytest.mark.parametrize("text", ["", "nonsense", "ö", f"{ONE.text()}\nnonsense"], ids=["empty", "none", "ö", "half"])
def test_a_bad_file_is_told(tmp_path: Path, text: str) -> None:
    """A file that holds no key is told with its path, and never with what it holds."""
    (tmp_path / "key").write_text(text)
    with pytest.raises(HeadraceError, match="headrace key new") as caught:
        FileKeys(tmp_path / "key").read()
    assert str(tmp_path / "key") in caught.value.message
    assert ONE.text() not in caught.value.message
    assert caught.value.code == "key"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The reason of the system is told."""
    (tmp_path / "file").touch()
    with pytest.raises(HeadraceError, match="cannot be used"):
        FileKeys(tmp_path / "file" / "key").create()


class Keyring(ModuleType):
    """Stands in for the system's keyring, of which a machine without a desktop has none."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, entry: str) -> str | None:
        return self.held.get((service, entry))

    def set_password(self, service: str, entry: str, text: str) -> None:
        self.held[service, entry] = text


def test_the_keyring_holds_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HEADRACE_KEY=keyring takes the key from the system's keyring, and makes it there; a name tells entries apart."""
    keyring = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    place, other = (key_place({"HEADRACE_KEY": named}, tmp_path) for named in ("keyring", "keyring:staging"))
    assert isinstance(place, KeyringKeys)
    assert place.read() == []
    (made,) = place.create()
    assert place.create() == [made]
    assert keyring.held == {("headrace", "key"): made.text()}
    other.write([ONE, TWO])
    assert other.read() == [ONE, TWO]


def test_a_keyring_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A locked keyring is told in our words; its own, which may quote a key, go nowhere."""

    class Locked(Keyring):
        def get_password(self, service: str, entry: str) -> str | None:
            raise RuntimeError("it is secret-word")

    monkeypatch.setitem(sys.modules, "keyring", Locked())
    with pytest.raises(HeadraceError, match="Unlock it") as caught:
        key_place({"HEADRACE_KEY": "keyring"}, tmp_path).read()
    assert "secret-word" not in str(caught.value)


def test_a_missing_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional library, the message says how to get it."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(HeadraceError, match=r'pip install "headrace\[keyring\]"'):
        key_place({"HEADRACE_KEY": "keyring"}, tmp_path).read()
