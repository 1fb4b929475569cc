"""Where the keys come from: the variable HEADRACE_KEY, the system's keyring, or a file.

There may be several: the first seals, every one opens. More than one is there only while keys are being changed.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from headrace.errors import HeadraceError
from headrace.keep.seal import Key

_KEYRING = "keyring"
_SERVICE = "headrace"


class KeyPlace(Protocol):
    """A place that holds keys."""

    shown: str  # for messages
    writable: bool  # whether Headrace itself may change what is there

    def read(self) -> list[Key]:
        """The keys, the sealing one first; none where there is no key yet."""
        ...

    def create(self) -> list[Key]:
        """Make the first key, unless another process was faster; the keys that are there now."""
        ...

    def write(self, keys: Sequence[Key]) -> None:
        """Replace all keys, whole or not at all."""
        ...


def key_place(env: Mapping[str, str], home: Path) -> KeyPlace:
    """The place that the environment names; without it, the file ``key`` in the state folder."""
    named = env.get("HEADRACE_KEY", "").strip()
    if named == _KEYRING or named.startswith(f"{_KEYRING}:"):
        return KeyringKeys(named.partition(":")[2] or "key")
    if named:
        return EnvironmentKeys(named)
    file = env.get("HEADRACE_KEY_FILE")
    return FileKeys(Path(file).absolute() if file else home / "key")


class EnvironmentKeys:
    """Keys in HEADRACE_KEY, separated by commas."""

    shown = "HEADRACE_KEY"
    writable = False

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> list[Key]:
        return _parsed(self._text.replace(",", " ").split(), self.shown)

    def create(self) -> list[Key]:
        return self.read()

    def write(self, keys: Sequence[Key]) -> None:
        raise TypeError("the environment is not ours to change")


class FileKeys:
    """A key a line, in a file that only its owner can read."""

    writable = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self.shown = str(path)

    def read(self) -> list[Key]:
        try:
            lines = self._path.read_text("ascii").split()
        except FileNotFoundError:
            return []
        except UnicodeDecodeError:
            lines = [""]
        except OSError as error:
            raise _unusable(self.shown, error.strerror or "it cannot be read", "Mend that") from error
        return _parsed(lines or [""], self.shown)

    def create(self) -> list[Key]:
        try:
            aside = self._written([Key.new()])
            try:
                os.link(aside, self._path)  # fails where another process made one meanwhile
            except FileExistsError:
                pass
            finally:
                aside.unlink()
        except OSError as error:
            raise _unusable(self.shown, error.strerror or "it cannot be written", "Mend that") from error
        return self.read()

    def write(self, keys: Sequence[Key]) -> None:
        try:
            os.replace(self._written(keys), self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _unusable(self.shown, error.strerror or "it cannot be written", "Mend that") from error

    def _written(self, keys: Sequence[Key]) -> Path:
        """The keys in a file beside the real one, on the disk for good."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        with suppress(FileNotFoundError):
            aside.unlink()
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.writelines(f"{key.text()}\n" for key in keys)
            file.flush()
            os.fsync(descriptor)
        return aside


class KeyringKeys:
    """An entry of the system's keyring, by the library `keyring`."""

    writable = True

    def __init__(self, entry: str) -> None:
        self._entry = entry
        self.shown = f"the keyring's entry {_SERVICE}/{entry}"

    def read(self) -> list[Key]:
        text = self._ask("get_password")
        return _parsed(text.split(), self.shown) if text else []

    def create(self) -> list[Key]:
        if not self.read():
            self.write([Key.new()])
        return self.read()

    def write(self, keys: Sequence[Key]) -> None:
        self._ask("set_password", " ".join(key.text() for key in keys))

    def _ask(self, verb: str, *more: str) -> Any:
        try:
            library = importlib.import_module("keyring")
        except ImportError as error:
            raise HeadraceError(
                'The library for keyrings is not installed. Run: pip install "headrace[keyring]"', code="key"
            ) from error
        try:
            return getattr(library, verb)(_SERVICE, self._entry, *more)
        except Exception as error:  # noqa: BLE001  each system's keyring fails in its own way; none may quote a key
            raise _unusable(self.shown, type(error).__name__, "Unlock it, or set HEADRACE_KEY") from None


def _parsed(texts: Sequence[str], place: str) -> list[Key]:
    try:
        return [Key.parse(text) for text in texts]
    except ValueError as error:
        raise _unusable(place, str(error), "Put the key back; a new one is made with: headrace key new") from error


def _unusable(place: str, why: str, mend: str) -> HeadraceError:
    return HeadraceError(f"The key in {place} cannot be used: {why}. {mend}.", code="key")
