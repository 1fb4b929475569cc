"""What the sources add to their drivers, as Markdown: ``python -m benchmarks.report_sources``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from benchmarks.places import RESULTS

AIM = 0.15  # of the driver's own CPU time, at most


def markdown(results: dict[str, Any]) -> str:
    """The circumstances and the table."""
    facts = results["circumstances"]
    head = (
        f"{facts['cores']} cores ({facts['cpu']}), Python {facts['python']}, Headrace {facts['headrace']}, "
        f"median of {facts['rounds']} rounds; the databases run on the same cores."
    )
    return f"{head}\n\n" + "\n".join(_table(results["measurements"]))


def _table(lines: list[dict[str, Any]]) -> Iterator[str]:
    yield (
        "| source | rows | rows/s, driver alone | rows/s, Headrace | CPU s per 1M rows, driver alone "
        "| CPU s per 1M rows, Headrace | more CPU | memory grown, MB, driver alone | memory grown, MB, Headrace |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for line in lines:
        alone, ours = line["plain"], line["headrace"]
        note = f" ({line['note']})" if line["note"] else ""
        more = ours["cpu_per_million"] / alone["cpu_per_million"] - 1
        yield (
            f"| {line['name']}{note} | {line['rows']:,} "
            f"| {alone['rows_per_second']:,.0f} | {ours['rows_per_second']:,.0f} "
            f"| {alone['cpu_per_million']:.2f} | {ours['cpu_per_million']:.2f} | {more:+.0%} "
            f"| {alone['grown_mb']:.0f} | {ours['grown_mb']:.0f} |"
        )


def main() -> None:
    print(markdown(json.loads((RESULTS / "sources.json").read_text())))


if __name__ == "__main__":
    main()
