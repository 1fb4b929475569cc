"""The files of the built page: which there are, how they are encoded, and how long a browser may keep each.

The build writes ``NAME.br`` and ``NAME.gz`` beside what is worth it. A path is looked up among the files that were
found, never on the disk: there is no way out of the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOREVER = "public, max-age=31536000, immutable"  # its name changes with its content
ASK_AGAIN = "no-cache"  # kept, but only used after asking whether it is still the same
ENCODINGS = {"br": ".br", "gzip": ".gz"}  # the best first
INDEX = "/index.html"
_HASHED = "/assets/"
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",  # to be read here, not downloaded
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page; ``encoded`` leads from an encoding to where the file stands in it."""

    path: Path
    kind: str
    keep: str
    tag: str
    encoded: Mapping[str, Path]


class Files:
    """What is in a folder; looked at anew when the page was built again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: int | None = None
        self._found: Mapping[str, File] = {}
        self._now()

    def get(self, path: str) -> File | None:
        """The file at the path of an address, as ``/assets/index-4f2a.js``."""
        return self._now().get(path)

    @property
    def index(self) -> File | None:
        """The page itself; None before it is built."""
        return self.get(INDEX)

    def _now(self) -> Mapping[str, File]:
        try:
            built = (self._folder / INDEX[1:]).stat().st_mtime_ns
        except FileNotFoundError:
            built = None
        if built != self._seen:
            self._found = {} if built is None else dict(_found(self._folder))
            self._seen = built
        return self._found


def _found(folder: Path) -> list[tuple[str, File]]:
    paths = {path for path in folder.rglob("*") if path.is_file()}
    return [
        (name, _file(name, path, paths))
        for path in sorted(paths)
        if path.suffix in _KINDS and (name := f"/{path.relative_to(folder).as_posix()}")
    ]


def _file(name: str, path: Path, paths: set[Path]) -> File:
    beside = {encoding: path.with_name(path.name + ending) for encoding, ending in ENCODINGS.items()}
    return File(
        path=path,
        kind=_KINDS[path.suffix],
        keep=FOREVER if name.startswith(_HASHED) else ASK_AGAIN,
        tag=hashlib.sha256(path.read_bytes()).hexdigest()[:20],
        encoded={encoding: place for encoding, place in beside.items() if place in paths},
    )
