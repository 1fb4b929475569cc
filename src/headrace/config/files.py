"""Where a configuration lies on disk: the only place in this package that reads files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headrace.config.nodes import MOST_BYTES
from headrace.errors import Finding

MAIN = "headrace.yaml"
FOLDER = "headrace"
_MENTIONED = re.compile(rb"\$\{([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class File:
    """A configuration file: its name relative to the project, and its content."""

    name: str
    data: bytes


def read(base: Path) -> tuple[list[File], list[Finding]]:
    """``headrace.yaml``, then ``headrace/*.yaml`` by name; and what is wrong with files that are not read."""
    files: list[File] = []
    findings: list[Finding] = []
    try:
        candidates = list(_candidates(base))
    except OSError as error:
        message = f"The folder {base} cannot be read: {error.strerror}. Give this user the right to read it."
        return [], [Finding(MAIN, 1, "project", "", message, "unreadable_file")]
    for path in candidates:
        name = path.relative_to(base).as_posix()
        if path.suffix == ".yml":
            message = f"This file is not read. Rename it to {path.stem}.yaml."
            findings.append(Finding(name, 1, "file", "", message, "wrong_file_name"))
            continue
        try:
            files.append(File(name, _bytes(path)))
        except OSError as error:
            message = f"The file cannot be read: {error.strerror or error}. Give this user the right to read it."
            findings.append(Finding(name, 1, "file", "", message, "unreadable_file"))
    if not files and not findings:
        message = f"There is no {MAIN} in {base}. Run `headrace init` to make one, or go to the folder that has it."
        findings.append(Finding(MAIN, 1, "project", "", message, "no_configuration"))
    return files, findings


def mentioned(data: bytes) -> set[str]:
    """The names of the variables that a text mentions, be it in a comment."""
    return {name.decode() for name in _MENTIONED.findall(data)}


def read_query(base: Path, name: str) -> str:
    """The text of a query file, relative to the project. Raises `ValueError` that says what to do."""
    try:
        data = _bytes(base / name)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"The query file cannot be read: {reason}. Name a file below {base}.") from None
    if len(data) > MOST_BYTES:
        raise ValueError(f"The query file is larger than {MOST_BYTES:,} bytes. Write a shorter query.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("The query file is not UTF-8. Save it as UTF-8.") from None


def _bytes(path: Path) -> bytes:
    """The content, but little more than the limit of a file that is too large."""
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _candidates(base: Path) -> Iterator[Path]:
    stem = Path(MAIN).stem
    yield from (path for suffix in (".yaml", ".yml") if (path := base / f"{stem}{suffix}").is_file())
    folder = base / FOLDER
    if folder.is_dir():
        yield from sorted(
            path for path in folder.iterdir() if path.suffix in (".yaml", ".yml") and not path.name.startswith(".")
        )
