"""What is wrong, collected: a configuration is read to its end, and everything is said at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from headrace.config.nodes import Node, Scalar
from headrace.errors import Finding

_LONGEST_VALUE = 80  # characters of a value that are shown


@dataclass(slots=True)
class Report:
    """The errors, and what is allowed but unwise."""

    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def add(self, node: Node, where: str, message: str, code: str, value: str = "") -> None:
        """An error at the node. ``value`` is shown as given here: never pass a secret, or what stood in one."""
        self.findings.append(Finding(node.file, node.line, where, value, message, code))

    def warn(self, node: Node, where: str, message: str, code: str) -> None:
        self.warnings.append(Finding(node.file, node.line, where, "", message, code))


def written(node: Node) -> str:
    """The value as it stands in the file, for messages: before variables are put in, and cut to a line's length."""
    text = node.text if isinstance(node, Scalar) else ""
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def nearest(name: str, known: Iterable[str]) -> str:
    """``Did you mean x? Known: …``"""
    names = sorted(known)
    folded = {known_name.lower(): known_name for known_name in names}
    near = difflib.get_close_matches(name.lower(), folded, n=1)
    hint = f"Did you mean {folded[near[0]]}? " if near else ""
    return hint + (f"Known: {', '.join(names)}." if names else "None is defined.")
