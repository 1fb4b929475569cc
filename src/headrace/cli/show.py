"""How facts look: JSON for programs, words and tables for people, at any width."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headrace.calls.batch import iso
from headrace.cli.guard import ReaderGone
from headrace.model import Check, Run, RunState
from headrace.preview import Preview


class _Screen(Console):
    def on_broken_pipe(self) -> None:
        raise ReaderGone


out = _Screen(highlight=False)
err = _Screen(stderr=True, highlight=False)

_COLOURS = {
    RunState.SUCCEEDED: "green",
    RunState.PARTIAL: "yellow",
    RunState.FAILED: "red",
    RunState.CANCELLED: "magenta",
    RunState.SKIPPED: "bright_black",
}
_OUTCOMES = ("delivered", "duplicate", "invalid", "rejected", "pending")
_VALUES = 400  # characters of a failed row's values


def print_json(fact: object) -> None:
    """One object on standard output."""
    _print_json(fact, indent=2)


def print_json_line(fact: object) -> None:
    """One object on a line of its own."""
    _print_json(fact)


def _print_json(fact: object, indent: int | None = None) -> None:
    """JSON whatever the encoding of the output: where that is not UTF-8, other letters are escaped."""
    if sys.stdout is None:  # closed by whoever started us
        return
    escaped = not (sys.stdout.encoding or "").lower().startswith("utf")
    sys.stdout.write(json.dumps(fact, ensure_ascii=escaped, indent=indent, default=str) + "\n")


def moment(value: datetime | None) -> str | None:
    return iso(value) if value else None


def run_fact(run: Run) -> dict[str, Any]:
    """A run as `--json` tells it."""
    return {
        "id": run.id,
        "sync": run.sync,
        "state": run.state.value,
        "call": run.call.value if run.call else None,
        "trigger": run.trigger,
        "extracted": run.extracted,
        "last_sync_time": run.cursor,
        "next_last_sync_time": run.as_of if run.state in (RunState.SUCCEEDED, RunState.PARTIAL) else run.cursor,
        "created_at": moment(run.created_at),
        "started_at": moment(run.started_at),
        "ended_at": moment(run.ended_at),
        "error": f"{run.problem.message} [{run.problem.code}]" if run.problem else None,
        "warnings": list(run.warnings),
        "destinations": {
            name: {outcome: getattr(counts, outcome) for outcome in _OUTCOMES} for name, counts in run.counts.items()
        },
    }


def state_text(state: RunState) -> Text:
    return Text(state.value, style=_COLOURS.get(state, "cyan"))


def runs_table(runs: Sequence[Run]) -> Table:
    """What became of each sync that was just run, a line per destination."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("sync", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("to", overflow="fold")
    for name in ("rows", "delivered", "dup.", "invalid", "rejected", "pending"):
        table.add_column(name, justify="right", no_wrap=True)
    for run in runs:
        head = [Text(run.sync), state_text(run.state)]
        rows = f"{run.extracted:,}"
        for name, counts in run.counts.items() or [("", None)]:
            numbers = [f"{getattr(counts, outcome):,}" if counts else "" for outcome in _OUTCOMES]
            table.add_row(*head, Text(name), rows, *numbers)
            head, rows = [Text(), Text()], ""
    return table


def history(runs: Sequence[Run]) -> Iterator[RenderableType]:
    """A line per run that begins with its id in full, and below it a line per destination."""
    width = max(len(run.sync) for run in runs)
    for run in runs:
        yield Text.assemble((run.id, "bold"), f"  {run.sync:{width}}  ", state_text(run.state), _took(run))
        for name, counts in run.counts.items():
            outcomes = {outcome: getattr(counts, outcome) for outcome in _OUTCOMES}
            told = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.items() if count)
            yield _indented(f"{name}: {told or 'no rows'}", "bright_black")
        if run.problem:
            yield _indented(run.problem.message, "red")


def _took(run: Run) -> str:
    """How long the run took; nothing where it did not begin, or has not ended."""
    if run.started_at is None or run.ended_at is None:
        return ""
    seconds = (run.ended_at - run.started_at).total_seconds()
    if seconds < 60:
        return f" in {seconds:.1f} s"
    minutes = round(seconds / 60)
    return f" in {minutes} min" if minutes < 60 else f" in {minutes // 60} h {minutes % 60} min"


