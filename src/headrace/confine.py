"""Which files a definition that was made in the page or by the API may name: those of the project's folder.

Whoever makes one may sit far away, with nothing but the API. The machine's other files, the state folder with the
store and its keys, and hidden files such as ``.env`` are none of theirs. What stands in a file may name any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from headrace.connector import Field

CODE = "path_outside"


def outside(path: str, base: Path, home: Path | None = None) -> str:
    """Why a path, or a pattern of files, may not be named; "" where it may. ``home`` is the state folder."""
    given = Path(path)
    if given.is_absolute() or ".." in given.parts or not is_inside(base / given, base):
        return (
            f"{path!r} leads out of the project's folder. Put the files there and name them from there; what lies "
            "elsewhere is named in headrace.yaml."
        )
    if "://" not in path and any(part.startswith(".") for part in given.parts):
        return f"{path!r} is hidden, and hidden files are Headrace's and the machine's own. Name another place."
    if home is not None and is_inside(base / given, home):
        return f"{path!r} lies in the state folder, where Headrace keeps what it knows. Name another place."
    return ""


def is_inside(path: Path, folder: Path) -> bool:
    """Whether the path is the folder or lies in it, once all links are followed."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle
        return False


def paths(fields: Iterable[Field], settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The paths among settings, each with its field: ``bucket.tls_ca``."""
    for field in fields:
        value = settings.get(field.name)
        if field.kind == "path" and value:
            yield field.name, str(value)
        elif field.kind == "group" and isinstance(value, Mapping):
            yield from ((f"{field.name}.{name}", path) for name, path in paths(field.fields, value))
