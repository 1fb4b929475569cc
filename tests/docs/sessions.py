"""The sessions shown in the documentation, run again: files are written, commands typed, outputs compared.

In an expected output, a line ``…`` stands for any lines and ``[…]`` for any text within a line. Ids of runs, durations
and the folder ``/home/you`` are those of the day.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.markdown import Page

_BLOCK = re.compile(
    r"^`(?P<file>[\w./-]+)`[^\n]*\n(?:[^\n`]+[^\n]*\n)*\n```\w+\n(?P<text>.*?)^```$"
    r"|^```console\n(?P<console>.*?)^```$"
    r"|(?P<typed>(?:^ {4}\S[^\n]*\n)+)",
    re.MULTILINE | re.DOTALL,
)
_HEADRACE = f'headrace() {{ "{sys.executable}" -c "from headrace.cli.main import main; main()" "$@"; }}'
_RUN_ID = r"\d{8}-\d{6}-[0-9a-z]{6}"
_OPEN = re.compile(rf"({_RUN_ID})|(\bin \d+(?:\.\d)? (?:s|min)\b)|(\[…\])|(^…\n?)", re.MULTILINE)


@dataclass
class Shell:
    """A shell in a folder, which ``cd`` changes. The folder it began in is shown as ``/home/you``."""

    home: Path
    env: Mapping[str, str] = field(default_factory=dict)
    edit: Callable[[str], str] = str  # what a reader changes in a file: the address of the server
    here: Path = field(init=False)
    runs: dict[str, str] = field(default_factory=dict)  # id on the page → id of today

    def __post_init__(self) -> None:
        self.here = self.home

    def type(self, command: str) -> str:
        """What the command prints on both outputs."""
        for shown, real in self.runs.items():
            command = command.replace(shown, real)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        place = self.home / ".here"
        done = subprocess.run(
            ["bash", "-c", f"{_HEADRACE}\n{command}\npwd > {place}"],
            cwd=self.here, env={**clean, "COLUMNS": "100", **self.env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )  # fmt: skip
        self.here = Path(place.read_text().strip())
        return done.stdout.replace(str(self.home), "/home/you")

    def follow(self, text: str) -> int:
        """Do all that a page's text shows; returns the number of outputs compared."""
        compared = 0
        for block in _BLOCK.finditer(text):
            if block["file"]:
                (self.here / block["file"]).write_text(self.edit(block["text"]), "utf-8")
            for line in (block["typed"] or "").splitlines():
                self.type(line)
            for command, expected in steps(block["console"] or ""):
                self.compare(command, expected, self.type(command))
                compared += 1
        return compared

    def compare(self, command: str, expected: str, printed: str) -> None:
        actual = tidy(printed)
        pattern, ids = _pattern(tidy(expected))
        match = re.fullmatch(pattern, actual, re.DOTALL)
        assert match, f"$ {command}\n--- the page\n{tidy(expected)}\n--- today\n{actual}"
        self.runs.update(zip(ids, match.groups(), strict=True))


def section(page: Page, heading: str) -> str:
    """The text below a heading of the second level that begins so."""
    found = re.search(rf"^## {re.escape(heading)}.*?\n(.*?)(?=^## |\Z)", page.text, re.MULTILINE | re.DOTALL)
    assert found, f"{page.name} has no heading {heading!r}"
    return found[1]


def steps(console: str) -> Iterator[tuple[str, str]]:
    """Each command of a session with what is shown below it."""
    for step in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _, output = step.partition("\n")
        yield command, output


def tidy(output: str) -> str:
    """Without the blanks that fill a table up, and without blank lines around and doubled."""
    text = "\n".join(line.rstrip() for line in output.splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def _pattern(expected: str) -> tuple[str, list[str]]:
    """The output as a regular expression with a group per id of a run, and those ids."""
    pattern, ids, at = "", [], 0
    for match in _OPEN.finditer(expected):
        run, took, _, lines = match.groups()
        pattern += re.escape(expected[at : match.start()])
        if run:
            ids.append(run)
        pattern += f"({_RUN_ID})" if run else r"in [\d.]+ s" if took else r"(?:[^\n]*\n)*?" if lines else r"[^\n]*"
        at = match.end()
    return pattern + re.escape(expected[at:]), ids