def failed_row(record: Mapping[str, Any]) -> Iterator[Text]:
    """Why a row was not taken, and below it what the row held."""
    head = f"row {record['row']:,} → {record['destination'] or 'all destinations'}: "
    yield Text.assemble((head, "bold"), record["message"], f" [{record['code']}]")
    yield Text("  " + json.dumps(record["values"], ensure_ascii=False)[:_VALUES], "bright_black")


def _indented(line: str, style: str) -> Padding:
    return Padding(Text(line, style), (0, 0, 0, 4), expand=False)


def problems(run: Run) -> list[Text]:
    """What a person should know of a run besides its counts."""
    lines = [Text.assemble((f"{run.sync}: ", "bold"), (run.problem.message, "red"))] if run.problem else []
    lines += [Text.assemble((f"{run.sync}: ", "bold"), (warning, "yellow")) for warning in run.warnings]
    failed = any(counts.invalid or counts.rejected for counts in run.counts.values())
    if failed and not run.state.live:
        lines.append(Text.assemble((f"{run.sync}: ", "bold"), f"see each failed row with: headrace errors {run.id}"))
    return lines


def check_fact(check: Check) -> dict[str, Any]:
    return {
        "ok": check.ok,
        "problems": list(check.problems),
        "warnings": list(check.warnings),
        "facts": dict(check.facts),
    }


def print_check(role: str, name: str, kind: str, check: Check) -> None:
    mark = Text("✓", "green") if check.ok else Text("✗", "red")
    out.print(Text.assemble(mark, " ", (name, "bold"), f" ({kind} {role})"))
    lines = [(_facts(check.facts), "bright_black")] if check.facts else []
    lines += [(problem, "red") for problem in check.problems] + [(warning, "yellow") for warning in check.warnings]
    if grants := check.facts.get("grants"):
        lines.append(("What makes an account that can only read:", "bright_black"))
        lines += [(f"  {line}", "bright_black") for line in grants.splitlines()]
    for line, style in lines:  # to be copied, so never broken into two lines
        out.print(Text(f"    {line}", style), soft_wrap=True)


def _facts(facts: Mapping[str, str]) -> str:
    return ", ".join(f"TLS {value}" if key == "tls" else value for key, value in facts.items() if key != "grants")


def preview_fact(preview: Preview) -> dict[str, Any]:
    return {
        "columns": [{"name": name, "type": kind} for name, kind in preview.columns],
        "rows": [
            {
                "row": row.row,
                "values": row.values,
                "call": row.call,
                "errors": [{"code": e.code, "column": e.column, "message": e.message} for e in row.errors],
            }
            for row in preview.rows
        ],
        "warnings": list(preview.warnings),
    }


def print_preview(preview: Preview) -> None:
    """Each row, and beside it (below it, on narrow screens) the call it becomes."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 1, 0), expand=False)
    table.add_column("row", justify="right")
    table.add_column("values", overflow="fold", ratio=2)
    table.add_column("becomes", overflow="fold", ratio=3)
    for row in preview.rows:
        values = "\n".join(f"{name}: {_short(value)}" for name, value in row.values.items())
        if row.call is None:
            result = Text("\n".join(f"{e.message} [{e.code}]" for e in row.errors), "red")
        else:
            call = {key: value for key, value in row.call.items() if key != "messageId" or not _derived(value)}
            result = Text(json.dumps(call, ensure_ascii=False, indent=1))
        table.add_row(str(row.row), Text(values), result)
    out.print(table)
    for warning in preview.warnings:
        err.print(Text(warning, "yellow"))


def _derived(message_id: object) -> bool:
    return isinstance(message_id, str) and message_id.startswith("preview-")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:199] + "…"


def print_done(done: Sequence[Run]) -> None:
    """What became of runs that were just carried, and how to go on where one was interrupted."""
    if not done:
        out.print(Text("Nothing to run: no sync is enabled."))
        return
    out.print(runs_table(done))
    for run in done:
        for line in problems(run):
            out.print(line)
        if run.state.live:
            out.print(Text(f"{run.sync}: interrupted. Go on with: headrace run {run.sync}", "yellow"))
