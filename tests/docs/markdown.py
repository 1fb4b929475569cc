"""What tests need of a Markdown file: its code, its links, its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4}.*\n?)+", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One file, by its path from the root of the repository."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @property
    def prose(self) -> str:
        """The text without its code blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[str]:
        """The fenced blocks in one of the languages."""
        return [m["text"] for m in _FENCE.finditer(self.text) if m["language"] in languages]

    def indented(self) -> list[str]:
        return _INDENTED.findall(self.prose)

    def spans(self) -> list[str]:
        return _SPAN.findall(self.prose)

    def links(self) -> list[str]:
        """Where links within the repository lead."""
        return [link for link in _LINK.findall(_SPAN.sub("", self.prose)) if not re.match(r"[a-z]+:", link)]

    def anchors(self) -> set[str]:
        """The headings as links name them."""
        headings = (re.sub(r"[`*]|\]\(.*?\)|\[", "", heading).lower() for heading in _HEADING.findall(self.prose))
        return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in headings}

    def commands(self) -> Iterator[str]:
        """The command lines of Headrace in its blocks of code."""
        for block in [*self.blocks("sh", "console", "bash", "shell"), *self.indented()]:
            for line in block.replace("\\\n", " ").splitlines():
                if found := re.match(r"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?headrace (.*)", line.strip()):
                    yield found[1]


def pages() -> list[Page]:
    """Every Markdown file of the repository."""
    folders = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
    return [Page(path) for path in sorted(folders)]
